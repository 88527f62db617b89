"""cli.own_letters: a photo, a font or a folder of letters, as the commands take them."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw

from glyphnb.letters.files import read_provenance, save_glyphs
from glyphnb.letters.folders import load_data
from glyphnb.letters.form import form_boxes, load_pages
from glyphnb.letters.glyphs import GLYPH_SETS, GlyphSet
from glyphnb.letters.typefaces import find_fonts, render_glyphs
from glyphnb.show.pixels import load_image


class TestComplete:
    def test_a_bundled_face_hides_its_family(self, here, glyphnb):
        words = ["complete", "--font", find_fonts()["STIX Italic"], "--letters", "2 5 7"]
        done = glyphnb(*words, "--out", "mine")
        assert done.status == 0, done.err
        assert "without STIX Italic and its family" in done.out and "from 17 faces" in done.out
        made = sorted(path.name for path in Path("mine/letters").iterdir())
        kinds = {digit: "given" if digit in "257" else "guessed" for digit in GLYPH_SETS["digits"]}
        named = [f"{digit}_{kind}.png" for digit, kind in kinds.items()]
        assert made == [*named, "provenance.json"]
        assert sorted(path.name for path in Path("mine/svg").iterdir()) == [
            name.replace("png", "svg") for name in named
        ]
        assert load_data("mine/letters").letters.tolist() == list(kinds)
        assert load_data("mine/letters").faces.tolist() == list(kinds.values())
        text = Path("mine/sheet.svg").read_text()
        assert text.count(">given<") == 3 and text.count(">guessed<") == 7
        assert re.search(
            r"(Rough sketches|Good guesses): .* by 0\.\d\d, an average letter", done.out
        )
        assert "Overlap with the face's own letters: 0." in done.out
        assert "As sharp as the given letters: 7 of 7 guesses" in done.out
        letter = load_image("mine/letters/3_guessed.png")
        assert letter.shape == (192, 192) and 0.02 < (letter < 128).mean() < 0.5
        with Image.open("mine/sheet.png") as sheet:
            assert sheet.width > 500
        font = Path("mine/STIXGeneralItalic completed.ttf")
        before = [path.read_bytes() for path in (Path("mine/sheet.png"), font)]
        assert TTFont(font).getBestCmap().keys() >= set(map(ord, "0123456789 "))
        Path("mine/notes.txt").write_text("mine")
        assert glyphnb(*words, "--out", "mine").status == 0  # again, over its own files only
        assert [path.read_bytes() for path in (Path("mine/sheet.png"), font)] == before
        assert Path("mine/notes.txt").read_text() == "mine"

    def test_images(self, here, glyphnb, refused):
        Path("scans").mkdir()
        for letter, ink in zip("147", render_glyphs("147", "Computer Modern", 90).ink, strict=True):
            Image.fromarray(255 - ink).save(f"scans/{letter}.jpg", quality=90)
        Path("scans/2.jpg").write_bytes(b"oops")
        words = ["complete", "--images", "scans", "--set", "digits", "--out", "out"]
        refused(words, "2.jpg")
        done = glyphnb(*words, "--skip-unreadable")
        assert "21 faces" in done.out and len(load_data("out/letters")) == 10
        assert "skipped scans/2.jpg" in done.err

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
            sheet = Image.new("L", (30, 30), 255)
            sheet.paste(0, (9, 9, 20, 20) if folder == "scans" else (0, 0, 0, 0))
            sheet.save(Path(folder, name))
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
        assert len(load_data("out/letters")) == 21

    @pytest.fixture
    def few_faces(self, monkeypatch):
        "Eight faces are enough to learn from, and quick."
        names = list(find_fonts())[:8]
        monkeypatch.setattr("glyphnb.latent.guesses.tqdm", lambda faces, **options: faces)
        monkeypatch.setattr(
            "glyphnb.latent.guesses.find_fonts",
            lambda text="": {name: find_fonts()[name] for name in names},
        )

    def test_shards_are_refused_or_called_sketches(self, here, glyphnb, refused, few_faces):
        rng = np.random.default_rng(0)
        Path("scribbles").mkdir()
        for letter in "0123":
            page = Image.new("L", (120, 120), 255)
            points = [tuple(map(int, point)) for point in rng.uniform(10, 110, (5, 2))]
            ImageDraw.Draw(page).line(points, fill=0, width=4)
            page.save(f"scribbles/{letter}.png")
        words = ["complete", "--images", "scribbles", "--set", "digits", "--out", "mine"]
        refused(words, r"no letters of this face.* by 0\.[012]\d", "--learn-from", "--anyway")
        done = glyphnb(*words, "--anyway")
        assert done.status == 0 and "No letters of this face" in done.out
        faces = load_data("mine/letters").faces.tolist()
        assert faces.count("given") == 4 and faces.count("sketch") == 6
        assert Path("mine/scribbles sketch.ttf").exists()
        assert TTFont("mine/scribbles sketch.ttf")["name"].getDebugName(1) == "scribbles sketch"

    def test_a_whole_hand_of_both_cases_becomes_a_font(self, here, glyphnb, refused, few_faces):
        save_glyphs(render_glyphs("latin-both", "STIX", 100), "hand", stem=None)
        done = glyphnb("complete", "--images", "hand", "--name", "Anna's hand", "--out", "mine")
        assert done.status == 0 and "All letters are given" in done.out, done.err
        (font,) = Path("mine").glob("*.ttf")
        read = TTFont(font)
        assert read["name"].getDebugName(1) == "Anna's hand"
        assert read.getBestCmap().keys() >= set(map(ord, GLYPH_SETS["latin-both"]))
        names = [path.name.lower() for path in Path("mine/letters").iterdir()]
        assert len(set(names)) == len(names) == 53  # no two differ in case alone
        refused(["complete", "--images", "hand", "--name", "x" * 70, "--out", "b"], "--name")

    def test_hands_to_learn_from(self, here, glyphnb, few_faces):
        for hand, face in (("anna", "STIX"), ("bert", "Computer Modern")):
            drawn = render_glyphs("digits", face, 100)
            save_glyphs(GlyphSet(drawn.ink, drawn.letters, [hand] * 10), f"hands/{hand}", stem=None)
        words = ["complete", "--images", "hands/anna", "--letters", "2-6", "--learn-from", "hands"]
        done = glyphnb(*words, "--out", "out")
        assert done.status == 0 and "Drawing 5 letters after 2 3 4 5 6" in done.out, done.err
        assert "from 9 faces" in done.out  # all but the hand itself
        assert len(load_data("out/letters")) == 10


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
        made = load_data("glyphnb-font/letters")
        assert made.letters[made.faces == "given"].tolist() == ["A", "X"]
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

    def test_corrections_by_the_numbers_of_the_contact_sheet(self, here, photo, glyphnb, refused):
        words = ["scan", photo, "--letters", "acdijfgh", "--out", "mine"]
        assert glyphnb(*words, "--drop", "2", "--join", "7+8").status == 0
        assert sorted(load_data("mine").letters) == list("acdfghij")
        Path("names.txt").write_text("\n".join(f"{k} {k}" for k in range(1, 10)) + "\n10 x y\n")
        done = glyphnb("scan", photo, "--names", "names.txt", "--out", "named")
        assert done.status == 0 and sorted(load_data("named").letters)[-2:] == ["x", "y"], done.err
        for option, word in (("--drop", "4+5"), ("--join", "4"), ("--split", "x")):
            said = f"{option} takes numbers such as .*{re.escape(word)}"
            refused([*words[:-1], "bad", option, word], said)
        refused([*words[:-1], "bad", "--drop", "11"], "letters 1 to 10; 11 is not there")
        refused([*words[:-1], "bad", "--names", "names.txt"], "--names")

    def test_several_photos(self, here, photo, glyphnb):
        done = glyphnb("scan", photo, photo, "--letters", "abcdijefgh" * 2, "--out", "mine")
        assert done.status == 0 and "Wrote 20 letters" in done.out and "contact-1.png" in done.out

    def test_from_a_sheet_to_a_morph(self, here, photo, glyphnb):
        assert glyphnb("scan", photo, "--out", "mine", "--letters", "abcdijefgh").status == 0
        few = ["--samples", 100, "--epochs", 2]
        done = glyphnb("demo", "--images", "mine", "--out", "made", *few)
        assert done.status == 0, done.err
        metrics = json.loads(Path("made/metrics.json").read_text(encoding="utf-8"))
        named = metrics["letters"]["known"]
        assert sorted(named) == list("abcdefghij")
        assert set(metrics["morph"]) <= set(named) and Path("made/morph.gif").exists()
        (record,) = read_provenance("made/originals")
        assert record["sources"][0]["sources"][0]["file"] == "sheet.jpg"  # back to the photo
        for name in ("originals", "converted"):
            assert len(list(Path("made", name).glob("*.png"))) == 10


class TestSheet:
    def test_a_form_is_printed_and_read(self, here, glyphnb, refused):
        done = glyphnb("sheet", "--letters", "a-e", "--out", "form.pdf")
        assert done.status == 0 and "5 letters to form.pdf" in done.out
        page = load_pages("form.pdf")[0].copy()
        inks = render_glyphs("abcd", size=160).ink
        for (left, top), ink in zip(form_boxes(5)[0][:4], inks, strict=True):
            y, x = round((top + 3) * len(page) / 297), round((left + 3) * len(page) / 297)
            page[y : y + 160, x : x + 160] -= ink
        Image.fromarray(page).save("filled.png")
        done = glyphnb("scan", "filled.png", "--out", "mine")
        assert done.status == 0 and "boxes left empty: e" in done.err
        assert sorted(path.name for path in Path("mine").glob("*.png")) == [
            "01_a.png", "02_b.png", "03_c.png", "04_d.png"
        ]  # fmt: skip
        refused(["scan", "form.pdf", "--out", "none"], "form.pdf: .*(empty|no ink)")
        refused(["sheet", "--letters", "ab", "--out", "form.png"], "form.png must end in .pdf")
        refused(["sheet"], "--letters")
