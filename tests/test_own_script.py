"""Letters of any script by range, baseline and form; where they come from; and more distortions."""

import hashlib
import json

import numpy as np
import pytest
from fontTools.ttLib import TTCollection, TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from glyphnb import glyphs
from glyphnb.augment import Stream, augment, make_dataset
from glyphnb.cli import _given, main
from glyphnb.glyphs import (
    GLYPH_SETS,
    GlyphSet,
    change_image_background,
    find_fonts,
    list_images,
    load_data,
    read_labels,
    read_provenance,
    render_glyphs,
    save_glyphs,
    sha256,
    split_letters,
)

SANS = find_fonts()["DejaVu Sans"]


def rows_of_ink(ink):
    inked = np.flatnonzero(ink.any(axis=1))
    return inked[0], inked[-1]


@pytest.mark.parametrize(
    "choice, wanted",
    [
        ("digits", list("0123456789")),
        ("а-я", list("абвгдежзийклмнопрстуфхцчшщъыьэюя")),
        ("U+0410-U+0412", list("АБВ")),
        ("U+0410-U+0412,ё", list("АБВё")),
        ("U+0041", ["A"]),
        ("a-", ["a", "-"]),
        ("-", ["-"]),
        ("hello", list("helo")),
        ("e\u0301a", ["e\u0301", "a"]),
        ("का", ["का"]),  # the sign of a vowel has no combining class, and belongs to its letter
        ("ب\u200d \u200dب\u200d \u200dب", ["ب\u200d", "\u200dب\u200d", "\u200dب"]),
        ("\u0600-\u0605", None),  # invisible signs only
        ("z-a", None),
        ("U+0000-U+FFFFF", None),
    ],
)
def test_letters_are_chosen_by_set_range_or_text(choice, wanted):
    if wanted is None:
        with pytest.raises(ValueError, match="`letters`"):
            render_glyphs(choice)
    else:
        assert split_letters(choice) == wanted


@given(st.text(st.characters(codec="utf-8"), max_size=12))
@settings(max_examples=200, deadline=None)
def test_splitting_loses_nothing_and_repeats_nothing(text):
    try:
        found = split_letters(text)
    except ValueError:
        return
    assert len(found) == len(set(found)) and all(part and not part.isspace() for part in found)
    assert split_letters(text, repeat=True) and set(split_letters(text, repeat=True)) == set(found)
    if "-" not in text and "U+" not in text and text not in GLYPH_SETS:
        assert set("".join(found)) <= set(text)


def test_all_faces_by_name():
    drawn = render_glyphs("ab", "all", size=16)
    assert list(dict.fromkeys(drawn.faces)) == list(find_fonts()) and len(drawn) == 42
    with pytest.raises(ValueError, match="Computer Modern has no glyph for б"):
        render_glyphs("aб", "all", size=16)


def test_what_a_face_lacks_is_named_briefly():
    with pytest.raises(ValueError) as error:
        render_glyphs("U+4E00-U+5000")
    assert "一" in str(error.value) and "and 483 more" in str(error.value)


def test_on_the_baseline_p_hangs_and_b_stands():
    drawn = render_glyphs("bpx", size=200, align="baseline")
    (b_top, b_foot), (p_top, p_foot), (x_top, x_foot) = map(rows_of_ink, drawn.ink)
    assert abs(int(b_foot) - int(x_foot)) <= 2 and p_foot > b_foot + 20
    assert abs(int(p_top) - int(x_top)) <= 3 and b_top < x_top - 20
    assert b_top > 10 and p_foot < 190  # inside the margin
    centred = render_glyphs("bpx", size=200)
    for top, foot in map(rows_of_ink, centred.ink):
        assert abs(int(top) + int(foot) - 199) <= 2


def test_the_size_is_one_for_all_letters_of_a_face():
    drawn = render_glyphs("xX", size=400, align="baseline")
    heights = [foot - top for top, foot in map(rows_of_ink, drawn.ink)]
    font = TTFont(SANS)["glyf"]
    assert heights[0] / heights[1] == pytest.approx(font["x"].yMax / font["X"].yMax, abs=0.02)


@pytest.mark.skipif(not features.check("raqm"), reason="this Pillow has no libraqm")
def test_forms_are_those_that_unicode_has_for_them():
    presented = {"initial": "\ufe91", "medial": "\ufe92", "final": "\ufe90"}  # beh
    for form, character in presented.items():
        asked, drawn = render_glyphs("ب", size=300, form=form), render_glyphs(character, size=300)
        assert asked.letters.tolist() == ["ب"]
        assert abs(asked.ink.astype(int) - drawn.ink).mean() < 1, form
    with pytest.raises(ValueError, match="`form`"):
        render_glyphs("ب", form="first")


def test_without_libraqm_it_is_said(monkeypatch):
    monkeypatch.setattr(glyphs.features, "check", lambda name: False)
    with pytest.warns(UserWarning, match="libraqm") as warned:
        render_glyphs("e\u0301", size=20)
    assert len(warned) == 1 and "\n" not in str(warned[0].message)
    with pytest.raises(ValueError, match="libraqm"):
        render_glyphs("ب", size=20, form="initial")
    render_glyphs("abج", size=20)  # what needs no shaping needs no warning


def test_a_collection_gives_its_first_face(tmp_path):
    both = TTCollection()
    both.fonts = [TTFont(SANS), TTFont(find_fonts()["DejaVu Serif"])]
    both.save(tmp_path / "both.ttc")
    assert np.array_equal(
        render_glyphs("ab", tmp_path / "both.ttc", size=50).ink, render_glyphs("ab", size=50).ink
    )


def test_provenance_says_what_the_font_says(tmp_path):
    drawn = render_glyphs("ab", ["DejaVu Sans", "STIX"], size=20)
    save_glyphs(drawn, tmp_path / "in")
    (record,) = read_provenance(tmp_path / "in")
    font = TTFont(SANS)["name"]
    source = record["sources"]["DejaVu Sans"]
    assert source["sha256"] == hashlib.sha256(SANS.read_bytes()).hexdigest()
    for key, number in (("copyright", 0), ("version", 5), ("licence", 13), ("licence_url", 14)):
        assert source[key] == " ".join(font.getDebugName(number).split())
    assert record["files"]["original_3.png"] == {"letter": "b", "face": "STIX"}
    assert "STIX" in record["sources"] and str(tmp_path) not in json.dumps(record)


def test_provenance_repeats_travels_and_is_no_letter(tmp_path):
    drawn = render_glyphs("ab", size=20)
    for out in ("one", "two", "one"):
        save_glyphs(drawn, tmp_path / out)
        change_image_background(tmp_path / out, tmp_path / f"{out}-ink")
    for name in ("", "-ink"):
        one, two = (tmp_path / f"{out}{name}" / "provenance.json" for out in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    (record,) = read_provenance(tmp_path / "one-ink")
    assert record["sources"][0]["sources"]["DejaVu Sans"]["name"] == "DejaVu Sans"
    assert record["files"]["original_1.png"]["sha256"] == sha256(tmp_path / "one/original_1.png")
    assert len(list_images(tmp_path / "one")) == len(load_data(tmp_path / "one")) == 2
    save_glyphs(drawn, tmp_path / "one", stem="more")
    assert len(read_provenance(tmp_path / "one")) == 2


def test_somebody_elses_provenance_is_kept(tmp_path):
    theirs = tmp_path / "provenance.json"
    theirs.write_text("Grandmother's attic")
    with pytest.raises(FileExistsError, match="provenance.json"):
        save_glyphs(render_glyphs("ab", size=20), tmp_path)
    assert theirs.read_text() == "Grandmother's attic" and len(list(tmp_path.iterdir())) == 1
    Image.new("L", (8, 8), 200).save(tmp_path / "a.png")
    change_image_background(tmp_path, tmp_path / "out")  # read from, not written to
    assert read_provenance(tmp_path) == [] and read_provenance(tmp_path / "out")[0]["sources"] == []


def test_origins_follow_the_glyphs():
    drawn = render_glyphs("ab", size=20)
    for part in (drawn[:1], drawn[drawn.letters == "a"], augment(drawn, 4, 16)):
        assert part.origins["DejaVu Sans"]["file"] == "DejaVuSans.ttf"


@pytest.mark.parametrize(
    "name, letter",
    [
        ("03_ب.png", "ب"),
        ("12_U+002F.png", "/"),
        ("original_3.png", "original_3"),
        ("2024_sunday.png", "2024_sunday"),
        ("ب.png", "ب"),
        ("7.png", "7"),
    ],
)
def test_a_numbered_file_names_its_letter(tmp_path, name, letter):
    assert read_labels(tmp_path / name, tmp_path) == (letter, tmp_path.name)


def shapes(n=6, size=48):
    "Glyphs that need no font: bars and boxes."
    ink = np.zeros((n, size, size), np.uint8)
    for i in range(n):
        ink[i, 8 : 40 - 3 * i, 20 : 26 + 2 * i] = 255
        ink[i, 30:36, 8 : 30 + i] = 200
    return GlyphSet(ink, list("abcdef")[:n], ["bars"] * n)


def test_the_default_copies_are_those_they_always_were():
    "Trained models and printed numbers hang on these bytes."
    digest = hashlib.sha256()
    for copies in (
        augment(shapes(), 60, 32, seed=5),
        augment(shapes(), 60, 32, seed=5, fresh=True),
        *make_dataset(shapes(), 50, 32, seed=3),
    ):
        digest.update(copies.ink.tobytes() + "".join(copies.letters).encode())
    assert digest.hexdigest() == "74cfc13d150ba18434c60d5540c0f187560e9104c58b50f29dc8b735a3009db3"


KINDS = ["p_shear", "p_scale", "p_perspective", "p_elastic", "p_thickness"]
PLAIN = {"p_rotate90": 0, "p_rotate": 0, "p_skew": 0, "shuffle": False}


@pytest.mark.parametrize("kind", KINDS)
def test_each_distortion_by_its_probability(kind):
    originals = augment(shapes(), 400, 32, **PLAIN)
    copies = augment(shapes(), 400, 32, seed=1, **PLAIN, **{kind: 0.5})
    assert np.array_equal(
        copies.ink, augment(shapes(), 400, 32, seed=1, **PLAIN, **{kind: 0.5}).ink
    )
    assert not np.array_equal(copies.ink, augment(shapes(), 400, 32, 2, **PLAIN, **{kind: 0.5}).ink)
    changed = (copies.ink != originals.ink).any(axis=(1, 2)).mean()
    assert 0.35 < changed < 0.6
    assert copies.letters.tolist() == originals.letters.tolist()
    for wrong in (-0.1, 1.1):
        with pytest.raises(ValueError, match=kind):
            augment(shapes(), 5, **{kind: wrong})


def test_a_distortion_does_not_move_the_others():
    "Asking for thickness changes no slant."
    slant = augment(shapes(), 40, 32, **PLAIN, p_shear=0.5)
    both = augment(shapes(), 40, 32, **PLAIN, p_shear=0.5, p_thickness=0.5)
    same = (slant.ink == both.ink).all(axis=(1, 2)).mean()
    assert 0.25 < same < 0.75


def centre(ink):
    y, x = np.indices(ink.shape)
    return np.array([(y * ink).sum(), (x * ink).sum()]) / ink.sum()


def test_directions_and_amounts():
    bar = np.zeros((1, 64, 64), np.uint8)
    bar[0, 12:52, 28:36] = 255
    glyph = GlyphSet(bar, ["l"], ["bar"])

    def one(**how):
        return augment(glyph, 1, 64, **PLAIN, **how).ink[0].astype(float)

    right = one(p_shear=1, shear=(15, 15))
    top, bottom = centre(right[:30])[1], centre(right[34:])[1]
    assert top - bottom == pytest.approx(np.tan(np.radians(15)) * 20, abs=1.5)
    for factor in (0.75, 1.25):
        scaled = one(p_scale=1, scale=(factor, factor))
        assert scaled.sum() / bar.sum() == pytest.approx(factor**2, rel=0.04)
        assert np.allclose(centre(scaled), 31.5, atol=0.5)
    for pixels in (-2, -0.5, 0.5, 2):
        changed = one(p_thickness=1, thickness=(pixels, pixels))
        assert changed.sum() / 255 == pytest.approx((8 + 2 * pixels) * (40 + 2 * pixels), rel=0.04)
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (1, 64, 1))  # its levels say where they were
    shifts = []
    for plane in (ramp, ramp.swapaxes(1, 2)):
        known = GlyphSet(plane, ["r"], ["ramp"])
        bent = augment(known, 1, 64, **PLAIN, p_elastic=1, elastic=(0.03, 0.03)).ink[0]
        shifts.append((bent.astype(float) - plane[0])[8:-8, 8:-8] / 4)
    assert np.sqrt((np.square(shifts)).sum(axis=0).mean()) == pytest.approx(0.03 * 64, rel=0.25)
    rough = [abs(np.diff(shift, axis=axis)).max() for shift in shifts for axis in (0, 1)]
    assert max(rough) < 1.2  # neighbours move together
    for name, bad in (("shear", (5, -5)), ("scale", (0, 1)), ("elastic", (1, 0))):
        with pytest.raises(ValueError, match=f"`{name}`"):
            one(**{name: bad})


@given(st.integers(1, 40), st.integers(1, 16), st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_a_stream_shows_each_letter_equally_often(n, batch_size, seed):
    stream = Stream(shapes(), n, batch_size, size=8, seed=seed)
    batches = list(stream)
    assert sum(map(len, batches)) == len(stream) == n
    assert all(len(batch) == batch_size for batch in batches[:-1])
    letters = np.concatenate([batch.letters for batch in batches])
    assert sorted(letters) == sorted(stream.letters)


def test_a_stream_never_repeats_and_always_repeats():
    kinds = {"p_elastic": 1, "p_rotate": 1}
    one, two = (Stream(shapes(), 12, 5, size=16, seed=3, **kinds) for _ in range(2))
    index = np.array([4, 1, 7])
    first, second = one[index], one[index]
    assert np.array_equal(first, two[index]) and np.array_equal(second, two[index])
    assert not np.array_equal(first, second)
    assert first.shape == (3, 16, 16, 1) and first.dtype == np.float32 and first.max() <= 1
    assert one.draw(index).letters.tolist() == ["e", "b", "b"]
    assert [b.letters.tolist() for b in one] != [b.letters.tolist() for b in one]  # fresh order
    with pytest.raises(ValueError, match="p_elastic"):
        Stream(shapes(), 12, p_elastic=2)
    with pytest.raises(ValueError, match="`n`"):
        Stream(shapes(), 0)


def test_train_takes_a_stream():
    from glyphnb.autoencoder import Autoencoder, train

    data = make_dataset(render_glyphs("abcdef", size=32), 100, size=32, stream=True)
    model = Autoencoder(latent_dim=4, shape=(32, 32, 1))
    history = train(model, data.train.images, data.fresh.images, epochs=2)
    assert len(history["loss"]) == 2 and np.isfinite(history["loss"]).all()
    assert data.train.drawn >= 2 * 2  # two batches in each of two epochs


def test_letters_are_drawn_by_command(tmp_path, capsys):
    out = tmp_path / "drawn"
    words = ["letters", "--out", str(out), "--letters", "а-г", "--size", "40"]
    assert main([*words, "--font", "DejaVu Sans", "DejaVu Serif", "--align", "baseline"]) == 0
    assert len(load_data(out)) == 8 and len(read_provenance(out)) == 1
    assert main([*words, "--font", "all"]) == 2
    assert "has no glyph for а б в г" in capsys.readouterr().err


def test_labels_survive_two_folders_and_follow_a_changed_record(tmp_path):
    drawn = render_glyphs("ab", ["DejaVu Sans", "STIX"], size=20)
    save_glyphs(drawn, tmp_path / "scans")
    change_image_background(tmp_path / "scans", tmp_path / "ink")
    for folder in ("scans", "ink"):
        read = load_data(tmp_path / folder, size=20)
        assert read.letters.tolist() == ["a", "b", "a", "b"]
        assert read.faces.tolist() == drawn.faces.tolist()
    save_glyphs(render_glyphs("c", size=20), tmp_path / "scans", stem="more")
    Image.new("L", (20, 20), 255).save(tmp_path / "scans" / "z.png")  # of no record
    read = load_data(tmp_path / "scans", size=20)
    assert dict(zip(read.letters, read.faces, strict=True))["c"] == "DejaVu Sans"
    assert (read.letters[-1], read.faces[-1]) == ("z", "scans")
    (tmp_path / "scans" / "provenance.json").write_text("[3]")  # somebody else's
    assert load_data(tmp_path / "scans", size=20).letters[0] == "more_0"


def test_a_folder_of_drawn_letters_goes_into_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["letters", "--letters", "ABX", "--size", "320", "--out", "drawn"]) == 0
    known, _, name, _ = _given(None, "drawn", "AX", None)
    assert (known.letters.tolist(), name) == (["A", "X"], "latin")
    assert main(["tint", "drawn", "--out", "one"]) == 0
    monkeypatch.chdir("/")
    assert (
        main(["tint", str(tmp_path / "drawn" / "original_0.png"), "--out", str(tmp_path / "two")])
        == 0
    )
    first = [Image.open(tmp_path / out / "original_0.png").tobytes() for out in ("one", "two")]
    assert first[0] == first[1]  # its hues are those of the letter A
