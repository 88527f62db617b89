"""letters.typefaces."""

import shutil
import string
import sys

import numpy as np
import pytest
from fontTools.ttLib import TTCollection, TTFont
from PIL import features

from glyphnb.letters.augment import augment
from glyphnb.letters.files import read_provenance
from glyphnb.letters.folders import load_data
from glyphnb.letters.glyphs import GLYPH_SETS, GlyphnbError, GlyphnbWarning, split_letters
from glyphnb.letters.typefaces import (
    can_draw,
    find_font_files,
    find_fonts,
    first_set,
    render_glyphs,
    system_fonts,
)
from glyphnb.vae.pretrained import open_model


def test_faces_and_sets():
    assert len(find_fonts()) == 21  # also with Matplotlib 3.10, which has no Computer Modern Italic
    assert all(path.is_file() for path in find_fonts().values())
    assert len(GLYPH_SETS["arabic"]) == len(set(GLYPH_SETS["arabic"])) == 21
    drawn = render_glyphs("latin", list(find_fonts()), size=32)
    assert len(drawn) == len(find_fonts()) * 26
    assert set(drawn.letters) == set(string.ascii_uppercase)
    assert len(set(drawn.sources)) == len(drawn)
    assert len(set(drawn.families)) == 5


def test_a_font_by_file_is_the_font_by_name():
    by_name = render_glyphs("abc", "DejaVu Serif", size=40)
    by_file = render_glyphs("abc", find_fonts()["DejaVu Serif"], size=40)
    assert np.array_equal(by_name.ink, by_file.ink) and by_file.faces[0] == "DejaVuSerif"


def test_combining_marks_stay_with_their_letter():
    assert render_glyphs("e\u0301a", size=32).letters.tolist() == ["\xe9", "a"]


@pytest.mark.parametrize(
    "letters, face, words",
    [
        ("中", "DejaVu Sans", ["中", "DejaVu Sans"]),
        ("ب", "STIX", ["ب", "STIX"]),
        ("", "DejaVu Sans", ["letters"]),
        ("\u2800", "DejaVu Sans", ["no ink"]),
    ],
)
def test_no_silent_boxes(letters, face, words):
    with pytest.raises(ValueError) as error:
        render_glyphs(letters, face)
    assert all(word in str(error.value) for word in words)


def test_a_font_file_that_is_none(tmp_path):
    (tmp_path / "fake.ttf").write_bytes(b"not a font at all")
    with pytest.raises(ValueError, match="fake.ttf"):
        render_glyphs("a", tmp_path / "fake.ttf")
    with pytest.raises(FileNotFoundError, match="absent.ttf"):
        render_glyphs("a", tmp_path / "absent.ttf")


SANS = find_fonts()["DejaVu Sans"]


def rows_of_ink(ink):
    inked = np.flatnonzero(ink.any(axis=1))
    return inked[0], inked[-1]


def test_all_faces_by_name():
    drawn = render_glyphs("ab", "all", size=16)
    assert list(dict.fromkeys(drawn.faces)) == list(find_fonts())
    assert len(drawn) == 2 * len(find_fonts())
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
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.warns(UserWarning, match="libraqm") as warned:
        render_glyphs("x\u0301", size=20)  # as é, it would be one character
    assert len(warned) == 1 and "\n" not in str(warned[0].message)
    with pytest.raises(ValueError, match="libraqm"):
        render_glyphs("ب", size=20, form="initial")
    render_glyphs("abج", size=20)  # what needs no shaping needs no warning


def test_a_collection_gives_its_first_face_and_says_so_once(here, glyphnb):
    both = TTCollection()
    both.fonts = [TTFont(SANS), TTFont(find_fonts()["DejaVu Serif"])]
    both.save("both.ttc")
    with pytest.warns(GlyphnbWarning, match="both.ttc: a collection of 2 faces"):
        drawn = render_glyphs("ab", "both.ttc", size=50)
    assert np.array_equal(drawn.ink, render_glyphs("ab", size=50).ink)
    done = glyphnb("letters", "--font", "both.ttc", "--letters", "ab", "--out", "drawn")
    said = "a collection of 2 faces, of which the first, DejaVu Sans, is drawn"
    assert done.err == f"glyphnb: both.ttc: {said}; save another as a file of its own\n"
    assert not glyphnb("letters", "--font", "STIX", "--letters", "ab", "--out", "drawn").err


def test_origins_follow_the_glyphs():
    drawn = render_glyphs("ab", size=20)
    for part in (drawn[:1], drawn[drawn.letters == "a"], augment(drawn, 4, 16)):
        assert part.origins["DejaVu Sans"]["file"] == "DejaVuSans.ttf"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    "A system with a broken font and a good one: Computer Modern, under its own name."
    if sys.platform in ("darwin", "win32"):
        pytest.skip("the folders of this system cannot be moved")
    folder = tmp_path / "share" / "fonts" / "truetype"
    folder.mkdir(parents=True)
    shutil.copy(find_fonts()["Computer Modern"], folder / "x.ttf")
    (folder / "broken.otf").write_bytes(b"OTTO, but no more")
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "share"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder / "x.ttf"


def test_faces_of_the_system_are_found_by_name(installed):
    assert system_fonts() == {"cmr10": installed}
    drawn = render_glyphs("ab", "CMR10", size=64)
    assert drawn.faces.tolist() == ["cmr10", "cmr10"]
    np.testing.assert_array_equal(drawn.ink, render_glyphs("ab", "Computer Modern", size=64).ink)
    with pytest.raises(FileNotFoundError, match="the nearest are cmr10"):
        render_glyphs("ab", "cmr100")


@pytest.mark.parametrize(
    "bits, chosen",
    [
        ({0, 11}, "hebrew"),
        ({0, 13}, "arabic"),
        ({0, 26}, "georgian"),
        ({0, 11, 13}, "latin"),
        ({0}, "latin"),
    ],
)
def test_letters_of_the_script_that_a_font_is_made_for(tmp_path, bits, chosen):
    font = TTFont(find_fonts()["DejaVu Sans"])
    font["OS/2"].setUnicodeRanges(bits)
    font.save(tmp_path / "my.ttf")
    if chosen != "hebrew" or can_draw(tmp_path / "my.ttf", GLYPH_SETS["hebrew"]):
        assert first_set(tmp_path / "my.ttf") == chosen


def test_sets_have_each_letter_once():
    for letters in GLYPH_SETS.values():
        assert split_letters(letters) == list(letters)


def font_without(out, *codes):
    "DejaVu Sans with some characters less."
    font = TTFont(find_fonts()["DejaVu Sans"])
    for table in font["cmap"].tables:
        for code in codes:
            table.cmap.pop(code, None)
    font.save(out)
    return out


def test_an_accent_is_drawn_in_the_characters_that_a_face_has(tmp_path):
    right = render_glyphs("\xe9", size=60).ink
    one = font_without(tmp_path / "one.ttf", 0x301)
    two = font_without(tmp_path / "two.ttf", 0xE9)
    for face in (one, two):
        assert can_draw(face, "e\u0301") and can_draw(face, "\xe9")
        for typed in ("e\u0301", "\xe9"):
            drawn = render_glyphs(typed, face, size=60)
            assert drawn.letters.tolist() == ["\xe9"]
            assert abs(drawn.ink.astype(int) - right).mean() < 2
    none = font_without(tmp_path / "none.ttf", 0xE9, 0x301)
    with pytest.raises(GlyphnbError, match="no glyph for \xe9"):
        render_glyphs("ae\u0301", none)


def test_a_conjunct_is_one_letter(tmp_path):
    with pytest.raises(GlyphnbError, match="no glyph for क्ष"):
        render_glyphs("क्ष")


def test_files_that_a_system_leaves_are_no_fonts(tmp_path):
    path = find_fonts()["DejaVu Sans"]
    for name in ("a.ttf", "._a.ttf", "__MACOSX/a.ttf", ".cache/b.ttf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(path.read_bytes())
    assert find_font_files(tmp_path) == [tmp_path / "a.ttf"]


H = [(0, 0, 150, 700), (500, 0, 650, 700), (150, 300, 500, 400)]


def borders(ink):
    return np.concatenate([ink[:, [0, -1]].ravel(), ink[:, :, [0, -1]].ravel()])


def test_a_letter_is_drawn_whole_wherever_it_stands(make_font):
    right = render_glyphs("HI", make_font("good.ttf", {"H": H, "I": H[:1]}), size=100)
    far = [tuple(x + 4000 for x in box) for box in H]
    odd = {
        "the descent has the wrong sign": make_font("sign.ttf", {"H": H, "I": H[:1]}, descent=9000),
        "far from its place": make_font("far.ttf", {"H": far, "I": far[:1]}),
        "in a grid of its own": make_font("em.ttf", {"H": H, "I": H[:1]}, em=16),
    }
    for name, font in odd.items():
        for align in ("ink", "baseline"):
            drawn = render_glyphs("HI", font, size=100, align=align).ink
            assert not borders(drawn).any(), name
            shown = drawn > 127
            assert abs(int(shown.sum()) - int((right.ink > 127).sum())) < 60, name
            assert abs(drawn.astype(int) - right.ink).mean() < 4 or align == "baseline", name


def test_letters_of_very_different_sizes_are_all_whole(make_font):
    wide = make_font("wide.ttf", {"H": H, "W": [(0, 0, 12000, 600)], "-": [(0, 0, 40, 12)]})
    drawn = render_glyphs("HW", wide, size=300).ink
    assert not borders(drawn).any()
    widths = [int(ink.any(axis=0).sum()) for ink in drawn]
    assert widths[1] == pytest.approx(225, abs=2) and widths[0] == pytest.approx(12.2, abs=2)
    small = render_glyphs("-", wide, size=300).ink
    assert not borders(small).any() and small.any(axis=1).sum() > 20


@pytest.mark.parametrize("letters, face", [("ﻼ", "DejaVu Sans"), ("W", "Computer Modern Sans")])
def test_ink_touches_no_border(letters, face):
    for align in ("ink", "baseline"):
        assert not borders(render_glyphs(letters, face, size=64, align=align).ink).any()


def test_instances_of_a_variable_font(make_font, glyphnb, tmp_path):
    font = make_font("Blocks.ttf", {"H": H, "I": H[:1]}, bold=200)
    faces = [font, f"{font}:bold", f"{font}:wght=700", f"{font}:wght=550"]
    drawn = render_glyphs("I", faces, size=200, align="baseline")
    assert drawn.faces.tolist() == ["Blocks", "Blocks bold", "Blocks wght=700", "Blocks wght=550"]
    ratio = [ink.any(axis=0).sum() / ink.any(axis=1).sum() for ink in drawn.ink]
    np.testing.assert_allclose(ratio, np.array([150, 270, 270, 210]) / 700, atol=0.02)
    assert drawn.origins["Blocks bold"]["instance"] == "Blocks, Bold"
    assert drawn.origins["Blocks wght=700"]["axes"] == {"wght": 700}
    assert drawn.origins["Blocks wght=550"]["instance"] == "Blocks, wght=550"
    assert drawn.origins["Blocks"]["instance"] == "Blocks, Regular"
    assert {drawn.origins[face]["family"] for face in drawn.faces} == {"Blocks"}
    assert can_draw(faces[1], "H") and not can_draw(faces[1], "x")


@pytest.mark.parametrize(
    "asked, said",
    [
        ("Black", "Regular, Bold, wght=…; got Black"),
        ("wght=950", "wght goes from 100 to 900, got 950"),
        ("wght=nan", "got wght=nan"),
        ("wdth=3", "got wdth=3"),
    ],
)
def test_an_instance_that_a_font_lacks(make_font, asked, said):
    font = make_font("Blocks.ttf", {"I": H[:1]}, bold=200)
    with pytest.raises(GlyphnbError, match=f"`instance`.*{said}"):
        render_glyphs("I", f"{font}:{asked}")
    with pytest.raises(GlyphnbError, match="STIXGeneral.ttf is not variable"):
        render_glyphs("I", "STIX:Bold")
    with pytest.raises(FileNotFoundError, match="absent.ttf"):
        render_glyphs("I", "absent.ttf:Bold")


def test_an_instance_by_command(make_font, glyphnb, tmp_path):
    font = make_font("Blocks.ttf", {"H": H, "I": H[:1]}, bold=200)
    words = ["letters", "--letters", "HI", "--size", "100", "--out", tmp_path / "out"]
    done = glyphnb(*words, "--font", font, "--instance", "wght=550")
    assert done.status == 0 and "Blocks, wght=550" in done.out, done.err
    sources = read_provenance(tmp_path / "out")[0]["sources"]
    assert sources["Blocks wght=550"]["instance"] == "Blocks, wght=550"
    assert sources["Blocks wght=550"]["axes"] == {"wght": 550}
    again = load_data(tmp_path / "out", 100)
    right = render_glyphs("HI", f"{font}:wght=550", 100)
    assert again.faces.tolist() == right.faces.tolist() and again.origins == right.origins
    assert abs(again.ink.astype(int) - right.ink).max() <= 1
    for given in (["--font", "STIX"], []):
        done = glyphnb(*words, *given, "--instance", "Bold")
        assert done.status == 2 and "--instance" in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("command", ["train", "demo", "complete", "sheet", "morph", "explore"])
def test_commands_that_draw_letters_take_an_instance(make_font, glyphnb, monkeypatch, command):
    font = make_font("Blocks.ttf", {"H": H, "I": H[:1]}, bold=200)
    shipped = open_model()  # in NumPy, in place of a model in Keras
    monkeypatch.setattr("glyphnb.vae.pretrained.open_model", lambda path=None: shipped)
    monkeypatch.setattr("glyphnb.cli.films.quiet_keras", lambda: None)
    words = {"morph": ["HI", "--model", "vae.keras"], "explore": ["vae.keras"]}.get(command, [])
    out = font.with_name("out.pdf" if command == "sheet" else "out.gif")
    options = ["--font", font, "--letters", "HI", "--instance", "Black", "--out", out]
    done = glyphnb(command, *words, *options)
    assert done.status == 2 and "--instance of Blocks.ttf must be one of Regular" in done.err
    assert not out.exists()
