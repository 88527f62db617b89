"""Colours by rule: equally dark, the same for a letter everywhere."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from glyphnb.autoencoders import colour
from glyphnb.autoencoders.colour import tint, tint_greys, transfer_colour
from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning
from glyphnb.letters.typefaces import render_glyphs

GREYS = arrays("uint8", st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(GREYS, st.sampled_from(["gradient", "two-tone", "paper"]), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_grey_is_the_mean_of_the_colours_and_ink_stays(grey, style, seed):
    images = np.float32(grey)[None, ..., None] / 255
    coloured, its_grey = tint(images, ["a"], seed, style)
    assert coloured.min() >= 0 and coloured.max() <= 1 + 1e-6
    np.testing.assert_allclose(
        its_grey, coloured.mean(axis=-1, keepdims=True) + 0 * coloured, atol=1e-6
    )
    if style != "paper":
        np.testing.assert_allclose(its_grey[..., :1], images / 2, atol=1e-6)
    np.testing.assert_allclose(transfer_colour(its_grey, coloured), coloured, atol=1e-5)


def test_a_letter_has_the_same_colours_in_every_set(letters):
    alone, _ = tint(letters.images[3:4], letters.letters[3:4])
    together, _ = tint(letters.images, letters.letters)
    np.testing.assert_array_equal(alone[0], together[3])
    other, _ = tint(letters.images[3:4], letters.letters[3:4], seed=1)
    assert not np.array_equal(alone, other)


def test_images_of_any_size_become_dark_colours_on_white(letters):
    greys = {"a": 255 - letters.ink[0], "b": letters.ink[0], "c": 255 - letters.ink[1][:50]}
    with pytest.warns(GlyphnbWarning, match="b: taken for dark paper, unlike most"):
        coloured = tint_greys(greys, ["x", "x", "y"])
    assert coloured["c"].shape == (50, 64, 3) and coloured["c"].dtype == np.uint8
    np.testing.assert_array_equal(coloured["a"], coloured["b"])  # whatever the paper was
    assert (coloured["a"][0, 0] == 255).all() and coloured["a"].min() < 100


def test_what_cannot_be_is_named(letters):
    with pytest.raises(GlyphnbError, match="`letters`"):
        tint(letters.images, ["a"])
    with pytest.raises(GlyphnbError, match="`style`"):
        tint(letters.images, letters.letters, style="rainbow")
    with pytest.raises(GlyphnbError, match="`guess`"):
        transfer_colour(np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 3, 3)))


@pytest.mark.parametrize("style", ["gradient", "two-tone", "paper"])
def test_a_large_image_is_coloured_in_parts_that_do_not_show(monkeypatch, style):
    greys = {"a": 255 - render_glyphs("R", size=50).ink[0][:, :43]}
    whole = tint_greys(greys, ["R"], 3, style)["a"]
    monkeypatch.setattr(colour, "_AT_ONCE", 500)  # ten columns
    sizes, tinted = [], colour.tint
    monkeypatch.setattr(colour, "tint", lambda ink, *a: sizes.append(ink.size) or tinted(ink, *a))
    np.testing.assert_array_equal(tint_greys(greys, ["R"], 3, style)["a"], whole)
    assert len(sizes) > 3 and max(sizes) < 600


@pytest.mark.parametrize("style", ["gradient", "paper"])
def test_a_large_image_takes_few_bytes_a_pixel(style, monkeypatch):
    "At the limit of 120 megapixels, each byte a pixel is a ninth of a gigabyte."
    monkeypatch.setattr(colour, "_AT_ONCE", 10_000)
    grey = np.full((600, 1000), 255, np.uint8)
    grey[100:500, 100:900] = 0
    tint_greys({"a": grey[:50]}, ["R"], 3, style)  # loads what it needs
    tracemalloc.start()
    tint_greys({"a": grey}, ["R"], 3, style)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / grey.size < 24


def test_colours_of_a_model_take_few_bytes_a_pixel(monkeypatch):
    "And parts do not show: each pixel has its ink, and the hue of the guess."
    from glyphnb.autoencoders.autoencoder import Autoencoder
    from glyphnb.autoencoders.denoise import Grey

    model = Autoencoder(2, "conv", (8, 8, 3), corrupt=Grey())
    grey = np.linspace(0, 255, 600 * 1000).reshape(600, 1000).astype(np.uint8)
    whole = colour.colour_greys(model, {"a": grey}, paper="white")["a"]
    monkeypatch.setattr(colour, "_AT_ONCE", 10_000)
    tracemalloc.start()
    parts = colour.colour_greys(model, {"a": grey}, paper="white")["a"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(parts, whole)
    assert peak / grey.size < 40
