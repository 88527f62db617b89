"""A font file is whole, or it is named with what is wrong; bitmaps and pictures are no outlines."""

import subprocess
import sys

import pytest
from fontTools.ttLib import TTFont, newTable

from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning
from glyphnb.letters.typefaces import (
    can_draw,
    describe_font,
    find_fonts,
    render_glyphs,
    system_fonts,
)
from glyphnb.show.font_file import open_font, read_characters

SANS = find_fonts()["DejaVu Sans"]
WHOLE = SANS.read_bytes()
TEXT: dict = {"capture_output": True, "text": True}


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


@pytest.mark.parametrize(
    "data, said",
    [
        (b"", "an empty file"),
        (bytes(500), "an empty file of 500 bytes"),
        (WHOLE[:30], "a damaged one; get the file again"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"PK\3\4", "a ZIP archive; unpack it"),
        (b"\1fcp", "a bitmap font, PCF"),
        (b"Dear sir", "something else; choose another"),
    ],
)
def test_another_file_is_called_what_it_is(tmp_path, glyphnb, data, said):
    (tmp_path / "odd.ttf").write_bytes(data)
    done = glyphnb(
        *("letters", "--font", tmp_path / "odd.ttf", "--letters", "F"), "--out", tmp_path / "out"
    )
    assert done.status == 2 and not (tmp_path / "out").exists()
    assert f"odd.ttf: expected a TTF or OTF font, found {said}" in done.err
    assert done.err.count("\n") == 1, done.err


def test_characters_are_those_that_the_drawing_finds():
    "This font has all characters in a table that FreeType does not read: it would draw boxes."
    last = SANS.with_name("LastResortHE-Regular.ttf")
    if not last.is_file():
        pytest.skip("ships with Matplotlib from 3.11 on")
    assert not can_draw(last, "A")


def test_notes_of_fonttools_are_not_printed(tmp_path):
    odd = changed(tmp_path / "odd.ttf", "name", 14, lambda byte: 0xFF)  # the length of a name
    code = "from glyphnb.letters.typefaces import render_glyphs; render_glyphs('F', 'odd.ttf')"
    said = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=odd.parent, **TEXT)
    assert said.returncode == 0 and said.stderr == ""


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


def test_pictures_are_no_outlines(make_font, monkeypatch, tmp_path):
    "Of bitmaps alone FreeType draws no size but theirs; of coloured letters it draws nothing."
    path = make_font("pixel.ttf", {"I": []})
    font = TTFont(path)
    font["SVG "] = newTable("SVG ")
    font["SVG "].docList = []
    font.save(path)
    with pytest.raises(GlyphnbError, match="'I' leaves no ink .*pixel.ttf .*SVG.*; choose"):
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
    (tmp_path / "fonts").mkdir()
    path.rename(tmp_path / "fonts" / "pixel.ttf")
    monkeypatch.setattr("glyphnb.letters.typefaces.font_folders", lambda: [tmp_path / "fonts"])
    assert not system_fonts() and list(system_fonts(pictures=True)) == ["Blocks"]
    with pytest.raises(GlyphnbError, match="found pictures"):  # by its name, too
        render_glyphs("I", "Blocks")
