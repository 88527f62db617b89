"""autoencoders.maps."""

import numpy as np

from glyphnb.letters.typefaces import render_glyphs

KNOWN = render_glyphs("arabic", size=64)


def test_places_are_the_principal_components():
    from glyphnb.applications import place_glyphs

    pixels = KNOWN.images.reshape(21, -1).astype(float)
    u, s, _ = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    found = place_glyphs(KNOWN.ink, "pca")
    np.testing.assert_allclose(abs(found), abs(u[:, :2] * s[:2]), rtol=1e-2, atol=1e-2)
