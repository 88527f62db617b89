"""latent.outlines."""

import numpy as np
from PIL import Image

from glyphnb.latent.complete import iou
from glyphnb.latent.outlines import (
    align_faces,
    fill_outline,
    fit_letters,
    pen_distance,
    pen_width,
    restyle,
    signed_distance,
)
from glyphnb.letters.glyphs import GlyphSet
from glyphnb.letters.typefaces import find_fonts, render_glyphs


def test_distances_of_a_disc():
    y, x = np.mgrid[:101, :101] - 50
    radius = np.hypot(x, y)
    found = signed_distance(np.where(radius < 30, 255, 0).astype(np.uint8))
    np.testing.assert_allclose(found, radius - 30, atol=1.1)
    assert abs((found - (radius - 30)).mean()) < 0.1  # no half pixel gets lost on one side


def test_a_frame_does_not_depend_on_the_size_or_place_of_the_drawing():
    glyphs = render_glyphs("ABCD", list(find_fonts())[:9], size=200)
    faces = align_faces(glyphs)
    face = glyphs[glyphs.faces == "DejaVu Serif"]
    once = fit_letters(face, faces)
    wide = np.pad(face.ink, ((0, 0), (100, 100), (100, 100)))
    np.testing.assert_allclose(
        fit_letters(GlyphSet(wide, face.letters, face.faces), faces), once, atol=1e-3
    )
    small = render_glyphs("ABCD", "DejaVu Serif", size=120)
    assert iou(fill_outline(fit_letters(small, faces)), fill_outline(once)).min() > 0.9
    twice = fit_letters(face, faces, zoom=2)
    np.testing.assert_allclose(twice.reshape(4, 48, 2, 48, 2).mean((2, 4)) / 2, once, atol=0.6)


def test_letters_of_unequal_scale_get_their_usual_heights():
    glyphs = render_glyphs("ABCD", list(find_fonts()), size=200)
    faces = align_faces(glyphs)
    face = glyphs[glyphs.faces == "STIX"]
    half = [np.asarray(Image.fromarray(ink).resize((100, 100))) for ink in face.ink[::2]]
    mixed = face.ink.copy()
    mixed[::2] = np.pad(np.stack(half), ((0, 0), (50, 50), (50, 50)))
    apart = fit_letters(GlyphSet(mixed, face.letters, face.faces), faces, together=False)
    whole = fit_letters(face, faces)
    assert iou(fill_outline(apart), fill_outline(whole)).min() > 0.7
    squeezed = fit_letters(GlyphSet(mixed, face.letters, face.faces), faces)
    assert iou(fill_outline(squeezed), fill_outline(whole)).min() < 0.6


def test_invented_faces_repeat(digits):
    glyphs, _ = digits
    faces = align_faces(glyphs[glyphs.faces == "STIX"])
    one, two, other = (restyle(faces, 2, seed).distances for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert abs(one - other)[1:].max() > 0.1


def test_a_pen_of_the_same_width_draws_the_letter_again():
    y, x = np.mgrid[:120, :120]
    ring = abs(np.hypot(x - 60, y - 60) - 40) < 4.5  # nine pixels wide
    ink = np.where(ring | ((abs(x - 60) < 4.5) & (abs(y - 60) < 40)), 255, 0).astype(np.uint8)
    width = pen_width(signed_distance(ink)[None])
    assert abs(width - 9) < 1.5
    again = fill_outline(pen_distance(ink) - width / 2)
    assert iou(ink[None] / 255, again[None])[0] > 0.8
    bold = fill_outline(signed_distance(ink) - 3)
    moved = pen_distance((255 * bold).astype(np.uint8)) - pen_distance(ink)
    assert np.median(abs(moved)) < 1  # the weight is no part of it
