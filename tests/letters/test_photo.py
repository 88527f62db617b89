"""letters.photo: ink where the truth has ink, whatever the light, the lines and the table."""

import numpy as np
import pytest
from PIL import Image

from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.letters.mock_sheet import mock_sheet
from glyphnb.letters.photo import darkness, find_ink, find_regions

ROWS = ["abcdefg", "hklmnop"]


def photo(**how):
    sheet = mock_sheet(ROWS, cell=90, seed=1, **how)
    return np.asarray(Image.fromarray(sheet.photo).convert("L")), sheet.owner > 0


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"light": 0.5, "shadow": 0.5},
        {"ink": (165, 163, 158), "noise": 6},
        {"ink": (225, 225, 220), "paper": (38, 45, 40)},
        {"lines": "ruled", "angle": 3},
        {"lines": "grid", "angle": -3},
        {"table": True, "angle": 4},
    ],
    ids=str,
)
def test_ink_is_where_the_letters_are(how):
    grey, truth = photo(**how)
    found = find_ink(grey).mask
    near = np.asarray(Image.fromarray(truth).convert("L").resize(found.shape[::-1])) > 0
    around = sum(np.roll(near, (y, x), (0, 1)) for y in (-2, 0, 2) for x in (-2, 0, 2)) > 0
    assert found[near].mean() > 0.85 and around[found].mean() > 0.9


def test_darkness_is_a_share_of_the_light_that_paper_sends_back():
    grey = np.full((200, 300), 200, np.uint8)
    grey[:, :150] = 100  # half of the sheet lies in shadow
    grey[90:110, 50:60] = 50
    grey[90:110, 250:260] = 100  # both marks take half of their light
    dark, *_ = darkness(grey)
    assert dark[100, 55] == pytest.approx(0.5, abs=0.05)
    assert dark[100, 255] == pytest.approx(0.5, abs=0.05)
    assert abs(dark[20:60, [20, 280]]).max() < 0.05


@pytest.mark.parametrize("width", [5, 9, 13])
def test_a_stroke_is_as_wide_as_it_was_drawn(width):
    grey = np.full((300, 400), 230, np.uint8)
    for x in range(50, 350, 60):
        grey[60:240, x : x + width] = 40
    assert find_ink(grey).stroke == pytest.approx(width, abs=1)


def test_a_sheet_without_ink_is_refused():
    with pytest.raises(GlyphnbError, match="no ink"):
        find_ink(np.full((200, 200), 230, np.uint8))


def test_dirt_the_border_and_a_frame_are_no_regions():
    grey = np.full((300, 300), 230, np.uint8)
    grey[100:200, 100:110] = 40  # a letter
    grey[100:200, 180:190] = 40  # another
    grey[0:60, 20:30] = 40  # cut by the border of the photo
    grey[250:252, 60:62] = 40  # dirt
    grey[80:220, 70:76], grey[80:220, 214:220] = 40, 40  # a frame around both letters
    grey[80:86, 70:220], grey[214:220, 70:220] = 40, 40
    boxes = sorted(region.bbox for region in find_regions(find_ink(grey)))
    np.testing.assert_allclose(boxes, [[100, 100, 200, 110], [100, 180, 200, 190]], atol=2)
