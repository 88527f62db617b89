"""cli.own_letters: a photo, a font or a folder of letters, as the commands take them."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from glyphnb.letters.files import read_provenance
from glyphnb.letters.folders import load_data, load_image
from glyphnb.letters.glyphs import GLYPH_SETS
from glyphnb.letters.typefaces import find_fonts, render_glyphs


class TestComplete:
    def test_a_bundled_face_hides_its_family(self, here, glyphnb):
        words = ["complete", "--font", find_fonts()["STIX Italic"], "--letters", "2 5 7"]
        done = glyphnb(*words, "--out", "mine")
        assert done.status == 0, done.err
        assert "without STIX Italic and its family" in done.out and "from 17 faces" in done.out
        made = sorted(path.name for path in Path("mine/letters").iterdir())
        kinds = {digit: "given" if digit in "257" else "guessed" for digit in GLYPH_SETS["digits"]}
        assert made == [f"{digit}-{kind}.png" for digit, kind in kinds.items()]
        letter = load_image("mine/letters/3-guessed.png")
        assert letter.shape == (192, 192) and 0.02 < (letter < 128).mean() < 0.5
        with Image.open("mine/sheet.png") as sheet:
            assert sheet.width > 500
        before = Path("mine/sheet.png").read_bytes()
        Path("mine/notes.txt").write_text("mine")
        assert glyphnb(*words, "--out", "mine").status == 0  # again, over its own files only
        assert Path("mine/sheet.png").read_bytes() == before
        assert Path("mine/notes.txt").read_text() == "mine"

    def test_images(self, here, glyphnb):
        Path("scans").mkdir()
        for letter, ink in zip("147", render_glyphs("147", "Computer Modern", 90).ink, strict=True):
            Image.fromarray(255 - ink).save(f"scans/{letter}.jpg", quality=90)
        done = glyphnb("complete", "--images", "scans", "--set", "digits", "--out", "out")
        assert "21 faces" in done.out and len(list(Path("out/letters").iterdir())) == 10

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
            (("--font", "STIX", "--letters", "AB", "--set", "runes"), "--set must be .*runes"),
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
    def test_what_cannot_be_done_gets_one_line(self, here, refused, words, named):
        for folder, name in (("scans", "first.png"), ("blank", "A.png")):
            Path(folder).mkdir()
            Image.new("L", (30, 30), 255).save(Path(folder, name))
        Path("notes.txt").write_text("Dear sir")
        refused(["complete", *words], named)

    def test_more_fonts_make_more_sets_possible(self, here, glyphnb):
        Path("more").mkdir()
        arabic = list(find_fonts(GLYPH_SETS["arabic"]).values())
        for i in range(4):
            shutil.copy(arabic[i], f"more/other{i}.ttf")
        shutil.copy(find_fonts()["STIX"], "more")  # has no Arabic: it is left aside
        shutil.copy(arabic[0], "mine.ttf")
        words = ["--font", "mine.ttf", "--letters", "ابج", "--learn-from", "more", "--out", "out"]
        done = glyphnb("complete", *words)
        assert done.status == 0 and "from 8 faces" in done.out, done.err
        assert len(list(Path("out/letters").iterdir())) == 21


class TestLetters:
    def test_several_faces_and_a_range(self, here, glyphnb, refused):
        words = ["letters", "--out", "drawn", "--letters", "а-г", "--size", 40]
        faces = ["--font", "DejaVu Sans", "DejaVu Serif", "--align", "baseline"]
        assert glyphnb(*words, *faces).status == 0
        assert len(load_data("drawn")) == 8 and len(read_provenance("drawn")) == 1
        again = glyphnb(*words, "--font", "DejaVu Sans", "--font", "DejaVu Serif")
        assert again.status == 0 and len(load_data("drawn")) == 8
        refused([*words, "--font", "all"], "has no glyph for а б в г")

    def test_files_are_named_by_their_letters(self, here, glyphnb):
        assert glyphnb("letters", "--letters", "Aaك/", "--size", 40, "--out", "drawn").status == 0
        names = {path.name for path in Path("drawn").glob("*.png")}
        assert names == {"A.png", "a_.png", "ك.png", "U+002F.png"}
        assert load_data("drawn").letters.tolist() == ["A", "a", "ك", "/"]

    def test_a_folder_of_them_goes_into_every_command(self, here, glyphnb, monkeypatch):
        words = ["letters", "--letters", "ABX", "--size", 320, "--out", "drawn"]
        assert glyphnb(*words).status == 0
        assert glyphnb("complete", "--images", "drawn", "--letters", "AX").status == 0
        assert sorted(path.name for path in Path("glyphnb-font/letters").glob("*-given.png")) == [
            "A-given.png",
            "X-given.png",
        ]
        assert glyphnb("tint", "drawn", "--out", "one").status == 0
        monkeypatch.chdir("/")
        assert glyphnb("tint", here / "drawn/A.png", "--out", here / "two").status == 0
        one, two = (Image.open(here / out / "A.png").tobytes() for out in ("one", "two"))
        assert one == two  # its hues are those of the letter A


class TestScan:
    def test_a_sheet_becomes_letters_and_a_contact_sheet(self, here, photo, glyphnb, refused):
        done = glyphnb("scan", photo, "--out", "scans", "--letters", "abcdijefgh")
        assert done.status == 0 and "scans-contact.png" in done.out
        assert sorted(load_data("scans").letters) == list("abcdefghij")
        refused(["scan", "none.jpg", "--out", "y"], "none.jpg")
        refused(["scan", photo, "--out", "scans"], "scans")
        done = glyphnb("scan", photo, "--out", "x", "--letters", "ab")
        assert done.status == 2 and "found 10" in done.err
        assert not Path("x").exists() and Path("x-contact.png").exists()  # to see what was found

    def test_from_a_sheet_to_a_morph(self, here, photo, glyphnb, run):
        assert glyphnb("scan", photo, "--out", "mine", "--letters", "abcdijefgh").status == 0
        done = run(
            "demo", "--images", "mine", "--out", "made", "--samples", 100, "--epochs", 2, cwd=here
        )
        assert done.returncode == 0, done.stderr
        metrics = json.loads(Path("made/metrics.json").read_text(encoding="utf-8"))
        named = metrics["letters"]["known"]
        assert sorted(named) == list("abcdefghij")
        assert set(metrics["morph"]) <= set(named) and Path("made/morph.gif").exists()
        (record,) = read_provenance("made/originals")
        assert record["sources"][0]["sources"][0]["file"] == "sheet.jpg"  # back to the photo
        for name in ("originals", "converted"):
            assert len(list(Path("made", name).glob("*.png"))) == 10
