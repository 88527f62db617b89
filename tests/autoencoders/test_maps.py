"""Maps keep neighbours, repeat, and take any code of two numbers."""

import subprocess
import sys

import numpy as np
import pytest

from glyphnb.autoencoders.maps import map_glyphs, place_glyphs, trustworthiness
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.pretrained import NumpyVAE


def test_places_are_the_principal_components(letters):
    pixels = letters.images.reshape(21, -1).astype(float)
    u, s, _ = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    found = place_glyphs(letters.ink, "pca")
    np.testing.assert_allclose(abs(found), abs(u[:, :2] * s[:2]), rtol=1e-2, atol=1e-2)


def test_every_method_gives_places_that_repeat_and_keep_neighbours(letters):
    ink = np.concatenate([letters.ink, np.roll(letters.ink, 1, axis=2)])
    for method in ("pca", "tsne", NumpyVAE().encode):
        one, two = (place_glyphs(ink, method, seed=1) for _ in range(2))
        assert one.shape == (42, 2) and np.array_equal(one, two)
        assert trustworthiness(ink, one) > 0.6
    shuffled = np.random.default_rng(0).permutation(one)
    assert trustworthiness(ink, shuffled) == pytest.approx(0.5, abs=0.1)


def test_a_map_shows_every_glyph_at_its_place():
    ink = np.full((4, 9, 9), 255, np.uint8)
    places = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    sheet = 255 - np.asarray(map_glyphs(ink, places, side=200).image)
    assert sheet.shape == (200, 200)
    for corner in (sheet[:25, :25], sheet[:25, -25:], sheet[-25:, :25], sheet[-25:, -25:]):
        assert (corner == 255).all()
    assert sheet[100, 100] == 0
    for bad in (places[:3], places * np.nan):
        with pytest.raises(GlyphnbError, match="`places`"):
            map_glyphs(ink, bad)


def test_what_cannot_be_mapped_is_named(letters):
    with pytest.raises(GlyphnbError, match="at least 4"):
        place_glyphs(letters.ink[:3])
    with pytest.raises(GlyphnbError, match="`method`"):
        place_glyphs(letters.ink, "umap")


def test_maps_and_colours_load_no_network_library():
    code = (
        "import sys, numpy as np; from glyphnb.autoencoders import colour, maps;"
        "maps.place_glyphs(np.eye(64, dtype='uint8').reshape(-1, 8, 8));"
        "print('keras' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
