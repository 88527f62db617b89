"""show.font."""

import io

import numpy as np
import pytest
from fontTools.pens.areaPen import AreaPen
from fontTools.ttLib import TTFont
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from PIL import Image, ImageFont

from glyphnb.letters.glyphs import GlyphnbError, GlyphSet
from glyphnb.letters.typefaces import find_fonts, render_glyphs
from glyphnb.show.font import (
    Outlines,
    build_font,
    draw_curves,
    save_font,
    svg_sheet,
    trace_outlines,
    usual_metrics,
)


@pytest.fixture(scope="module")
def drawn():
    return render_glyphs("AOgij", "DejaVu Serif", size=192)


@pytest.fixture(scope="module")
def traced(drawn):
    return trace_outlines(drawn)


@pytest.fixture
def font(tmp_path, traced):
    return save_font(traced, tmp_path / "mine.ttf", "My hand", note="Five letters.")


def rendered(path, letter, size=1000):
    "Ink of a letter, and where its box begins and ends beside the baseline."
    font = ImageFont.truetype(str(path), size)
    mask = font.getmask(letter, mode="L")
    return np.array(mask, np.uint8).reshape(mask.size[::-1]), font.getbbox(letter, anchor="ls")


def in_its_box(ink, shape=(500, 400)):
    rows, columns = (np.flatnonzero((ink > 127).any(axis=axis)) for axis in (1, 0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(Image.fromarray(box).resize(shape)) > 127


@pytest.mark.parametrize("letter", "AOgij")
def test_the_font_draws_what_was_traced(font, drawn, letter):
    small = Image.fromarray(drawn.ink[drawn.letters.tolist().index(letter)])
    a, b = in_its_box(rendered(font, letter)[0]), in_its_box(np.asarray(small.resize((1536, 1536))))
    assert (a & b).sum() / (a | b).sum() > 0.93


def test_letters_stand_where_those_of_typefaces_do(font):
    for letter, tail in (("A", 0), ("O", 0.02), ("g", 0.3), ("j", 0.25)):
        top, bottom = rendered(font, letter)[1][1::2]
        assert bottom / (bottom - top) == pytest.approx(tail, abs=0.04), letter
    tall = rendered(font, "A")[1]
    assert 0.6 < (tall[3] - tall[1]) / 1000 < 0.85  # of an em


def test_holes_run_the_other_way_and_outer_curves_clockwise(traced, font):
    glyphs = TTFont(font).getGlyphSet()
    for letter, n in (("A", 2), ("O", 2), ("i", 2), ("j", 2)):
        areas = []
        for curve in traced.curves[traced.letters.index(letter)]:
            pen = AreaPen()
            draw_curves([curve], pen, (1, -1))
            areas.append(pen.value)
        assert len(areas) == n
        assert max(areas, key=abs) < 0  # clockwise, as TrueType asks
        assert (np.prod(areas) < 0) == (letter in "AO")  # one of the two is a hole; dots are not
    pen = AreaPen(glyphs)
    glyphs["u004F"].draw(pen)
    whole = traced.curves[1]
    assert pen.value < 0 and len(whole) == 2


def test_every_program_reads_it(font):
    read = TTFont(font)
    assert read.getBestCmap().keys() == {32, 160, *map(ord, "AOgij")}
    assert read["name"].getBestFamilyName() == "My hand"
    assert read["name"].getDebugName(10) == "Five letters."
    assert read["OS/2"].usWinDescent >= -read["glyf"]["u0067"].yMin > 100
    assert read["hhea"].ascent >= max(read["glyf"][name].yMax for name in read.getGlyphOrder()[2:])
    path = TextPath((0, 0), "A Og", size=100, prop=FontProperties(fname=str(font)))
    assert path.get_extents().width > 150
    advance = ImageFont.truetype(str(font), 1000).getlength
    assert advance(" ") == 300 and advance("A") > advance("i") > 100


def test_a_font_is_written_again_to_the_same_bytes_and_never_over_others(
    tmp_path, traced, monkeypatch
):
    out = save_font(traced, tmp_path / "a.ttf")
    before = out.read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)  # some years later
    assert save_font(traced, out).read_bytes() == before
    (tmp_path / "b.ttf").write_text("mine")
    with pytest.raises(FileExistsError):
        save_font(traced, tmp_path / "b.ttf")
    with pytest.raises(GlyphnbError, match="must end in .ttf"):
        save_font(traced, tmp_path / "b.otf")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 61])
def test_a_font_needs_a_name(traced, name):
    with pytest.raises(GlyphnbError, match="`name`"):
        build_font(traced, name)


def test_names_of_any_script(traced, tmp_path):
    for name in ("Hand für alle", "手書き", "☃"):
        data = io.BytesIO()
        build_font(traced, name).save(data)
        assert TTFont(data)["name"].getBestFamilyName() == name


def test_letters_of_unequal_scale_get_their_usual_heights(drawn):
    ink = drawn.ink.copy()
    ink[1] = np.pad(np.asarray(Image.fromarray(ink[1]).resize((96, 96))), 48)
    mixed = trace_outlines(GlyphSet(ink, drawn.letters, drawn.faces))
    heights = [
        build_font(mixed, "x", together=together)["glyf"]["u004F"].yMax
        for together in (False, True)
    ]
    assert heights[0] > 1.7 * heights[1]
    assert heights[0] == pytest.approx(usual_metrics("O").heights[0], rel=0.05)


def test_clusters_are_refused(traced):
    with pytest.raises(GlyphnbError, match="one character"):
        build_font(Outlines(traced.curves[:1], ["क्ष"], 192), "x")


def test_every_face_of_matplotlib_gives_metrics():
    usual = usual_metrics("Aajp")
    assert (usual.heights > 400).all() and abs(usual.left).max() < 200
    one = usual_metrics("A", [find_fonts()["STIX"]])
    assert one.heights[0] == pytest.approx(674, abs=3)  # as the font says


def test_svg_frames_only_with_captions(traced):
    assert "<rect" in svg_sheet(traced) and "stroke=" not in svg_sheet(traced)
    text = svg_sheet(traced, captions=["given"] * 5, n_cols=2)
    assert text.count("given") == 5 and 'viewBox="0 0 384 672"' in text
