"""A model answers images of any size and tone, and says where not to trust it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from glyphnb.autoencoders.redraw import clean_images, decode_inks, encode_inks, patch_error, redraw
from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.pretrained import NumpyVAE

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


def test_a_model_redraws_glyphs_at_their_sizes():
    ink = [KNOWN.ink[3], KNOWN.ink[3][:, 10:54], np.kron(KNOWN.ink[3], np.ones((2, 2), np.uint8))]
    drawn = redraw(NumpyVAE(), ink)
    assert [d.shape for d in drawn] == [i.shape for i in ink]
    for a, b in zip(ink, drawn, strict=True):
        assert abs(a.astype(float) - b).mean() < 15
    model = NumpyVAE()
    codes = encode_inks(model, ink)
    assert codes.shape == (3, 2)
    again = decode_inks(model, codes, [i.shape for i in ink])
    assert all(np.array_equal(a, b) for a, b in zip(again, drawn, strict=True))


def test_a_model_of_other_images_is_refused():
    class Wide:
        shape = (8, 9, 1)

    class Labelled(NumpyVAE):
        conditional = True

    for model, found in ((Wide(), "8, 9, 1"), (Labelled(), "labels")):
        with pytest.raises(GlyphnbError, match=found):
            redraw(model, [KNOWN.ink[0]])


def test_cleaning_keeps_tone_and_size_and_names_what_became_another_letter():
    class Forgetful(NumpyVAE):
        "A model that draws one letter, whatever it sees."

        def encode(self, images):
            return super().encode(KNOWN[:1]).repeat(len(images), axis=0)

    greys = {
        "dark.png": 255 - KNOWN.ink[0],
        "light.png": KNOWN.ink[0],
        "other.png": 255 - KNOWN.ink[5],
    }
    filtered = clean_images(greys)
    assert filtered.doubtful == [] and list(filtered.greys) == list(greys)
    speck = {"a.png": greys["dark.png"].copy()}
    speck["a.png"][2, 2] = 0
    assert clean_images(speck).greys["a.png"][2, 2] == 255
    with pytest.warns(GlyphnbWarning, match="light.png: taken for dark paper, unlike most"):
        cleaned = clean_images(greys, Forgetful())
    assert cleaned.doubtful == ["other.png"]
    np.testing.assert_array_equal(cleaned.greys["dark.png"], 255 - cleaned.greys["light.png"])
    with pytest.raises(GlyphnbError, match="`side`"):
        clean_images(greys, side=2)
