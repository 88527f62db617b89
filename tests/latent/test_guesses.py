"""latent.guesses: what is given, what is learned from, and how far guesses are trusted."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.measure import label

from glyphnb.latent.complete import iou
from glyphnb.latent.guesses import (
    Completed,
    Teachers,
    complete_face,
    complete_letters,
    gather_faces,
    judge_guesses,
    learn_styles,
    read_letters,
)
from glyphnb.latent.outlines import fill_outline, fit_letters, pen_distance
from glyphnb.letters.augment import Elastic, Scale, Shear, augment
from glyphnb.letters.files import save_glyphs
from glyphnb.letters.glyphs import GLYPH_SETS, GlyphnbError, GlyphnbWarning, GlyphSet
from glyphnb.letters.typefaces import find_fonts, render_glyphs


@pytest.mark.parametrize("shape", [(32, 32), (300, 120), (64, 200)])
def test_images_of_other_sizes(tmp_path, digits, shape):
    glyphs, space = digits
    face = glyphs[glyphs.faces == "STIX Bold"]
    for letter, ink in zip("257", face.ink[[2, 5, 7]], strict=True):
        side = min(shape)
        small = np.asarray(Image.fromarray(ink).resize((side, side), Image.Resampling.LANCZOS))
        sheet = np.zeros(shape, np.uint8)
        sheet[:side, :side] = small
        Image.fromarray(255 - sheet).save(tmp_path / f"{letter}.png")
    given, together = read_letters(tmp_path)
    assert together and given.letters.tolist() == list("257")
    drawn = complete_letters(space, given)
    exact = complete_letters(space, face[np.array([2, 5, 7])])
    assert iou(drawn.glyphs.ink / 255, exact.glyphs.ink / 255).min() > 0.75
    Image.fromarray(np.pad(255 - face.ink[3], 40, constant_values=255)).save(tmp_path / "3.png")
    assert not read_letters(tmp_path)[1]
    assert read_letters(tmp_path, "52")[0].letters.tolist() == ["2", "5"]


def test_given_letters_stay_as_they_are(digits):
    glyphs, space = digits
    face = glyphs[glyphs.faces == "STIX"]
    done = complete_letters(space, face[np.array([4, 1])])
    assert done.glyphs.letters.tolist() == list(GLYPH_SETS["digits"])
    assert np.flatnonzero(done.given).tolist() == [1, 4]
    exact = fill_outline(fit_letters(face, space, known=[1, 4], zoom=4))
    shares = iou(exact, done.glyphs.ink / 255)
    assert shares[done.given].min() == 1 and shares[~done.given].max() < 1
    assert 0 < done.overlap < 1


def a_hand(seed, letters="0123456789", face="DejaVu Sans", size=320):
    "Letters of a shaky thin pen."
    model = render_glyphs(letters, face, size)
    changes = [Shear(1.0, (-15, 15)), Scale(1.0, (0.8, 1.0)), Elastic(1.0, (0.01, 0.03))]
    bent = augment(model, len(letters), size, seed=seed, distortions=changes, shuffle=False)
    ink = [255 * fill_outline(pen_distance(letter) - size / 55) for letter in bent.ink]
    return GlyphSet(np.rint(ink).astype(np.uint8), bent.letters, [f"hand{seed}"] * len(ink))


@pytest.fixture(scope="module")
def teachers(digits):
    glyphs, _ = digits
    return Teachers(glyphs[glyphs.families != "STIX"], [], [])


@pytest.fixture(scope="module")
def pen(teachers):
    return learn_styles(teachers, pen=True)


def test_a_typeface_gets_outlines_and_a_thin_hand_gets_strokes(teachers, digits, monkeypatch):
    glyphs, outlines = digits
    pens = []
    monkeypatch.setattr(
        "glyphnb.latent.guesses.learn_styles",
        lambda teachers, pen=False, **options: (pens.append(pen), outlines)[1],
    )
    typeface = complete_face(teachers, glyphs[glyphs.faces == "STIX Bold"][:6])
    assert typeface.method == "outlines" and typeface.overlap > 0.6 and pens == [False]
    trust = judge_guesses(typeface)
    assert trust.enough and f"{typeface.overlap:.2f}" in trust.words
    complete_face(teachers, a_hand(1)[:6])
    assert pens == [False, False, True]  # it has tried strokes
    whole = complete_face(teachers, a_hand(1))
    assert whole.given.all() and whole.method == "none" and judge_guesses(whole).enough


def test_strokes_of_a_hand(digits, pen):
    _, outlines = digits
    done = [complete_letters(styles, a_hand(1)[:6]) for styles in (outlines, pen)]
    assert [face.method for face in done] == ["outlines", "strokes"]
    assert max(face.overlap for face in done) < 0.6
    pieces = [label(face.glyphs.ink[7] > 127).max() for face in done]
    assert pieces[1] == 1  # a 7 is one piece


@pytest.mark.parametrize(
    "overlap, average, words, enough",
    [
        (0.22, 0.1, "no letters of this face", False),
        (0.29, 0.3, "no letters of this face", False),
        (0.31, 0.3, "no better than an average letter", True),
        (0.7, 0.69, "no better than an average letter", True),
        (0.59, 0.4, "rough sketches", True),
        (0.6, 0.4, "good guesses", True),
        (np.nan, np.nan, "not checked", False),
    ],
)
def test_trust_in_words(shapes, overlap, average, words, enough):
    given = np.array([True, True, False, False, False, False])
    trust = judge_guesses(Completed(shapes, given, overlap, average, "outlines", None, 4))
    assert trust.words.startswith(words) and trust.enough == enough
    if overlap == overlap:
        assert f"{overlap:.2f}" in trust.words and f"{average:.2f}" in trust.words
    whole = Completed(shapes, ~given | given, overlap, average, "none", None, 4)
    assert judge_guesses(whole).enough


def test_a_hand_that_teaches_helps(teachers, pen):
    "The same hand under another name: its letters are then known."
    hand = a_hand(3)
    taught = learn_styles(teachers._replace(hands=[a_hand(3)], together=[True]), pen=True)
    helped, alone = (complete_letters(styles, hand[:5]) for styles in (taught, pen))
    truth = fill_outline(fit_letters(hand, taught, known=np.arange(5), zoom=4))
    shares = [iou(truth, done.glyphs.ink / 255)[5:].mean() for done in (alone, helped)]
    assert shares[1] > shares[0] + 0.1 and helped.overlap > alone.overlap


def test_a_letter_too_large_for_the_frame_is_not_cut(digits):
    hand = a_hand(4)
    ink = hand.ink.copy()
    ink[1] = 0
    ink[1, 2:318, 150:165] = 255  # a very tall one
    done = complete_letters(digits[1], GlyphSet(ink, hand.letters, hand.faces)[:5])
    assert done.glyphs.ink.shape[1] > 192 and done.glyphs.ink.shape[1] % 2 == 0
    assert max(done.glyphs.ink[:, side].max() for side in (0, -1)) == 0


class TestGatherFaces:
    @pytest.fixture(autouse=True)
    def few_faces(self, monkeypatch):
        few = {name: find_fonts()[name] for name in ("DejaVu Sans", "STIX")}

        def find(text=""):
            return {name: few[name] for name in few if name in find_fonts(text)}

        monkeypatch.setattr("glyphnb.latent.guesses.find_fonts", find)

    @pytest.fixture
    def hands(self, tmp_path):
        for seed, name in enumerate(("anna", "bert", "carl")):
            letters = "0123456789" if name != "bert" else "01234"
            hand = a_hand(seed, letters, size=100)
            (tmp_path / "hands" / name).mkdir(parents=True)
            for letter, ink in zip(hand.letters, hand.ink, strict=True):
                image = Image.fromarray(255 - ink)
                if name == "carl":  # each cut to its ink
                    image = image.crop(Image.fromarray(ink).getbbox())
                image.save(tmp_path / "hands" / name / f"{letter}.png")
        return tmp_path / "hands"

    def test_hands_in_folders(self, hands):
        (hands / "anna/notes.txt").write_text("mine")
        with pytest.warns(GlyphnbWarning) as said:
            found = gather_faces("digits", more=[hands])
        assert [hand.faces[0] for hand in found.hands] == ["anna", "carl"]
        assert found.together == [True, False]
        text = "\n".join(str(warning.message) for warning in said)
        assert "notes.txt" in text and "bert lacks 5 6 7 8 9" in text
        with pytest.raises(GlyphnbError, match="4 can draw 0 1 2"):  # two faces and two hands
            learn_styles(found)

    def test_the_hand_itself_is_not_learned_from(self, hands):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GlyphnbWarning)
            found = gather_faces("digits", more=[hands], but=hands / "anna")
        assert [hand.faces[0] for hand in found.hands] == ["carl"]

    def test_folders_of_letters_hold_the_same_hands(self, hands, tmp_path):
        for path in hands.glob("[ac]*/*.png"):
            place = tmp_path / "letters" / path.stem
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place / f"{path.parent.name}.png")
        found = gather_faces("digits", more=[tmp_path / "letters"])
        assert {hand.faces[0] for hand in found.hands} == {"anna", "carl"}

    def test_a_bad_font_is_named_and_skipped(self, tmp_path):
        fonts = tmp_path / "fonts"
        fonts.mkdir()
        shutil.copy(find_fonts()["STIX"], fonts / "good.ttf")
        (fonts / "bad.ttf").write_bytes(b"junk")
        cut = Path(find_fonts()["STIX"]).read_bytes()[:3000]
        (fonts / "cut.otf").write_bytes(cut)
        with pytest.warns(GlyphnbWarning) as said:
            found = gather_faces("digits", "STIX", [fonts])
        text = "\n".join(str(warning.message) for warning in said)
        assert "bad.ttf" in text and "cut.otf" in text and "good.ttf" not in text
        assert set(found.fonts.faces) == {"DejaVu Sans"}  # the good one is of the family left out
        with pytest.warns(GlyphnbWarning):
            found = gather_faces("digits", None, [fonts])
        assert set(found.fonts.faces) == {"DejaVu Sans", "STIX", "good"}

    def test_a_font_that_is_named_itself(self, tmp_path, make_font):
        bad, digits = tmp_path / "bad.ttf", {digit: [(0, 0, 150, 700)] for digit in "0123456789"}
        bad.write_bytes(b"junk")
        variable = make_font("Blocks.ttf", digits, bold=200)
        few = make_font("few.ttf", {"0": [(0, 0, 150, 700)]})
        with pytest.warns(GlyphnbWarning) as said:
            found = gather_faces("digits", more=[bad, f"{variable}:Bold", few])
        assert [str(warning.message) for warning in said] == [
            f"skipped {bad}: expected a TTF or OTF font, found something else; choose another file",
            f"skipped {few}: it lacks letters of digits",
        ]
        assert set(found.fonts.faces) == {"DejaVu Sans", "STIX", "Blocks Bold"}

    def test_what_gives_nothing_is_an_error(self, tmp_path, hands):
        with pytest.raises(FileNotFoundError, match="absent"):
            gather_faces("digits", more=[tmp_path / "absent"])
        with pytest.raises(GlyphnbError, match="anna lacks A B C"):
            gather_faces("latin", more=[hands])
        with pytest.raises(GlyphnbError, match="8 faces"):
            learn_styles(gather_faces("arabic"))
        with pytest.raises(GlyphnbError, match="no typeface"):
            gather_faces("katakana")


def test_a_saved_set_is_read_with_both_cases(tmp_path):
    save_glyphs(render_glyphs("AaBb", size=100), tmp_path, stem=None)
    given, together = read_letters(tmp_path)
    assert together and sorted(given.letters) == list("ABab")
