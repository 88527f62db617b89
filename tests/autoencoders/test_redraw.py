"""autoencoders.redraw."""

import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from glyphnb.autoencoders.redraw import patch_error
from glyphnb.letters.typefaces import render_glyphs

KNOWN = render_glyphs("arabic", size=64)


@given(arrays("uint8", (9, 9)), arrays("uint8", (9, 9)))
@settings(max_examples=60, deadline=None)
def test_patch_error_is_the_worst_window(ink, drawn):
    low, high = np.percentile(ink, (1, 99))
    difference = abs(ink.astype(float) - drawn)
    windows = np.lib.stride_tricks.sliding_window_view(difference, (1, 1))
    expected = windows.mean(axis=(2, 3)).max() / max(high - low, 1)
    np.testing.assert_allclose(patch_error(ink, drawn), expected)
    assert patch_error(ink, ink) == 0


def test_patch_error_by_windows_of_three():
    ink, drawn = KNOWN.ink[1], KNOWN.ink[2]  # 48 pixels of ink make a window of 3
    difference = abs(ink.astype(float) - drawn) / 255
    windows = np.lib.stride_tricks.sliding_window_view(difference, (3, 3))
    np.testing.assert_allclose(patch_error(ink, drawn), windows.mean(axis=(2, 3)).max())
