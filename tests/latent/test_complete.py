"""latent.complete."""

import numpy as np
import pytest

from glyphnb.latent.complete import PenStyles, StyleSpace, iou
from glyphnb.latent.outlines import (
    Faces,
    align_faces,
    fill_outline,
    fit_letters,
    pen_distance,
    restyle,
)
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.letters.typefaces import find_fonts, render_glyphs


def test_a_style_is_shared_by_all_letters(digits):
    glyphs, space = digits
    mean = fill_outline(space.mean.reshape(-1, 48, 48))
    for name in ("STIX", "STIX Bold", "STIX Italic", "STIX Bold Italic"):
        face = glyphs[glyphs.faces == name]
        for n in (1, 3, 6):
            distances = fit_letters(face, space, known=np.arange(n))
            truth = fill_outline(distances)[6:]  # never given
            guess = space.complete(distances[:n], face.letters[:n])
            assert (0 <= guess.p_ink).all() and (guess.p_ink <= 1).all()
            error = ((truth - guess.p_ink[6:]) ** 2).sum()
            assert error < 0.9 * ((truth - mean[6:]) ** 2).sum(), (name, n)
    backwards = space.complete(distances[:6], face.letters[5::-1])  # letters by the wrong names
    assert ((truth - backwards.p_ink[6:]) ** 2).sum() > error


def test_less_noise_means_more_trust_in_what_is_given(digits):
    glyphs, _ = digits
    faces = restyle(align_faces(glyphs[glyphs.families != "STIX"]), 2)
    given = fit_letters(glyphs[glyphs.faces == "STIX Bold Italic"], faces)[:2]
    errors, lengths = [], []
    for noise in (1.0, 100.0, 1e7):
        space = StyleSpace(faces, noise=noise)
        seen = np.clip(given, -space.reach, space.reach)
        errors.append(((space.complete(given, "01").distances[:2] - seen) ** 2).sum())
        lengths.append(np.linalg.norm(space.style(given, "01")[0]))
    assert errors == sorted(errors) and lengths == sorted(lengths)[::-1]
    np.testing.assert_allclose(
        space.complete(given, "01").distances.ravel(), space.mean.ravel(), atol=0.5
    )


def test_the_size_of_the_frame_changes_little():
    glyphs = render_glyphs("ABCDE", list(find_fonts()), size=200)
    known, face = glyphs[glyphs.faces != "STIX Bold"], glyphs[glyphs.faces == "STIX Bold"]
    guesses = []
    for size in (32, 64):
        space = StyleSpace(restyle(align_faces(known, size), 3))
        x = fit_letters(face, space)
        guesses.append(space.complete(x[:3], face.letters[:3]).distances[3:] / size)
    finer = guesses[1].reshape(2, 32, 2, 32, 2).mean((2, 4))
    cut = np.clip(guesses[0], -0.1, 0.1)
    assert abs(cut - np.clip(finer, -0.1, 0.1)).mean() < 0.01


def test_a_mistake_is_said():
    blank = np.zeros((2, 3, 48, 48), np.float32)
    space = StyleSpace(
        Faces(blank + [[[[1]]], [[[2]]]], np.array(list("ABC")), np.arange(2), np.ones(3))
    )
    with pytest.raises(GlyphnbError, match="got Z"):
        space.style(blank[0, :1], "Z")


def test_a_pen_draws_whole_letters_of_one_width(digits):
    from skimage.measure import label

    glyphs, _ = digits
    known, face = glyphs[glyphs.families != "STIX"], glyphs[glyphs.faces == "STIX"]
    styles = PenStyles(restyle(align_faces(known, measure=pen_distance), 2, weight=0))
    given = fit_letters(face[:4], styles, measure=pen_distance)
    expected = styles.complete(given, "0123")
    thin, thick = (styles.draw(expected, np.arange(10), 4, width) for width in (1.0, 3.0))
    for letter, drawn in zip(face.letters, thin, strict=True):
        assert label(drawn > 0.5).max() == 1, letter  # no shards: digits are one piece each
    ratio = thick.sum() / thin.sum()
    assert 2.4 < ratio < 3.2  # three times as wide
    assert iou(thick, thin).max() < 0.6


def test_an_average_is_what_is_expected_when_nothing_is_given(digits):
    glyphs, space = digits
    average = space.average()
    np.testing.assert_allclose(average.distances.ravel(), space.mean.ravel())
    face = glyphs[glyphs.faces == "STIX"]
    sure = space.complete(fit_letters(face, space), face.letters)
    away = abs(average.distances) > 1
    assert (abs(average.p_ink - 0.5) < abs(sure.p_ink - 0.5))[away].mean() > 0.5  # less certain
    some = space.complete(fit_letters(face[:3], space), "012", wanted=[7, 4])
    whole = space.complete(fit_letters(face[:3], space), "012")
    np.testing.assert_allclose(some.p_ink, whole.p_ink[[7, 4]])
