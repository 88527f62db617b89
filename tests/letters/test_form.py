"""letters.form: a form is printed, filled in, photographed and read; corrections; PDF files."""

import json
import warnings
from functools import cache

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from glyphnb.letters.augment import homography
from glyphnb.letters.files import read_provenance
from glyphnb.letters.folders import load_data
from glyphnb.letters.form import (
    PAPERS,
    contact_sheet,
    form_boxes,
    load_pages,
    print_form,
    read_names,
    scan_sheet,
)
from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning, split_letters
from glyphnb.letters.mock_sheet import mock_sheet
from glyphnb.letters.scan import Edits, find_letters
from glyphnb.letters.typefaces import render_glyphs


@cache
def drawn(letters):
    return dict(zip(letters, render_glyphs(letters, "DejaVu Serif", 150).ink, strict=True))


def fill(page, letters, paper="a4"):
    "Write letters into the boxes of a page; a dot leaves its box empty."
    page, scale = page.copy(), page.shape[0] / PAPERS[paper][1]
    inks, side = drawn("".join(sorted({*letters} - {"."}))), round(18 * scale)
    for (left, top), letter in zip(form_boxes(len(letters), paper)[0], letters, strict=True):
        if letter != ".":
            ink = np.asarray(Image.fromarray(inks[letter]).resize((side, side)))
            window = page[round((top + 2) * scale) :, round((left + 2) * scale) :][:side, :side]
            np.minimum(window, 255 - ink, out=window)
    return page


def photograph(page, seed=0, turns=0, hide=None, bent=0.0):
    "Make up a photo of a page: in perspective, in uneven light, perhaps bent or upside down."
    rng, (tall, wide) = np.random.default_rng(seed), page.shape
    lower = np.rint(bent * tall / 297 * np.sin(np.pi * np.arange(wide) / wide)).astype(int)
    page = np.take_along_axis(page, (np.arange(tall)[:, None] - lower) % tall, axis=0)
    corners = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], float)
    seen = corners * 0.45 + 0.03 * corners[2] + rng.uniform(-0.03, 0.03, (4, 2)) * wide
    how = homography(seen[None], corners[None])[0].ravel()[:8].tolist()
    kind = Image.Transform.PERSPECTIVE, how, Image.Resampling.BICUBIC
    image = Image.fromarray(page).transform((wide // 2, tall // 2), *kind, fillcolor=60)
    light = np.linspace(0.9, 0.5, image.height)[:, None] * rng.normal(1, 0.02, image.size[::-1])
    grey = np.rint(np.asarray(image) * light).clip(0, 255).astype(np.uint8)
    if hide:
        grey[hide] = 90  # a thumb
    return Image.fromarray(np.rot90(grey, turns))


@pytest.fixture(scope="module")
def form(tmp_path_factory):
    "The page of a form for ten letters."
    file = tmp_path_factory.mktemp("form") / "form.pdf"
    print_form("abcdefghij", file)
    (page,) = load_pages(file)
    return page


class TestForm:
    def test_a_filled_form_names_its_letters_also_bent_and_upside_down(self, tmp_path, form):
        photograph(fill(form, "ab.defgh.j"), seed=1, turns=2, bent=3).save(tmp_path / "p.png")
        with pytest.warns(GlyphnbWarning, match="boxes left empty: c i"):
            files = scan_sheet(tmp_path / "p.png", tmp_path / "out", size=96)
        names = ["01_a", "02_b", "03_d", "04_e", "05_f", "06_g", "07_h", "08_j"]
        assert [path.stem for path in files] == names
        found, truth = load_data(tmp_path / "out"), drawn("abdefghj")
        for letter, ink in zip(found.letters, found.ink, strict=True):
            y, x = np.nonzero(truth[letter] > 127)
            height, width = (np.ptp(np.argwhere(ink > 127), axis=0) + 1).tolist()
            assert width / height == pytest.approx((np.ptp(x) + 1) / (np.ptp(y) + 1), rel=0.12)
        assert (tmp_path / "out-contact.png").exists()

    def test_three_marks_are_enough_and_two_are_not(self, tmp_path, form):
        page = fill(form, "abcdefghij")
        rows, columns = (
            slice(round(side * 0.15)) for side in (page.shape[0] / 2, page.shape[1] / 2)
        )
        photograph(page, hide=(rows, columns)).save(tmp_path / "thumb.png")
        assert len(scan_sheet(tmp_path / "thumb.png", tmp_path / "out")) == 10
        photograph(page, hide=(rows, slice(None))).save(tmp_path / "hand.png")
        with pytest.raises(GlyphnbError, match="hand.png: 2 of the 4 marks"):
            scan_sheet(tmp_path / "hand.png", tmp_path / "more")

    def test_nothing_written_is_nothing_read(self, tmp_path, form):
        photograph(form).save(tmp_path / "p.png")
        with pytest.raises(GlyphnbError, match="p.png: .*(empty|no ink)"):
            scan_sheet(tmp_path / "p.png", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_boxes_stay_on_the_page_and_apart(self):
        for paper, (width, height) in PAPERS.items():
            pages = form_boxes(60, paper)
            assert sum(map(len, pages)) == 60
            for boxes in pages:
                assert boxes.min() >= 10 and (boxes + 22 <= (width - 10, height - 40)).all()
                far = abs(boxes[:, None] - boxes).max(axis=2)
                assert far[~np.eye(len(boxes), dtype=bool)].min() >= 24

    def test_the_same_form_has_the_same_bytes_and_replaces_its_own_file_only(self, tmp_path):
        out = tmp_path / "form.pdf"
        assert print_form("ab", out) == ["a", "b"]
        before = out.read_bytes()
        print_form("ab", out)
        assert out.read_bytes() == before
        (tmp_path / "thesis.pdf").write_bytes(b"%PDF-1.7 years of work")
        with pytest.raises(FileExistsError, match="thesis.pdf"):
            print_form("ab", tmp_path / "thesis.pdf")
        with pytest.raises(GlyphnbError, match="must end in .pdf"):
            print_form("ab", tmp_path / "form.png")
        with pytest.raises(GlyphnbError, match="`paper` must be a4 or letter, got 'a5'"):
            print_form("ab", out, "a5")

    @pytest.mark.parametrize("letters", ["a - c", "l a t i n", "ア イ ウ", "é ب ّ", "katakana"])
    def test_the_mark_says_which_letters_the_form_asks_for(self, tmp_path, letters):
        "Also letters that look like a range or like the name of a set."
        named = print_form(letters, tmp_path / "f.pdf")
        codes = zxingcpp.read_barcodes(load_pages(tmp_path / "f.pdf")[0])
        (text,) = (code.text for code in codes if code.text.startswith("glyphnb: "))
        assert split_letters(text.removeprefix("glyphnb: "), repeat=True) == named


class TestPages:
    def test_a_pdf_and_a_photo_go_into_one_folder(self, tmp_path):
        first, second = (mock_sheet([row], cell=80, seed=1).photo for row in ("abc", "de"))
        Image.fromarray(first).save(tmp_path / "scan.pdf")
        Image.fromarray(second).save(tmp_path / "photo.png")
        files = scan_sheet(
            [tmp_path / "scan.pdf", tmp_path / "photo.png"], tmp_path / "out", "abcde"
        )
        assert "".join(load_data(tmp_path / "out").letters) == "abcde" and len(files) == 5
        contacts = sorted(path.name for path in tmp_path.glob("out-contact*"))
        assert contacts == ["out-contact-1.png", "out-contact-2.png"]
        (record,) = read_provenance(tmp_path / "out")
        assert [source["file"] for source in record["sources"]] == ["scan.pdf", "photo.png"]

    def test_every_page_of_a_pdf_is_read(self, tmp_path):
        pages = [Image.new("L", (300 + 100 * k, 400), 255) for k in range(3)]
        pages[0].save(tmp_path / "three.pdf", save_all=True, append_images=pages[1:])
        assert [page.shape[1] for page in load_pages(tmp_path / "three.pdf")] == [2100, 2800, 2800]

    def test_numbers_run_on_from_photo_to_photo(self, tmp_path):
        photos = [tmp_path / "1.png", tmp_path / "2.png"]
        for row, photo in zip(("abc", "def"), photos, strict=True):
            Image.fromarray(mock_sheet([row], cell=60).photo).save(photo)
        with pytest.raises(GlyphnbError, match=r"found 6 letters \(3; 3\), but 7 were named"):
            scan_sheet(photos, tmp_path / "more", "abcdefg")
        scan_sheet(
            photos, tmp_path / "less", "acde", edits=Edits(drop=(2,), join=((5, 6),), split=())
        )
        assert len(load_data(tmp_path / "less")) == 4
        scan_sheet(photos, tmp_path / "hands", "abc")  # each photo shows them all
        assert "".join(load_data(tmp_path / "hands").letters) == "abcabc"
        with pytest.raises(GlyphnbError, match="letters 1 to 6"):
            scan_sheet(photos, tmp_path / "none", edits=Edits(drop=(9,)))

    def test_a_pdf_that_is_damaged_gets_one_line(self, tmp_path):
        (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7\nnothing")
        with pytest.raises(GlyphnbError, match="bad.pdf: expected a PDF file") as error:
            load_pages(tmp_path / "bad.pdf")
        assert "\n" not in str(error.value)
        with pytest.raises(FileNotFoundError, match="absent.pdf"):
            load_pages(tmp_path / "absent.pdf")


class TestEdits:
    @pytest.fixture
    def grey(self):
        "Five letters; three parts of them are torn off or tied together by hand."
        photo = mock_sheet(["abcde"], cell=90, room=0.3, wobble=0, noise=1).photo
        return np.asarray(Image.fromarray(photo).convert("L"))

    def test_letters_are_dropped_joined_and_split(self, grey):
        plain = find_letters(grey)
        assert len(plain.glyphs) == 5
        found = find_letters(grey, edits=Edits(drop=(1,), join=((2, 3),), split=(5,)))
        assert len(found.glyphs) == 4 and found.rows == [4]
        left, top = plain.boxes[1:3, :2].min(axis=0)
        right, bottom = plain.boxes[1:3, 2:].max(axis=0)
        assert found.boxes[0].tolist() == [left, top, right, bottom]
        assert found.boxes[1].tolist() == plain.boxes[3].tolist()
        halves = found.boxes[2:]
        assert halves[:, :2].min(axis=0).tolist() == plain.boxes[4, :2].tolist()
        assert halves[:, 2:].max(axis=0).tolist() == plain.boxes[4, 2:].tolist()
        assert halves[0, 2] < halves[1, 2] and halves[0, 0] < halves[1, 0]

    def test_halves_are_in_the_order_of_reading(self, grey):
        first, second = find_letters(grey, rtl=True, edits=Edits(split=(1,))).boxes[:2]
        assert first[0] > second[0]

    @pytest.mark.parametrize("edits", [Edits(drop=(6,)), Edits(split=(0,)), Edits((2,), ((2, 3),))])
    def test_numbers_that_are_not_there_or_named_twice(self, grey, edits):
        with pytest.raises(GlyphnbError, match=r"letters 1 to 5; \d is (not there|named twice)"):
            find_letters(grey, edits=edits)

    def test_names_in_a_small_file(self, tmp_path, grey):
        Image.fromarray(grey).save(tmp_path / "s.png")
        (tmp_path / "names.txt").write_text("# mine\n1 -\n2+3 ß\n\n5 x y\n4 d\n", encoding="utf-8")
        edits, names = read_names(tmp_path / "names.txt")
        assert edits == Edits((1,), ((2, 3),), (5,)) and names == ["ß", "d", "x", "y"]
        files = scan_sheet(tmp_path / "s.png", tmp_path / "out", names=tmp_path / "names.txt")
        assert [path.stem for path in files] == ["01_ß", "02_d", "03_x", "04_y"]
        with pytest.raises(GlyphnbError, match="`names`"):
            scan_sheet(tmp_path / "s.png", tmp_path / "o", "ab", names=tmp_path / "names.txt")
        (tmp_path / "names.txt").write_text("1 a\n", encoding="utf-8")
        with pytest.raises(GlyphnbError, match="found 5 letters .* but 1 were named"):
            scan_sheet(tmp_path / "s.png", tmp_path / "o", names=tmp_path / "names.txt")
        (tmp_path / "names.txt").write_text("a 1\n", encoding="utf-8")
        with pytest.raises(GlyphnbError, match="expected a number and a letter.*'a 1'"):
            read_names(tmp_path / "names.txt")

    def test_the_contact_sheet_keeps_its_numbers(self, tmp_path, grey, monkeypatch):
        shown = []
        monkeypatch.setattr(
            "glyphnb.letters.form.contact_sheet",
            lambda grey, found, numbers: (
                shown.append(numbers) or contact_sheet(grey, found, numbers)
            ),
        )
        Image.fromarray(grey).save(tmp_path / "s.png")
        edits = Edits(drop=(1,), join=((2, 3),), split=(5,))
        scan_sheet(tmp_path / "s.png", tmp_path / "out", "abcd", edits=edits)
        assert shown == [["2+3", "4", "5a", "5b"]]
        (record,) = read_provenance(tmp_path / "out")
        assert json.loads(json.dumps(record))["edits"] == {
            "drop": [1],
            "join": [[2, 3]],
            "split": [5],
        }

    def test_a_form_needs_none(self, tmp_path):
        print_form("ab", tmp_path / "form.pdf")
        with pytest.raises(GlyphnbError, match="this is a form"), warnings.catch_warnings():
            scan_sheet(tmp_path / "form.pdf", tmp_path / "out", edits=Edits(drop=(1,)))
