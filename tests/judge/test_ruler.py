"""judge.ruler."""

from typing import NamedTuple

import numpy as np
import pytest

from glyphnb.judge.ruler import (
    Drawing,
    Ruler,
    copied_share,
    drawing_finding,
    ink_of,
    measure_drawing,
    ruler_of,
    sharpness,
)
from glyphnb.letters.augment import augment
from glyphnb.letters.glyphs import GlyphnbError, GlyphSet
from glyphnb.vae.prior import prior_of


@pytest.fixture(scope="module")
def fresh(letters):
    "New distortions, four of each letter."
    return augment(letters, 84, seed=2, fresh=True)


@pytest.mark.parametrize("level", [1.0, 0.6, 0.1])
@pytest.mark.parametrize("shape", [(1, 4, 4, 1), (1, 9, 2, 3)])
def test_sharpness_of_one_grey_is_its_level(level, shape):
    image = np.full(shape, level)
    assert sharpness(image) == pytest.approx([level])
    image[:, ::2] = 0  # paper does not count
    assert sharpness(image) == pytest.approx([level])
    assert ink_of(image) == pytest.approx([image.sum()])


def test_paper_has_no_sharpness():
    assert sharpness(np.zeros((2, 4, 4, 1))).tolist() == [0, 0]


def test_scale_and_orientation_do_not_matter(fresh):
    images = fresh.images[:10]
    turned = np.rot90(images, axes=(1, 2))
    large = images.repeat(2, axis=1).repeat(3, axis=2)
    for other in (turned, images[:, ::-1], large, np.pad(images, ((0, 0), (3, 0), (0, 5), (0, 0)))):
        np.testing.assert_allclose(sharpness(other), sharpness(images))
    np.testing.assert_allclose(ink_of(turned), ink_of(images))
    np.testing.assert_allclose(ink_of(large), 6 * ink_of(images))
    np.testing.assert_allclose(sharpness(0.5 * images), 0.5 * sharpness(images))


def square(side, level=1.0):
    "A square of one grey level on paper, `(10, 10, 1)`."
    image = np.zeros((10, 10, 1), "float32")
    image[:side, :side] = level
    return image


@pytest.mark.parametrize(
    "image, good",
    [
        (square(4), True),
        (square(3), True),  # 9 pixels, the least
        (square(2), False),  # too little ink
        (square(6), True),  # 36 pixels, the most
        (square(7), False),  # too much
        (square(5, level=0.75), True),
        (square(5, level=0.7), False),  # grey
        (square(0), False),
    ],
)
def test_both_limits_hold_at_both_ends(image, good):
    assert Ruler(0.75, 9, 36).holds(image[None]).tolist() == [good]


def test_a_morph_has_the_limits_of_its_letters():
    ruler = Ruler(0.75, 9, 36)
    for ends in ([square(2), square(8)], [square(8), square(2)]):
        between = ruler.between(np.stack(ends))
        assert between == pytest.approx((0.75, 0.7 * 4, 1.3 * 64))
        assert between.holds(np.stack(ends)).all()
    alike = ruler.between(np.stack([square(8), square(8)]))
    assert not alike.holds(square(2)[None]).any()


def test_limits_come_from_nearly_all_real_images():
    sides = np.array([2, *[3] * 50, *[5] * 50, 9])  # one is nearly empty, one a blot
    images = np.stack([square(side, 0.8) for side in sides])
    expected = (0.75 * 0.8, 0.7 * 0.8 * 9, 1.3 * 0.8 * 25)
    assert ruler_of(images) == pytest.approx(expected, rel=0.02)
    ink = GlyphSet(np.uint8(204 * (images[..., 0] > 0)), ["a"] * 102, ["x"] * 102)
    assert ruler_of(ink) == pytest.approx(expected, rel=0.02)
    with pytest.raises(GlyphnbError, match="images"):
        ruler_of(2 * images)


def test_letters_pass_and_fog_does_not(letters, images, fresh):
    from scipy import ndimage

    ruler = ruler_of(images)
    assert ruler.holds(images).mean() > 0.98
    assert ruler.holds(fresh.images).mean() > 0.97 and ruler.holds(letters.images).all()
    fog = ndimage.gaussian_filter(fresh.images, (0, 3, 3, 0))
    blots = ndimage.maximum_filter(fresh.images, (1, 21, 21, 1))
    for bad in (fog, 0.5 * fresh.images, 1 - fresh.images, 0 * fresh.images, blots):
        assert not ruler.holds(bad).any()


def test_copies_are_copies_and_distortions_are_not(letters, images, fresh):
    other = augment(letters, 420, seed=3, fresh=True).images
    usual = augment(letters, 420, seed=2, fresh=True)
    assert copied_share(images[:40], images, usual) == 1
    assert copied_share(usual.images, images, usual) == pytest.approx(0.05, abs=0.003)
    assert 0.01 < copied_share(other, images, usual) < 0.12
    assert copied_share(0 * other, images, usual) == 0
    half = np.concatenate([images[:30], 0 * images[:30]])
    assert copied_share(half, images, usual) == 0.5


class Same:
    "A model that draws its codes: they are the pixels."

    calls = 0

    def encode(self, images):
        return np.asarray(images, "float32").reshape(len(images), -1)

    def decode(self, codes):
        self.calls += 1
        return np.asarray(codes, "float32").reshape(len(codes), 10, 10, 1)


class Known(NamedTuple):
    "A density that knows images, and one for the sheet."

    images: np.ndarray
    sheet: np.ndarray

    def sample(self, n, seed=0):
        rows = np.random.default_rng(seed).integers(0, len(self.images), n)
        return self.images[rows].reshape(n, -1)

    def quantiles(self):
        return np.repeat(self.sheet[None], 100, axis=0).reshape(100, -1)


def glyphs(*images):
    ink = np.uint8(np.rint(255 * np.stack(images)[..., 0]))
    return GlyphSet(ink, [chr(97 + i) for i in range(len(ink))], ["squares"] * len(ink))


def test_a_model_that_draws_what_it_is_given():
    one, far = square(4), np.roll(square(4), 5, axis=(0, 1))
    moved = [np.roll(image, 1, axis=0) for image in (one, far)]
    letters, fresh = glyphs(one, far), glyphs(*moved)
    drawn = measure_drawing(Same(), Known(letters.images, one), letters, letters, fresh, n=30)
    assert drawn.samples == drawn.sheet == drawn.copies == 1
    # A cross-fade at t has sharpness t^2 + (1 - t)^2: at least 0.75 at 0, 0.05, 0.1, and 0.9 to 1.
    assert drawn.morphs == pytest.approx(6 / 21)
    assert drawn.largest_step == pytest.approx(1, rel=1e-3)
    grey = Known(np.stack(moved), 0.5 * one)
    drawn = measure_drawing(Same(), grey, letters, letters, fresh, n=30)
    assert (drawn.samples, drawn.sheet, drawn.copies) == (1, 0, 0)
    alike = glyphs(one, one, one)
    assert measure_drawing(Same(), grey, alike, letters, fresh, n=30).morphs == 1


def test_pairs_are_all_pairs_or_n_of_them():
    letters = glyphs(*(square(side) for side in (3, 4, 5, 6, 7, 8, 9)))
    density, drawn = Known(letters.images, square(4)), {}
    for n in (1, 20, 21, 500):
        model = Same()
        drawn[n] = measure_drawing(model, density, letters, letters, letters, n=n)
        assert model.calls <= 4  # samples, sheet, morphs
    assert drawn[21].morphs == drawn[500].morphs != drawn[1].morphs
    each = []
    for one in range(7):
        for two in range(one):
            pair = letters[[one, two]]
            each.append(measure_drawing(Same(), density, pair, letters, letters, n=5).morphs)
    assert drawn[500].morphs == pytest.approx(np.mean(each))


def test_a_jump_is_the_largest_step():
    class Jump(Same):
        "Draws the nearer of two letters."

        def decode(self, codes):
            return super().decode(np.where(np.asarray(codes) < 0.5, 0.1 * codes, 0.9 + 0.1 * codes))

    letters = glyphs(square(4), np.roll(square(4), 5, axis=(0, 1)))
    density = Known(letters.images, square(4))
    drawn = measure_drawing(Jump(), density, letters, letters, letters, n=5)
    assert drawn.largest_step > 50


def test_seeds_repeat(shipped, letters, fresh):
    measured = [
        measure_drawing(shipped, prior_of(shipped), letters, fresh, fresh, n=25, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert measured[0] == measured[1] != measured[2]
    assert all(0 <= share <= 1 for share in measured[0][:3])


def test_one_letter_has_no_morph(shipped, letters, fresh):
    with pytest.raises(GlyphnbError, match="`letters` must be at least 2 to morph, got 1"):
        measure_drawing(shipped, prior_of(shipped), letters[:1], fresh, fresh)


@pytest.mark.parametrize(
    "shares, verdict",
    [
        ((0.9, 0.8, 0.75), "seldom blurred, faint or too dark"),
        ((0.5, 0.8, 0.9), "samples: often blurred, faint or too dark"),
        ((0.5, 0.8, 0.7), "samples and morphs: often blurred, faint or too dark"),
    ],
)
def test_a_finding_names_what_is_drawn_badly(shares, verdict):
    finding = drawing_finding(Drawing(*shares, 2.0, 0.0))
    assert finding.question == "sharp and whole" and finding.verdict == verdict
    assert finding.found.startswith(f"{shares[0]:.0%} of samples")
