"""Written whole or not at all; replaced only what glyphnb wrote, and nothing outside a folder."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image

from glyphnb.letters.files import (
    MARK,
    RECORD,
    check_replaceable,
    is_ours,
    read_provenance,
    replacing,
    results_folder,
    save_glyphs,
    save_png,
    write_images,
)
from glyphnb.letters.folders import change_image_background, list_images, load_data
from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning, GlyphSet
from glyphnb.letters.typefaces import find_fonts, render_glyphs, sha256
from glyphnb.show.pixels import load_image


def test_nothing_of_the_users_is_replaced(tmp_path):
    drawn = render_glyphs("ab", size=16)
    save_glyphs(drawn, tmp_path / "in")
    save_glyphs(drawn, tmp_path / "in")  # the same content: nothing to lose
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "original_1.png").write_bytes(b"precious")
    for call in (
        lambda: change_image_background(tmp_path / "in", tmp_path / "out"),
        lambda: save_glyphs(drawn[::-1], tmp_path / "in"),
    ):
        with pytest.raises(FileExistsError, match="original_"):
            call()
    assert (tmp_path / "out" / "original_1.png").read_bytes() == b"precious"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["original_1.png"]
    assert np.array_equal(load_image(tmp_path / "in" / "original_0.png"), 255 - drawn.ink[0])


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def interrupted():
        yield "a.png", np.zeros((4, 4), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_images(tmp_path / "out", interrupted())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("second", ["a.png", "A.png", "a.PNG"])
def test_two_names_of_one_file_are_refused(tmp_path, second):
    "On a disk that ignores case, one picture would replace the other."
    pairs = [(name, np.full((2, 2), len(name), np.uint8)) for name in ("a.png", second)]
    with pytest.raises(GlyphnbError, match=f"got a.png and {second}"):
        write_images(tmp_path / "out", pairs)
    assert not list(tmp_path.iterdir())


SANS = find_fonts()["DejaVu Sans"]


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


@pytest.mark.parametrize("content", [b"Grandmother's attic", "Großmutters".encode("latin-1")])
def test_somebody_elses_provenance_is_kept(tmp_path, content):
    theirs = tmp_path / "provenance.json"
    theirs.write_bytes(content)
    with pytest.raises(FileExistsError, match="provenance.json"):
        save_glyphs(render_glyphs("ab", size=20), tmp_path)
    assert theirs.read_bytes() == content and len(list(tmp_path.iterdir())) == 1
    Image.fromarray(np.pad(np.full((2, 2), 200, np.uint8), 3)).save(tmp_path / "a.png")
    with pytest.warns(GlyphnbWarning, match="provenance.json: glyphnb did not write it"):
        change_image_background(tmp_path, tmp_path / "out")  # read from, not written to
        assert (
            read_provenance(tmp_path) == []
            and read_provenance(tmp_path / "out")[0]["sources"] == []
        )


def fill(folder, command="demo", **files):
    with results_folder(folder, command) as place:
        for name, text in files.items():
            path = place / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_second_run_replaces_the_first_and_keeps_what_is_not_ours(tmp_path):
    out = tmp_path / "out"
    fill(out, a="1", deep__b="1")
    (out / "deep" / "note.txt").write_text("mine")
    fill(out, a="2", c="2")
    assert names(out) == [RECORD, "a", "c", "deep/note.txt"]
    assert (out / "a").read_text() == "2" and (out / "deep" / "note.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # no lock, nothing hidden


def test_an_error_leaves_the_results_of_the_last_run(tmp_path):
    fill(tmp_path / "out", a="1")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), results_folder(tmp_path / "out", "demo") as place:
            (place / "a").write_text("half")
            raise error
    assert (tmp_path / "out" / "a").read_text() == "1"
    with pytest.raises(ValueError), results_folder(tmp_path / "new", "demo"):
        raise ValueError
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["../thesis.txt", "{absolute}", "link/thesis.txt"])
def test_a_list_of_files_deletes_nothing_outside_its_folder(tmp_path, name):
    "A folder received from somebody may hold any list."
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    out = tmp_path / "out"
    out.mkdir()
    (out / "link").symlink_to(tmp_path)
    name = name.format(absolute=thesis)
    record = {"glyphnb": "0.1.0", "command": "demo", "files": {name: sha256(thesis)}}
    (out / RECORD).write_text(json.dumps(record))
    with pytest.raises(GlyphnbError, match="not in its folder"):
        fill(out, a="1")
    assert thesis.read_text() == "years of work"


@pytest.mark.parametrize("text", ["", "{", "[3]", '{"files": 3}', '{"files": ["a"]}'])
def test_a_damaged_list_is_named_before_anything_is_computed(tmp_path, text):
    out = tmp_path / "out"
    fill(out, a="1")
    (out / RECORD).write_text(text)
    with pytest.raises(GlyphnbError, match="damaged"), results_folder(out, "demo"):
        pytest.fail("the block was entered")
    assert (out / "a").read_text() == "1"


def test_only_the_same_command_replaces_unchanged_results(tmp_path):
    out = tmp_path / "out"
    fill(out, a="1")
    with pytest.raises(FileExistsError, match="results of glyphnb demo"):
        fill(out, "complete", b="1")
    (out / "a").write_text("changed by hand")
    with pytest.raises(FileExistsError, match="a was changed"):
        fill(out, a="2")
    assert (out / "a").read_text() == "changed by hand"
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="did not write"):
        fill(theirs, a="1")
    with pytest.raises(NotADirectoryError, match="a: expected a folder"):
        fill(out / "a", a="1")


def test_two_at_once_do_not_mix(tmp_path):
    with results_folder(tmp_path / "out", "demo") as place:
        (place / "a").write_text("first")
        folder = str(tmp_path / "out")
        code = f"from glyphnb.letters.files import *; results_folder({folder!r}, 'x').__enter__()"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "another glyphnb is writing" in other.stderr
    assert (tmp_path / "out" / "a").read_text() == "first"


@pytest.mark.parametrize("moment", ["filling", "exchanging"])
def test_a_run_that_was_killed_blocks_nobody_and_loses_nothing(tmp_path, moment):
    out = tmp_path / "out"
    fill(out, a="1")
    note = out / "my" / "own" / "note.txt"
    note.parent.mkdir(parents=True)
    note.write_text("mine")
    code = f"""
import os, signal
from pathlib import Path
from glyphnb.letters import files
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with files.results_folder({str(out)!r}, "demo") as place:
    (place / "a").write_text("2")
    if {moment == "filling"}:
        die()
    rename = Path.rename
    def rename_and_die(self, to):
        rename(self, to)
        if self.name == "out":
            die()
    Path.rename = rename_and_die
"""
    killed = subprocess.run([sys.executable, "-c", code])
    assert killed.returncode == -signal.SIGKILL
    fill(out, a="3")
    assert names(out) == [RECORD, "a", "my/own/note.txt"]
    assert (out / "a").read_text() == "3" and note.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_is_replaced_if_glyphnb_made_it(tmp_path):
    page = tmp_path / "page.html"
    for text in ("one", "two"):
        with replacing(page) as staged:
            staged.write_text(f"<!-- {MARK} -->{text}")
    assert page.read_text().endswith("two")
    page.write_text("my own page")
    with pytest.raises(FileExistsError, match="page.html is there already"), replacing(page):
        pytest.fail("the block was entered")
    with pytest.raises(IsADirectoryError), replacing(tmp_path):
        pass
    assert page.read_text() == "my own page" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("place, ours", [(0, True), (1, False), (2, True)])
def test_the_mark_is_looked_for_at_both_ends_of_a_file(tmp_path, place, ours):
    "A film of gigabytes is not read; and a text that quotes the mark somewhere inside is not ours."
    parts = [b"." * 100_000, b"." * 100_000]
    parts.insert(place, MARK.encode())
    (tmp_path / "film").write_bytes(b"".join(parts))
    assert is_ours(tmp_path / "film") == ours


def test_what_is_in_the_way_of_a_file_is_named(tmp_path):
    check_replaceable(None, ".png")
    check_replaceable(tmp_path / "strip.PNG", ".png")
    with pytest.raises(GlyphnbError, match=r"strip.gif must end in .png"):
        check_replaceable(tmp_path / "strip.gif", ".png")
    with pytest.raises(IsADirectoryError, match=f"{tmp_path}: expected a file .*, found a folder"):
        check_replaceable(tmp_path)
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(NotADirectoryError, match="file: expected a folder .*, found a file"):
        write_images(tmp_path / "file", [])


def test_files_are_prepared_where_they_will_be(tmp_path, monkeypatch, shapes):
    "From the folder for temporary files, on another disk, they could not be moved in one step."
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    save_glyphs(shapes, tmp_path / "a" / "b" / "c")  # all folders are made
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert len(load_data(tmp_path / "a" / "b" / "c")) == len(shapes)
    save_png(Image.new("L", (9, 9)), tmp_path / "d" / "picture")
    with Image.open(tmp_path / "d" / "picture") as opened:
        assert opened.format == "PNG"


def test_a_file_that_fails_leaves_the_old_one(tmp_path):
    page = tmp_path / "page.html"
    with replacing(page) as staged:
        staged.write_text(MARK)
    with pytest.raises(KeyboardInterrupt), replacing(page) as staged:
        staged.write_text(MARK + "half")
        raise KeyboardInterrupt
    assert page.read_text() == MARK and len(list(tmp_path.iterdir())) == 1


def test_a_picture_carries_its_mark(tmp_path):
    save_png(Image.new("L", (900, 900), 9), tmp_path / "a.png")
    save_png(Image.new("L", (9, 9), 7), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (9, 9) and image.text["Software"] == MARK
    Image.new("L", (9, 9)).save(tmp_path / "b.png")
    with pytest.raises(FileExistsError):
        save_png(Image.new("L", (9, 9), 7), tmp_path / "b.png")
    assert is_ours(tmp_path / "a.png") and not is_ours(tmp_path / "b.png")


@pytest.mark.parametrize("write", ["replacing", "results_folder", "write_images"])
def test_a_full_disk_is_named_with_what_was_to_be_written(tmp_path, monkeypatch, write):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left.*there"):
        if write == "replacing":
            with replacing(tmp_path / "there.png"):
                full()
        elif write == "results_folder":
            with results_folder(tmp_path / "there", "demo"):
                full()
        else:
            write_images(tmp_path / "there", [("a.png", np.zeros((2, 2), np.uint8))])
    assert list(tmp_path.iterdir()) == []


def test_a_record_can_be_read_by_people_and_by_programs(tmp_path):
    "One letter a line, in UTF-8 and not as numbers; the call says what made it."
    save_glyphs(render_glyphs("بأ", size=16), tmp_path)
    (record,) = read_provenance(tmp_path)
    assert record["call"] == "save_glyphs"
    text = (tmp_path / "provenance.json").read_bytes().decode("utf-8")
    assert '"letter": "ب"' in text and text.count("\n") > 10


SOUND = [
    {"call": "by hand"},
    {"files": {"a.png": [1, 2.5]}},
    {"files": {"a.png": [3]}},
    {"files": {"a.png": {"letter": None, "face": None}}},
    {"files": {}, "sources": [{"files": {"b.png": {"letter": "b", "face": "me"}}}]},
    {"files": {}, "sources": {"me": {"family": "Mine"}, "you": {}}},
]
UNSOUND = [
    {"files": []},
    {"files": {"a.png": ["x"]}},
    {"files": {"a.png": {"letter": "a"}}},
    {"files": {"a.png": {"letter": "", "face": "me"}}},
    {"files": {}, "sources": [{"files": {"b.png": {"letter": 3, "face": "me"}}}]},
    {"files": {}, "sources": [{"files": {}}, {"files": []}]},
    {"files": {}, "sources": {"me": {"family": 3}}},
]


@pytest.mark.parametrize("record", SOUND + UNSOUND)
def test_a_record_is_used_only_if_it_has_the_form_of_ours(tmp_path, record):
    record = {"glyphnb": "0", **record}
    (tmp_path / "provenance.json").write_text(json.dumps([record]))
    if {k: v for k, v in record.items() if k != "glyphnb"} in SOUND:
        assert read_provenance(tmp_path, warn="files" not in record) == [record]
    else:
        with pytest.raises(GlyphnbError, match="provenance.json is damaged"):
            read_provenance(tmp_path)


def test_texts_are_utf_8_on_every_system(tmp_path):
    "Python warns, if asked, where a text is read or written in the encoding of the system."
    code = """
from glyphnb.letters import files
from glyphnb.letters.typefaces import render_glyphs
for _ in range(2):
    with files.results_folder("out", "demo") as place:
        files.save_glyphs(render_glyphs("ab", size=16), place, stem=None)
print(len(files.read_provenance("out")))
"""
    strict = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning:glyphnb.letters.files"]
    said = subprocess.check_output([sys.executable, *strict, "-c", code], cwd=tmp_path, text=True)
    assert said == "1\n"


def test_missing_images_of_a_set_are_counted(tmp_path, shapes):
    written = save_glyphs(shapes, tmp_path / "set", stem=None)
    save_glyphs(shapes, tmp_path / "whole", stem=None)
    load_data(tmp_path / "whole", 16)  # not a word
    written[1].unlink()
    with pytest.warns(GlyphnbWarning, match=f"lacks 1 of the {len(shapes)} images"):
        part = load_data(tmp_path / "set", 16)
    assert len(part) == len(shapes) - 1


def test_two_spellings_of_a_name_are_one_image(tmp_path, shapes):
    "A Mac writes é as an e and an accent."
    one = GlyphSet(shapes.ink[:2], ["é", "o"], ["x", "x"])
    path, _ = save_glyphs(one, tmp_path / "set", stem=None)
    path.rename(path.with_name(unicodedata.normalize("NFD", path.name)))
    assert sorted(load_data(tmp_path / "set", 16).letters) == ["o", "é"]
