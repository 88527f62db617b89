"""Letters of every hand, in order, from photos with every trouble."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy.ndimage import maximum_filter
from skimage.measure import label, regionprops

from glyphnb.letters.files import read_provenance
from glyphnb.letters.folders import load_data
from glyphnb.letters.form import contact_sheet, scan_sheet
from glyphnb.letters.mock_sheet import mock_sheet
from glyphnb.letters.scan import find_letters
from glyphnb.letters.typefaces import find_fonts, sha256
from glyphnb.show.pixels import load_image

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
    for rows in (["Q"], ["AB", "CD"], ["Hamburge", "fonstiv"], ["1234567890", "ij", "k"]):
        sheet = mock_sheet(rows, face, cell=60, room=0.2, angle=2, seed=7)
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


STROKES = {  # letters in parts, as strokes of a pen: points of a square of 100
    "ハ": [[(38, 30), (18, 75)], [(60, 28), (84, 76)]],
    "ニ": [[(30, 32), (70, 30)], [(18, 70), (84, 70)]],
    "ミ": [[(30, 22), (72, 30)], [(28, 44), (70, 52)], [(24, 68), (76, 80)]],
    "シ": [[(22, 26), (36, 34)], [(16, 48), (30, 56)], [(22, 82), (60, 66), (82, 32)]],
    "ト": [[(40, 16), (40, 84)], [(40, 42), (72, 58)]],
    "ロ": [[(22, 26), (78, 26), (78, 78), (22, 78), (22, 26)]],
    "간": [
        [(16, 14), (46, 14), (40, 52)],
        [(70, 8), (70, 56)],
        [(70, 32), (88, 32)],
        [(28, 64), (28, 90), (80, 90)],
    ],
    "구": [[(20, 14), (78, 14), (72, 40)], [(12, 54), (88, 54)], [(50, 54), (50, 90)]],
    "미": [[(16, 26), (48, 26), (48, 70), (16, 70), (16, 26)], [(76, 12), (76, 88)]],
    "너": [[(14, 22), (14, 66), (46, 66)], [(76, 12), (76, 88)], [(58, 42), (76, 42)]],
    "ヽ": [[(44, 40), (58, 58)]],
}


def write(lines, side=180, width=11):
    "Draw the strokes of a letter."
    image = Image.new("L", (side, side))
    for line in lines:
        points = [(x * side / 100, y * side / 100) for x, y in line]
        ImageDraw.Draw(image).line(points, fill=255, width=width, joint="curve")
        for x, y in points:
            ImageDraw.Draw(image).circle((x, y), width / 2, fill=255)
    return np.asarray(image)


@pytest.mark.parametrize(
    "rows", [["ハニミシ", "ヽトロハ"], ["간구미너", "너미간구"]], ids=["kana", "hangul"]
)
@pytest.mark.parametrize("room, named", [(0.3, True), (0.6, False)])
def test_parts_side_by_side_are_one_letter_where_there_is_room(rows, room, named):
    letters = "".join(rows)
    inks = {letter: write(STROKES[letter]) for letter in letters}
    sheet = mock_sheet(rows, inks, cell=80, room=room, angle=3, wobble=0.7, seed=2)
    found = find_letters(grey(sheet), list(letters) if named else None, size=32)
    assert mistakes(sheet, found, 8) == "" and found.rows == [4, 4]


def test_a_mark_in_a_tight_row_belongs_to_the_letter_below_it():
    rows = ["مقعجح", "أإؤئآ", "بتثجح", "أإآئؤ"]
    for seed in (0, 1):
        how = {"cell": 80, "room": 0.1, "leading": 0.85, "wobble": 0.7}
        sheet = mock_sheet(rows, rtl=True, angle=-2, seed=seed, **how)
        assert mistakes(sheet, find_letters(grey(sheet), rtl=True, size=32), 20) == ""


LIGHT = {
    "a hand": {"hand": 0.45, "table": True, "perspective": 0.04},
    "squared": {"lines": "squared", "table": True, "perspective": 0.06},
    "a form": {"lines": "boxes", "angle": 3, "perspective": 0.03},
    "boxes that touch": {"lines": "grid", "angle": 2, "wobble": 1.5},
}


@pytest.mark.parametrize("name", LIGHT)
def test_shadows_squares_and_boxes_are_not_letters(name):
    rows = ["abcdefg", "hijklmn"]
    sheet = mock_sheet(rows, cell=75, room=0.25, seed=4, **LIGHT[name])
    assert mistakes(sheet, find_letters(grey(sheet), size=32), 14) == ""


def rings(letters, size=60):
    "Letters in rings, and outlines of letters, on a page."
    page = Image.new("L", (110 * len(letters) + 60, 200), 240)
    font = ImageFont.truetype(str(find_fonts()["DejaVu Sans Bold"]), size)
    for k, letter in enumerate(letters):
        place = 85 + 110 * k, 100
        if letter.isdigit():
            ImageDraw.Draw(page).circle(place, 42, outline=40, width=5)
            ImageDraw.Draw(page).text(place, letter, 40, font.font_variant(size=38), anchor="mm")
        else:
            ImageDraw.Draw(page).text(place, letter, 40, font, anchor="mm", stroke_width=5)
            ImageDraw.Draw(page).text(place, letter, 240, font, anchor="mm")
    noise = np.random.default_rng(0).normal(0, 3, page.size[::-1])
    return (np.asarray(page) + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("letters", ["123456", "DOBAQ"])
def test_a_ring_and_an_outline_belong_to_their_letter(letters):
    found = find_letters(rings(letters), list(letters), size=64)
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    assert len(found.glyphs) == len(letters)
    if letters.isdigit():
        assert np.ptp(sizes) <= 4 and abs(sizes.mean() - 85) < 4  # like signs alike
    else:
        assert sizes.min() > 45  # not the counter alone


@pytest.mark.parametrize("apart", [0, 4, 30, 50])
def test_all_letters_of_a_form_whose_boxes_touch_or_do_not(apart):
    page = Image.new("L", (900, 620), 244)
    font = ImageFont.truetype(str(find_fonts()["DejaVu Sans"]), 90)
    for k in range(15):
        x, y, gap = 70 + k % 5 * 150, 40 + k // 5 * 180, apart // 2
        box = x + gap, y + gap, x + 150 - gap, y + 180 - gap
        ImageDraw.Draw(page).rectangle(box, outline=120, width=2)
        if k < 13:  # two boxes are empty
            ImageDraw.Draw(page).text((x + 75, y + 122), chr(65 + k), 35, font, anchor="ms")
    noise = np.random.default_rng(0).normal(0, 3, page.size[::-1])
    found = find_letters((np.asarray(page) + noise).clip(0, 255).astype(np.uint8), size=32)
    assert found.rows == [5, 5, 3]
    assert (found.boxes[:, 3] - found.boxes[:, 1] < 110).all()  # no box among the letters


def test_the_number_guides_with_evidence_only():
    "Two letters that touch are cut; a name too many, or too few, is reported instead."
    rows = ["abcdefg", "hijklmn"]
    sheet = mock_sheet(rows, cell=60, room=0.4, seed=1)
    photo = grey(sheet)
    for n in (13, 15):
        assert len(find_letters(photo, ["x"] * n, size=32).glyphs) == 14
    boxes = find_letters(photo, size=32).boxes
    (_, _, left, _), (right, top, _, bottom) = boxes[7], boxes[8]  # h and i
    tied = photo.copy()
    tied[(top + bottom) // 2 - 2 : (top + bottom) // 2 + 3, left - 6 : right + 6] = 60
    assert len(find_letters(tied, size=32).glyphs) == 13
    found = find_letters(tied, list("".join(rows)), size=32)
    owners = [np.bincount(sheet.owner[found.owner == k], minlength=15) for k in range(1, 15)]
    assert [count[1:].argmax() + 1 for count in owners] == list(range(1, 15))


@given(st.integers(0, 10_000), st.integers(-8, 8), st.booleans())
@settings(max_examples=3, deadline=None)
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
