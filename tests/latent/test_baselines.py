"""latent.baselines: what a morph without a model must do, on shapes whose answer is known."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from glyphnb.latent.baselines import (
    barycentre,
    blend_distances,
    cross_fade,
    dense_path,
    transport,
)
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.pretrained import NumpyVAE

MORPHS = [cross_fade, blend_distances, barycentre, transport]
T = np.linspace(0, 1, 5)


def disc(row, column, radius, size=32):
    y, x = np.mgrid[:size, :size]
    return np.clip(radius + 0.5 - np.hypot(y - row, x - column), 0, 1)


def middle(image):
    return ndimage.center_of_mass(image[..., 0])


@pytest.mark.parametrize("morph", MORPHS)
def test_a_morph_leads_from_one_image_to_the_other(morph, letters):
    one, two = letters.ink[:2]
    frames = morph(one, two, T)
    assert frames.shape == (5, 64, 64, 1) and frames.dtype == np.float32
    assert frames.min() >= 0 and frames.max() <= 1
    at_ends = frames[[0, -1], ..., 0], np.stack([one, two]) / 255
    tolerance = 1.2 if morph is barycentre else 0.12  # entropy blurs
    for drawn, wanted in zip(*at_ends, strict=True):
        assert np.abs(drawn - wanted).sum() < tolerance * wanted.sum()
    back = morph(two, one, 1 - T)
    assert np.abs(back - frames).sum() < 0.05 * frames.sum()  # of equal plans POT takes one


@pytest.mark.parametrize("morph", MORPHS)
@pytest.mark.parametrize(
    "wrong, named",
    [
        (np.zeros((32, 32)), "image_2.*paper"),
        (disc(8, 8, 4, 24), "one shape"),
        (np.ones((32, 32, 3)), "colours"),
        (2 * disc(8, 8, 4), "image_2"),
    ],
)
def test_what_cannot_be_a_morph(morph, wrong, named):
    with pytest.raises(GlyphnbError, match=named):
        morph(disc(16, 16, 6), wrong, T)


def test_ink_travels_by_transport_and_does_not_by_a_fade():
    left, right = disc(16, 8, 5), disc(16, 24, 5)
    for morph in (barycentre, transport):
        frames = morph(left, right, T)
        columns = [middle(frame)[1] for frame in frames]
        np.testing.assert_allclose(columns, 8 + 16 * T, atol=0.5)
    moved = transport(left, right, T)[..., 0]
    for frame, column in zip(moved, 8 + 16 * T, strict=True):
        assert np.abs(frame - disc(16, column, 5)).sum() < 0.12 * left.sum()  # it stays a disc
    assert cross_fade(left, right, T)[2].max() == pytest.approx(0.5)


def test_a_disc_grows_by_distances():
    small, large = disc(16, 16, 4), disc(16, 16, 10)
    plain = blend_distances(small, large, [0.5], keep_ink=False)[0, ..., 0]
    assert plain.sum() == pytest.approx(np.pi * 7**2, rel=0.03)  # the radius is the mean
    kept = blend_distances(small, large, [0.5])[0, ..., 0]
    assert kept.sum() == pytest.approx((small.sum() + large.sum()) / 2, rel=0.02)


@pytest.mark.parametrize("morph", [blend_distances, transport])
def test_ink_changes_linearly_and_stays_sharp(morph, letters):
    ink = letters.images.sum(axis=(1, 2, 3))
    one, two = ink.argmin(), ink.argmax()
    frames = morph(letters.ink[one], letters.ink[two], T)
    drawn = frames.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(drawn, (1 - T) * ink[one] + T * ink[two], rtol=0.04)
    assert ((frames**2).sum(axis=(1, 2, 3)) / drawn).min() > 0.8


def test_transport_costs_what_the_exact_plan_costs():
    "One pixel splits into two: half of the ink goes up, half goes down."
    one, two = np.zeros((9, 9)), np.zeros((9, 9))
    one[4, 4] = one[4, 5] = two[1, 4] = two[7, 5] = 1
    frame = transport(one, two, [0.5], blur=0.6)[0, ..., 0]
    rows = frame.sum(axis=1)
    assert rows[2:4].sum() == pytest.approx(1, abs=0.2) == pytest.approx(rows[5:7].sum(), abs=0.2)


class TestDensePath:
    def test_it_goes_round_where_there_are_no_codes(self):
        rng = np.random.default_rng(0)
        angle = rng.uniform(0, np.pi, 600)
        ring = np.stack([np.cos(angle), np.sin(angle)], 1) + rng.normal(0, 0.02, (600, 2))

        def decoder(codes):  # all as sharp and as dark as another
            return np.tile(np.eye(4)[None, ..., None], (len(codes), 1, 1, 1))

        t = np.linspace(0, 1, 50)
        path = dense_path([1, 0], [-1, 0], t, decoder, ring, decoder(ring))
        np.testing.assert_allclose(path[[0, -1]], [[1, 0], [-1, 0]], atol=1e-6)
        assert np.abs(np.linalg.norm(path, axis=1) - 1).max() < 0.15
        straight = dense_path([1, 0], [-1, 0], t, decoder, ring, decoder(ring), power=1.0)
        np.testing.assert_allclose(straight[:, 1], 0, atol=1e-6)

    def test_it_shuns_what_is_faint_or_too_dark(self):
        codes = np.random.default_rng(0).uniform(-1, 1, (800, 2))

        def decoder(codes):  # pale in the middle
            ink = np.minimum(1, np.linalg.norm(codes, axis=1) / 0.5)
            return np.tile(ink[:, None, None, None], (1, 3, 3, 1))

        path = dense_path(
            [-0.9, 0], [0.9, 0], np.linspace(0, 1, 60), decoder, codes, decoder(codes)
        )
        assert np.linalg.norm(path, axis=1).min() > 0.35

    def test_equal_ends_and_no_sample_give_the_straight_line(self):
        t = np.linspace(0, 1, 5)

        def decoder(codes):
            return np.ones((len(codes), 2, 2, 1))

        codes = np.random.default_rng(0).normal(size=(50, 2))
        same = dense_path([1, 1], [1, 1], t, decoder, codes, decoder(codes))
        np.testing.assert_allclose(same, np.ones((5, 2)), atol=1e-6)
        faint = dense_path([0, 0], [2, 0], t, decoder, codes, 0.01 * decoder(codes))
        np.testing.assert_allclose(faint, np.stack([2 * t, 0 * t], 1), atol=1e-6)

    def test_in_the_shipped_model_codes_are_denser_than_on_the_line(self, letters):
        vae = NumpyVAE()
        codes = vae.prior.sample(600)
        images = vae.decode(codes)
        gains = []
        for i, j in ((3, 15), (1, 20), (8, 13), (0, 5)):
            ends = vae.encode(letters.images[[i, j]])
            t = np.linspace(0, 1, 40)
            path = dense_path(*ends, t, vae.decode, codes, images)
            straight = ends[0] + t[:, None] * (ends[1] - ends[0])
            gains.append(vae.prior.log_prob(path).mean() - vae.prior.log_prob(straight).mean())
        assert np.mean(gains) > 0.5


def test_pot_is_loaded_late_and_without_frameworks():
    code = (
        "import sys, numpy as np; from glyphnb.latent.baselines import transport;"
        "assert 'ot' not in sys.modules and 'scipy' not in sys.modules;"
        "x = np.zeros((9, 9)); x[2:7, 4] = 1; transport(x, x.T, [0.5]);"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("POT_")}
    assert subprocess.check_output([sys.executable, "-c", code], env=clean, text=True) == "[]\n"
