"""A font file is whole, or it is named with what is wrong; bitmaps and pictures are no outlines."""

import pytest
from fontTools.ttLib import TTFont, newTable

from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning
from glyphnb.letters.typefaces import can_draw, describe_font, find_fonts, render_glyphs
from glyphnb.show.font_file import open_font, read_characters

SANS = find_fonts()["DejaVu Sans"]
WHOLE = SANS.read_bytes()


@pytest.mark.parametrize("share", [0.9, 0.6, 0.999])
def test_a_font_that_is_cut_draws_nothing(tmp_path, share):
    cut = tmp_path / "cut.ttf"
    cut.write_bytes(WHOLE[: int(len(WHOLE) * share)])
    for use in (
        lambda: render_glyphs("F", cut),
        lambda: can_draw(cut, "F"),
        lambda: open_font(cut),
    ):
        with pytest.raises(GlyphnbError, match="cut.ttf: expected a whole font, found .* again"):
            use()


def changed(out, tag, at, how):
    "DejaVu Sans with one byte of a table changed."
    data, entry = bytearray(WHOLE), TTFont(SANS).reader.tables[tag]
    data[entry.offset + at] = how(data[entry.offset + at])
    out.write_bytes(data)
    return out


@pytest.mark.parametrize("tag", ["glyf", "head", "loca", "name"])
def test_a_changed_byte_is_noticed(tmp_path, tag):
    font = changed(tmp_path / "odd.ttf", tag, 20, lambda byte: byte ^ 1)
    with pytest.warns(GlyphnbWarning, match=f"odd.ttf: wrong checksum of {tag}; .*look at them"):
        read_characters(font)


def test_whole_files_are_read_without_a_word(tmp_path):
    for path in find_fonts().values():
        assert read_characters(path)
    font = TTFont(SANS)
    font.flavor = "woff"
    font.save(tmp_path / "a.woff")
    assert read_characters(tmp_path / "a.woff") == read_characters(SANS)


@pytest.mark.filterwarnings("ignore::glyphnb.letters.glyphs.GlyphnbWarning")
@pytest.mark.parametrize("tag", ["cmap", "head", "maxp"])
def test_a_table_of_rubbish_is_said_in_one_line(tmp_path, tag):
    data, entry = bytearray(WHOLE), TTFont(SANS).reader.tables[tag]
    data[entry.offset : entry.offset + entry.length] = b"\xff" * entry.length
    (tmp_path / "broken.ttf").write_bytes(data)
    with pytest.raises(GlyphnbError, match="broken.ttf: .*get the file again") as error:
        render_glyphs("FX", tmp_path / "broken.ttf", size=50)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("missing", ["name", "OS/2", "cmap"])
def test_a_table_that_is_not_there(make_font, missing):
    path = make_font("bare.ttf", {"I": [(0, 0, 100, 700)]})
    font = TTFont(path)
    del font[missing]
    font.save(path)
    if missing == "cmap":
        with pytest.raises(GlyphnbError, match="bare"):
            render_glyphs("I", path, size=20)
    else:
        assert render_glyphs("I", path, size=20).ink.any()
        assert describe_font(path)["file"] == "bare.ttf"


def test_pictures_are_no_outlines(make_font):
    "Of bitmaps alone FreeType draws no size but theirs; of coloured letters it draws nothing."
    path = make_font("pixel.ttf", {"I": []})
    font = TTFont(path)
    font["SVG "] = newTable("SVG ")
    font["SVG "].docList = []
    font.save(path)
    with pytest.raises(GlyphnbError, match="'I' leaves no ink .*pictures, in the table SVG"):
        render_glyphs("I", path)
    for tag in ("glyf", "loca", "SVG "):
        del font[tag]
    font["EBDT"] = newTable("EBDT")
    font["EBDT"].data = b"\0\2\0\0"
    font["EBDT"].strikeData = []
    font["EBDT"].version = 2.0
    font["EBLC"] = newTable("EBLC")
    font["EBLC"].strikes, font["EBLC"].version = [], 2.0
    font.save(path)
    with pytest.raises(
        GlyphnbError, match="pixel.ttf: expected a font of outlines, found pictures"
    ):
        render_glyphs("I", path)
