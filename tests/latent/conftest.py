"""A style space of digits: several tests look at it."""

import pytest

from glyphnb.latent.complete import OutlineStyles
from glyphnb.latent.outlines import align_faces, restyle
from glyphnb.letters.typefaces import find_fonts, render_glyphs


@pytest.fixture(scope="session")
def digits():
    "Ten digits of all faces, and a style space without those of STIX."
    glyphs = render_glyphs("digits", list(find_fonts()), size=160)
    known = glyphs[glyphs.families != "STIX"]
    return glyphs, OutlineStyles(restyle(align_faces(known), 6))
