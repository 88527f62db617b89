"""Made-up sheets repeat, and know their letters."""

import numpy as np

from glyphnb.letters.mock_sheet import mock_sheet


def test_made_up_sheets_repeat_and_know_their_letters():
    one, two = (mock_sheet(["ab", "c"], cell=40, seed=3, table=True, lines="grid") for _ in "12")
    assert np.array_equal(one.photo, two.photo) and np.array_equal(one.owner, two.owner)
    assert set(np.unique(one.owner)) == {0, 1, 2, 3} and one.photo.shape[:2] == one.owner.shape
    other = mock_sheet(["ab", "c"], cell=40, seed=3, rtl=True)
    for sheet, sign in ((one, 1), (other, -1)):
        first, second = (np.argwhere(sheet.owner == k)[:, 1].mean() for k in (1, 2))
        assert sign * (second - first) > 0
