"""cli.own_letters."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from glyphnb.cli.main import main
from glyphnb.latent.complete import read_letters
from glyphnb.letters.files import read_provenance
from glyphnb.letters.folders import (
    load_data,
    load_image,
)
from glyphnb.letters.glyphs import GLYPH_SETS
from glyphnb.letters.mock_sheet import mock_sheet
from glyphnb.letters.scan import scan_sheet
from glyphnb.letters.typefaces import find_fonts, render_glyphs
from glyphnb.UNKNOWN import _given

GLYPHNB = str(Path(sys.executable).with_name("glyphnb"))


def run(*words, cwd):
    return subprocess.run(
        [GLYPHNB, "complete", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TQDM_DISABLE": "1"},
    )


def test_the_command_completes_a_bundled_face_and_hides_its_family(tmp_path):
    words = ("--font", find_fonts()["STIX Italic"], "--letters", "2 5 7", "--out", "mine")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "without STIX Italic and its family" in done.stdout and "from 17 faces" in done.stdout
    made = sorted(path.name for path in (tmp_path / "mine" / "letters").iterdir())
    assert made == [f"{d}-{'given' if d in '257' else 'guessed'}.png" for d in GLYPH_SETS["digits"]]
    letter = load_image(tmp_path / "mine" / "letters" / "3-guessed.png")
    assert letter.shape == (192, 192) and 0.02 < (letter < 128).mean() < 0.5
    with Image.open(tmp_path / "mine" / "sheet.png") as sheet:
        assert sheet.width > 500
    before = (tmp_path / "mine" / "sheet.png").read_bytes()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert run(*words, cwd=tmp_path).returncode == 0  # again, over its own files only
    assert (tmp_path / "mine" / "sheet.png").read_bytes() == before
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


def test_the_command_completes_images(tmp_path):
    (tmp_path / "scans").mkdir()
    for letter, ink in zip("147", render_glyphs("147", "Computer Modern", 90).ink, strict=True):
        Image.fromarray(255 - ink).save(tmp_path / "scans" / f"{letter}.jpg", quality=90)
    done = run("--images", "scans", "--set", "digits", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "21 faces" in done.stdout and len(list((tmp_path / "out" / "letters").iterdir())) == 10


def test_a_scanned_sheet_is_a_folder_of_letters(tmp_path):
    for name, ink in zip(("01_B", "02_A", "3"), render_glyphs("BA3", size=90).ink, strict=True):
        Image.fromarray(255 - ink).save(tmp_path / f"{name}.png")
    (tmp_path / "provenance.json").write_text("[]")
    assert read_letters(tmp_path)[0].letters.tolist() == ["B", "A", "3"]


@pytest.mark.parametrize(
    "words, named",
    [
        ((), "--font"),
        (("--font", "STIX", "--images", "scans"), "--font"),
        (("--font", "absent.ttf"), "absent.ttf"),
        (("--font", "notes.txt", "--letters", "AB"), "notes.txt"),
        (("--font", "STIX"), "nothing to draw"),
        (("--font", "STIX", "--letters", "Aß"), "ß"),
        (("--font", "STIX", "--letters", "AB", "--set", "latin-lower"), "A B"),
        (("--font", "STIX", "--letters", "AB", "--set", "runes"), "runes"),
        (("--font", "Computer Modern", "--set", "greek"), "greek"),
        (("--font", "Computer Modern", "--letters", "αβ"), "greek"),
        (("--font", "DejaVu Sans", "--letters", "ابج"), "8 faces"),
        (("--images", "absent"), "absent"),
        (("--images", "scans"), "first"),
        (("--images", "blank"), "empty sheet"),
        (("--images", "scans", "--letters", "Q"), "Q"),
        (("--font", "STIX", "--letters", "AB", "--out", "notes.txt"), "notes.txt"),
        (("--font", "STIX", "--letters", "AB", "--out", "scans"), "scans"),
        (("--font", "STIX", "--letters", "AB", "--learn-from", "scans"), "scans"),
    ],
)
def test_what_cannot_be_done_gets_one_line(tmp_path, words, named):
    for folder, name in (("scans", "first.png"), ("blank", "A.png")):
        (tmp_path / folder).mkdir()
        Image.new("L", (30, 30), 255).save(tmp_path / folder / name)
    (tmp_path / "notes.txt").write_text("Dear sir")
    before = sorted(tmp_path.rglob("*"))
    done = run(*words, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if line]
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert lines[0].startswith("glyphnb: error: ") and named in lines[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_more_fonts_make_more_sets_possible(tmp_path):
    (tmp_path / "more").mkdir()
    arabic = list(find_fonts(GLYPH_SETS["arabic"]).values())
    for i in range(4):
        shutil.copy(arabic[i], tmp_path / "more" / f"other{i}.ttf")
    shutil.copy(find_fonts()["STIX"], tmp_path / "more")  # has no Arabic: it is left aside
    shutil.copy(arabic[0], tmp_path / "mine.ttf")
    words = ("--font", "mine.ttf", "--letters", "ابج", "--learn-from", "more", "--out", "out")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0 and "from 8 faces" in done.stdout, done.stderr
    assert len(list((tmp_path / "out" / "letters").iterdir())) == 21


def test_help_shows_an_example_and_loads_nothing_heavy(tmp_path):
    text = run("--help", cwd=tmp_path).stdout
    for word in ("examples:", "--font", "--images", "--letters", "--set", "--out", "--learn-from"):
        assert word in text
    heavy = "{'keras', 'tensorflow', 'scipy'}"
    code = f"import sys, glyphnb.fonts; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_letters_are_drawn_by_command(tmp_path, capsys):
    out = tmp_path / "drawn"
    words = ["letters", "--out", str(out), "--letters", "а-г", "--size", "40"]
    assert main([*words, "--font", "DejaVu Sans", "DejaVu Serif", "--align", "baseline"]) == 0
    assert len(load_data(out)) == 8 and len(read_provenance(out)) == 1
    assert main([*words, "--font", "all"]) == 2
    assert "has no glyph for а б в г" in capsys.readouterr().err


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


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    place = tmp_path_factory.mktemp("photo")
    sheet = mock_sheet(["abcdij", "efgh"], cell=90, angle=3, seed=1)
    Image.fromarray(sheet.photo).save(place / "sheet.jpg", quality=90)
    return place / "sheet.jpg"


def test_the_command(tmp_path, photo, capsys):
    out = tmp_path / "scans"
    assert main(["scan", str(photo), "--out", str(out), "--letters", "abcdijefgh"]) == 0
    assert "scans-contact.png" in capsys.readouterr().out
    assert main(["scan", str(photo), "--out", str(tmp_path / "x"), "--letters", "ab"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("glyphnb: error: ") and error.count("\n") == 1 and "found 10" in error
    assert main(["scan", str(tmp_path / "none.jpg"), "--out", str(tmp_path / "y")]) == 2
    assert not (tmp_path / "y").exists()


def test_from_a_sheet_to_a_morph_in_one_command(tmp_path, photo):
    scan_sheet(photo, tmp_path / "mine", "abcdijefgh")
    words = ["demo", "--images", "mine", "--out", "made", "--samples", "120"]
    command = str(Path(sys.executable).with_name("glyphnb"))
    done = subprocess.run(
        [command, *words], cwd=tmp_path, capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "made" / "metrics.json").read_text())
    assert sorted(metrics["letters"]["known"] + metrics["letters"]["held_out"]) == list(
        "abcdefghij"
    )
    assert set(metrics["morph"]) <= set("abcdefghij") and (tmp_path / "made/morph.gif").exists()
    (record,) = read_provenance(tmp_path / "made")
    (originals,) = record["sets"]["originals"]
    assert originals["sources"][0]["source"]["file"] == "sheet.jpg"  # back to the photo
    assert sorted(path.name for path in (tmp_path / "mine").iterdir())[-1] == "provenance.json"
    for name, n in (("originals", 10), ("converted", 10)):
        assert len(list((tmp_path / "made" / name).iterdir())) == n


def test_scanning_loads_no_network_library():
    code = (
        "import sys, glyphnb.scan; print(sorted({'keras', 'scipy', 'skimage'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
