"""latent.complete."""

import numpy as np
import pytest
from PIL import Image

from glyphnb.latent.complete import StyleSpace, complete_letters, iou, learn_styles, read_letters
from glyphnb.latent.outlines import Faces, align_faces, fill_outline, fit_letters, restyle
from glyphnb.letters.glyphs import GLYPH_SETS, GlyphnbError
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


@pytest.mark.parametrize("shape", [(32, 32), (300, 120), (64, 200)])
def test_images_of_other_sizes(tmp_path, digits, shape):
    glyphs, space = digits
    face = glyphs[glyphs.faces == "STIX Bold"]
    for letter, ink in zip("257", face.ink[[2, 5, 7]], strict=True):
        side = min(shape)
        small = np.asarray(Image.fromarray(ink).resize((side, side), Image.Resampling.LANCZOS))
        sheet = np.zeros(shape, np.uint8)
        sheet[:side, :side] = small
        Image.fromarray(255 - sheet).save(tmp_path / f"{letter}.png")
    given, together = read_letters(tmp_path)
    assert together and given.letters.tolist() == list("257")
    drawn = complete_letters(space, given)
    exact = complete_letters(space, face[np.array([2, 5, 7])])
    assert iou(drawn.glyphs.ink / 255, exact.glyphs.ink / 255).min() > 0.75
    Image.fromarray(np.pad(255 - face.ink[3], 40, constant_values=255)).save(tmp_path / "3.png")
    assert not read_letters(tmp_path)[1]
    assert read_letters(tmp_path, "52")[0].letters.tolist() == ["2", "5"]


def test_given_letters_stay_as_they_are(digits):
    glyphs, space = digits
    face = glyphs[glyphs.faces == "STIX"]
    done = complete_letters(space, face[np.array([4, 1])])
    assert done.glyphs.letters.tolist() == list(GLYPH_SETS["digits"])
    assert np.flatnonzero(done.given).tolist() == [1, 4]
    exact = fill_outline(fit_letters(face, space, known=[1, 4], zoom=4))
    shares = iou(exact, done.glyphs.ink / 255)
    assert shares[done.given].min() == 1 and shares[~done.given].max() < 1
    assert 0 < done.overlap < 1


def test_a_mistake_is_said():
    blank = np.zeros((2, 3, 48, 48), np.float32)
    space = StyleSpace(
        Faces(blank + [[[[1]]], [[[2]]]], np.array(list("ABC")), np.arange(2), np.ones(3))
    )
    with pytest.raises(GlyphnbError, match="got Z"):
        space.style(blank[0, :1], "Z")
    with pytest.raises(GlyphnbError, match="8 faces"):
        learn_styles("arabic")
