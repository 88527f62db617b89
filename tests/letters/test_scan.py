"""Letters of every hand, in order, from photos with every trouble."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import maximum_filter
from skimage.measure import label, regionprops

from glyphnb.letters.files import read_provenance
from glyphnb.letters.folders import load_data, load_image
from glyphnb.letters.mock_sheet import mock_sheet
from glyphnb.letters.form import contact_sheet, scan_sheet
from glyphnb.letters.scan import find_letters
from glyphnb.letters.typefaces import sha256

LATIN = ["abcdefg", "hijklmnop", "qrstuv", "wxyz"]


ARABIC = ["ابجده", "وحطيكلم", "نسعفص", "قرشت"]


def grey(sheet):
    return np.asarray(Image.fromarray(sheet.photo).convert("L"))


def mistakes(sheet, found, n):
    "What is wrong with the letters found on a made-up photo."
    if found.owner.max() != n:
        return f"rows of {found.rows}"
    wrong = []
    for region in regionprops(label(sheet.owner > 0)):
        own = sheet.owner[tuple(region.coords.T)][0]
        if region.area >= 12 and not (found.owner[tuple(region.coords.T)] == own).any():
            wrong.append(f"{own} lost a part")
    wide = maximum_filter(sheet.owner, 7)
    extra = [k for k in range(1, n + 1) if (wide[found.owner == k] == k).mean() <= 0.9]
    return "; ".join(wrong + [f"{k} has too much" for k in extra])


TROUBLES = {
    "tilted left": {"angle": 8},
    "tilted right and noisy": {"angle": -8, "noise": 15},
    "perspective": {"angle": 4, "perspective": 0.05},
    "shadow": {"light": 0.5, "shadow": 0.5},
    "table": {"table": True, "angle": -4, "perspective": 0.03},
    "chalk": {"ink": (225, 225, 220), "paper": (38, 45, 40)},
    "pencil": {"ink": (165, 163, 158), "noise": 6},
    "ruled": {"lines": "ruled", "angle": 3},
    "boxes": {"lines": "grid", "angle": -3},
    "faint boxes": {"lines": "grid", "angle": 3, "cell": 90},
    "skipping pen": {"gaps": 2},
    "dirt": {"specks": 40},
}


@pytest.mark.parametrize("name", TROUBLES)
@pytest.mark.parametrize("rows, rtl", [(LATIN, False), (ARABIC, True)], ids=["latin", "arabic"])
def test_every_letter_in_order_with_all_its_parts(name, rows, rtl):
    sheet = mock_sheet(rows, rtl=rtl, **{"cell": 80, "seed": 5, **TROUBLES[name]})
    found = find_letters(grey(sheet), rtl=rtl, size=32)
    assert mistakes(sheet, found, len("".join(rows))) == ""
    assert found.rows == list(map(len, rows))


@pytest.mark.parametrize("face", ["DejaVu Serif Bold", "STIX Italic", "Computer Modern"])
def test_other_hands_and_numbers_of_letters(face):
    for rows in (["Q"], ["AB", "CD"], ["Hamburgefonstiv"], ["1234567890", "ij", "k"]):
        sheet = mock_sheet(rows, face, cell=80, angle=2, seed=7)
        found = find_letters(grey(sheet), size=32)
        assert mistakes(sheet, found, len("".join(rows))) == "", rows


PARTED = {
    "bars": (["ΞΘΠ", "ΓΞΨ"], False),
    "marks in tight rows": (["äöüß", "éèêñ", "ÄÖÜÅ"], False),
    "side by side": (["жыи", "ёый"], False),
    "a leg of its own": (["עפצק", "אהק"], True),
}


@pytest.mark.parametrize("name", PARTED)
def test_letters_of_several_large_parts(name):
    rows, rtl = PARTED[name]
    for seed in (1, 2):
        sheet = mock_sheet(rows, cell=90, rtl=rtl, angle=-5, seed=seed)
        found = find_letters(grey(sheet), list("".join(rows)), rtl=rtl, size=32)
        assert mistakes(sheet, found, len("".join(rows))) == ""


@given(st.integers(0, 10_000), st.integers(-8, 8), st.booleans())
@settings(max_examples=4, deadline=None)
def test_any_tilt_and_hand(seed, angle, rtl):
    rows = ["ابج", "دهو"] if rtl else ["abc", "fgij"]
    sheet = mock_sheet(rows, cell=90, angle=angle, rtl=rtl, seed=seed)
    found = find_letters(grey(sheet), rtl=rtl, size=32)
    assert len(found.glyphs) == len("".join(rows))


def test_one_scale_square_and_dark_on_light(tmp_path):
    sheet = mock_sheet(["lom"], cell=120, wobble=0, noise=1)
    Image.fromarray(sheet.photo).save(tmp_path / "s.png")
    files = scan_sheet(tmp_path / "s.png", tmp_path / "out", "lom", size=128)
    assert [path.name for path in files] == ["01_l.png", "02_o.png", "03_m.png"]
    inks = [255 - load_image(path) for path in files]
    assert {ink.shape for ink in inks} == {(128, 128)}
    assert all(np.median(ink) == 0 and ink.max() > 240 and ink[0].max() == 0 for ink in inks)
    extents = [np.ptp(np.argwhere(ink > 127), axis=0) + 1 for ink in inks]
    truth = [np.ptp(np.argwhere(sheet.owner == k), axis=0) + 1 for k in (1, 2, 3)]
    ratio = np.array(extents) / truth
    assert np.ptp(ratio[:, 0]) < 0.15 * ratio.mean()  # one scale
    assert max(map(max, extents)) == pytest.approx(0.75 * 128, abs=9)


def test_the_baseline_is_kept_when_asked_for():
    sheet = mock_sheet(["axpxa"], cell=120, wobble=0, noise=1, angle=3)
    lows = {}
    for align in ("ink", "baseline"):
        found = find_letters(grey(sheet), list("axpxa"), size=128, align=align)
        lows[align] = [np.flatnonzero((ink > 127).any(axis=1))[-1] for ink in found.glyphs.ink]
    a, x, p, *_ = lows["baseline"]
    assert abs(int(a) - int(x)) <= 3 and p > x + 10
    assert lows["ink"][2] - lows["ink"][1] < (p - x) * 0.75
    with pytest.raises(ValueError, match="`align`"):
        find_letters(grey(sheet), align="top")


def test_letters_are_set_upright():
    sheet = mock_sheet(["lllll", "lllll"], cell=90, wobble=0, noise=1, angle=8)
    found = find_letters(grey(sheet), size=128)
    assert found.angle == pytest.approx(8, abs=1.5)
    for ink in found.glyphs.ink:
        y, x = np.nonzero(ink > 127)
        assert abs(np.degrees(np.arctan(np.polyfit(y, x, 1)[0]))) < 3


def test_the_direction_of_reading():
    sheet = mock_sheet(["abc"], cell=80, rtl=True)
    by_box = find_letters(grey(sheet)).boxes
    assert np.array_equal(find_letters(grey(sheet), rtl=True).boxes, by_box[::-1])


def test_a_count_that_is_known_helps():
    "Two bars are one letter or two: their room decides, if nobody says how many there are."
    page = Image.new("L", (500, 300), 230)
    pen = ImageDraw.Draw(page)
    for left in (80, 240):
        pen.line([(left, 80), (left, 200)], fill=30, width=16)
        pen.line([(left + 40, 80), (left + 40, 200)], fill=30, width=16)
    photo = np.asarray(page.filter(ImageFilter.GaussianBlur(1)))
    assert len(find_letters(photo).glyphs) == 2
    for letters in (["a", "b"], ["a", "b", "c", "d"]):
        assert find_letters(photo, letters).glyphs.letters.tolist() == letters


def test_boxes_are_in_pixels_of_the_photo():
    sheet = mock_sheet(["ab"], cell=100)
    small, large = grey(sheet), np.asarray(Image.fromarray(grey(sheet)).resize((3000, 2000)))
    factors = np.array(large.shape[::-1]) / small.shape[::-1]
    boxes = find_letters(large).boxes / np.tile(factors, 2)
    assert abs(boxes - find_letters(small).boxes).max() < 4


def bad_photos():
    rng = np.random.default_rng(0)
    letters = Image.fromarray(mock_sheet(["abc", "def"], cell=100).photo)
    many = Image.fromarray(mock_sheet(LATIN, cell=100).photo)
    noise = rng.normal(128, 30, (300, 400)).clip(0, 255).astype(np.uint8)
    slope = np.tile(np.linspace(90, 250, 400).astype(np.uint8), (300, 1))
    return {
        "blank": (Image.new("L", (400, 300), 220), "no ink found"),
        "black": (Image.new("L", (400, 300), 0), "no ink found"),
        "a gradient": (Image.fromarray(slope), "no ink found"),
        "noise": (Image.fromarray(noise), "no ink found|too small"),
        "a thumbnail": (many.resize((many.width // 8, many.height // 8)), "too small"),
        "a dot": (letters.resize((8, 6)), "too small"),
        "out of focus": (letters.filter(ImageFilter.GaussianBlur(60)), "blurred|no ink"),
    }


@pytest.mark.parametrize("name", bad_photos())
def test_photos_that_hold_no_letters(tmp_path, name):
    image, words = bad_photos()[name]
    image.save(tmp_path / "photo.png")
    with pytest.raises(ValueError, match=words) as error:
        scan_sheet(tmp_path / "photo.png", tmp_path / "out")
    assert "photo.png" in str(error.value) and "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_a_wrong_count_shows_why_and_writes_no_letters(tmp_path, photo):
    with pytest.raises(ValueError, match=r"found 10 letters \(6 \+ 4\), but 3 were named"):
        scan_sheet(photo, tmp_path / "out", "abc")
    assert [path.name for path in tmp_path.iterdir()] == ["out-contact.png"]
    files = scan_sheet(photo, tmp_path / "out", "abcdijefgh")  # the contact sheet is replaced
    assert len(files) == 10
    with Image.open(tmp_path / "out-contact.png") as page:
        pixels = np.asarray(page.convert("RGB")).astype(int)
    red = (pixels[..., 0] > 180) & (pixels[..., 1:].max(axis=-1) < 60)
    assert red.sum() > 2000  # the boxes


def test_nothing_of_the_users_is_touched(tmp_path, photo):
    theirs = tmp_path / "out" / "thesis.tex"
    theirs.parent.mkdir()
    theirs.write_text("years of work")
    with pytest.raises(FileExistsError, match="out"):
        scan_sheet(photo, tmp_path / "out")
    Image.new("L", (9, 9)).save(tmp_path / "new-contact.png")
    before = (tmp_path / "new-contact.png").read_bytes()
    with pytest.raises(FileExistsError, match="new-contact.png"):
        scan_sheet(photo, tmp_path / "new")
    assert (tmp_path / "new-contact.png").read_bytes() == before
    assert theirs.read_text() == "years of work" and not (tmp_path / "new").exists()


def test_results_repeat_and_say_where_they_are_from(tmp_path, photo):
    for out in ("one", "two"):
        scan_sheet(photo, tmp_path / out, "abcdijefgh")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 11 and "provenance.json" in names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    (record,) = read_provenance(tmp_path / "one")
    assert record["sources"] == [{"file": "sheet.jpg", "sha256": sha256(photo)}]
    assert record["letters"] == "abcdijefgh" and str(tmp_path) not in json.dumps(record)
    assert "".join(load_data(tmp_path / "one").letters) == "abcdijefgh"


def test_letters_that_a_file_name_cannot_hold(tmp_path):
    sheet = mock_sheet(["/ab"], cell=90)
    Image.fromarray(sheet.photo).save(tmp_path / "s.png")
    files = scan_sheet(tmp_path / "s.png", tmp_path / "out", "/ab")
    assert files[0].name == "01_U+002F.png"
    assert load_data(tmp_path / "out").letters.tolist() == ["/", "a", "b"]


def test_a_letter_may_be_written_twice(tmp_path):
    sheet = mock_sheet(["aabb"], cell=90)
    Image.fromarray(sheet.photo).save(tmp_path / "s.png")
    scan_sheet(tmp_path / "s.png", tmp_path / "out", "aabb")
    assert load_data(tmp_path / "out").letters.tolist() == list("aabb")


def test_a_photo_that_lies_on_its_side_is_turned(tmp_path):
    sheet = mock_sheet(["abc", "def"], cell=90)
    exif = Image.Exif()
    exif[0x0112] = 8
    side = Image.fromarray(sheet.photo).transpose(Image.Transpose.ROTATE_270)
    side.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    scan_sheet(tmp_path / "phone.jpg", tmp_path / "out", "abcdef")
    assert len(load_data(tmp_path / "out")) == 6


def test_numbers_where_no_letters_are_named(tmp_path, photo):
    files = scan_sheet(photo, tmp_path / "out")
    assert [path.name for path in files] == [f"{i:02}.png" for i in range(1, 11)]
    assert isinstance(
        contact_sheet(load_image(photo), find_letters(load_image(photo))), Image.Image
    )
