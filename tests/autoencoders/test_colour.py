"""autoencoders.colour."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

GREYS = arrays("uint8", st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(GREYS, st.sampled_from(["gradient", "two-tone", "paper"]), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_grey_is_the_mean_of_the_colours_and_ink_stays(grey, style, seed):
    from glyphnb.applications import tint, transfer_colour

    images = np.float32(grey)[None, ..., None] / 255
    coloured, its_grey = tint(images, ["a"], seed, style)
    assert coloured.min() >= 0 and coloured.max() <= 1 + 1e-6
    np.testing.assert_allclose(
        its_grey, coloured.mean(axis=-1, keepdims=True) + 0 * coloured, atol=1e-6
    )
    if style != "paper":
        np.testing.assert_allclose(its_grey[..., :1], images / 2, atol=1e-6)
    np.testing.assert_allclose(transfer_colour(its_grey, coloured), coloured, atol=1e-5)
