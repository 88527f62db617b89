"""Made-up sheets repeat, and know their letters."""

import numpy as np
import pytest

from glyphnb.letters.mock_sheet import mock_sheet


def test_made_up_sheets_repeat_and_know_their_letters():
    one, two = (mock_sheet(["ab", "c"], cell=40, seed=3, table=True, lines="grid") for _ in "12")
    assert np.array_equal(one.photo, two.photo) and np.array_equal(one.owner, two.owner)
    assert set(np.unique(one.owner)) == {0, 1, 2, 3} and one.photo.shape[:2] == one.owner.shape
    other = mock_sheet(["ab", "c"], cell=40, seed=3, rtl=True)
    for sheet, sign in ((one, 1), (other, -1)):
        first, second = (np.argwhere(sheet.owner == k)[:, 1].mean() for k in (1, 2))
        assert sign * (second - first) > 0


def test_room_moves_letters_apart_and_own_ink_is_written():
    bar = np.zeros((60, 60), np.uint8)
    bar[10:50, 26:34] = 255
    places = []
    for room in (0, 1):
        sheet = mock_sheet(["aa", "a"], {"a": bar}, cell=40, room=room, wobble=0)
        places.append([np.argwhere(sheet.owner == k).mean(axis=0) for k in (1, 2, 3)])
    tight, wide = np.array(places)
    assert abs((wide[1] - wide[0]) - (tight[1] - tight[0]) - (0, 40)).max() < 2
    assert abs((wide[2] - wide[0]) - (tight[2] - tight[0]) - (40, 0)).max() < 2
    assert (tight[1] - tight[0])[1] == pytest.approx(40, abs=2)


@pytest.mark.parametrize("lines, darker", [("boxes", 0.005), ("squared", 0.05)])
def test_printed_lines_darken_paper_and_own_nothing(lines, darker):
    how = {"cell": 60, "room": 0.2, "noise": 0, "seed": 2}
    plain, ruled = mock_sheet(["ab"], **how), mock_sheet(["ab"], lines=lines, **how)
    changed = plain.photo.astype(int).sum(axis=2) - ruled.photo.astype(int).sum(axis=2) > 30
    assert changed.mean() > darker and not (changed & (plain.owner > 0)).all()
    assert np.array_equal(plain.owner, ruled.owner)


def test_the_shadow_of_a_hand_lies_in_one_corner():
    how = {"cell": 60, "light": 0, "noise": 0}
    lit, shaded = (mock_sheet(["ab"], hand=hand, **how).photo.mean(axis=2) for hand in (0, 0.5))
    share = shaded / lit
    assert share[-5:, -5:].mean() == pytest.approx(0.5, abs=0.03)
    assert share[:5, :5].mean() == pytest.approx(1, abs=0.03)
