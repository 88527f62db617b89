"""vae.elbo."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import stats

from glyphnb.autoencoders.autoencoder import bernoulli_nll
from glyphnb.letters.augment import augment
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.elbo import kl_divergence, sample_z, vae_loss


@pytest.fixture(scope="module")
def images():
    return augment(render_glyphs("arabic", size=64), 256, seed=0).images


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_kl_is_a_sum_of_axes_and_never_negative(pairs):
    mean, log_var = np.array(pairs, "float32").T
    whole = float(kl_divergence(mean[None], log_var[None])[0])
    parts = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).astype(float).sum()
    np.testing.assert_allclose(whole, parts, rtol=1e-3, atol=1e-3)
    assert whole >= -1e-3


def test_known_divergences():
    ten = np.zeros((1, 10), "float32")
    for mean, log_var, nats in ((0, 0, 0), (1, 0, 5.0), (1, 1, 8.591409)):
        np.testing.assert_allclose(kl_divergence(ten + mean, ten + log_var), nats, rtol=1e-5)


def test_the_loss_is_the_sum_of_its_parts_per_glyph(images):
    mean = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    x, logits = images[:8], np.random.default_rng(1).normal(size=(8, 64, 64, 1)).astype("float32")
    loss = vae_loss(x, logits, mean, 0 * mean, beta=2.0)
    parts = bernoulli_nll(x, logits) + 2 * kl_divergence(mean, 0 * mean)
    np.testing.assert_allclose(loss, parts, rtol=1e-6)


def test_samples_follow_mean_and_variance():
    mean, log_var = np.float32([[3.0]] * 20_000), np.float32([[-2.0]] * 20_000)
    z = ops.convert_to_numpy(sample_z((mean, log_var), seed=1))
    np.testing.assert_allclose([z.mean(), z.std()], [3, np.exp(-1)], rtol=0.02)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 2, (6, 2, 3, 1)).astype("float32")


def test_sampled_codes_have_the_stated_mean_width_and_seed():
    m, v = np.float32([[1.0, -2.0]] * 4000), np.float32([[0.0, -3.0]] * 4000)
    z = ops.convert_to_numpy(sample_z((m, v), seed=1))
    noise = (z - m) / np.exp(v / 2)
    for axis in noise.T:
        assert stats.kstest(axis, "norm").pvalue > 1e-3
    assert abs(stats.pearsonr(*noise.T).statistic) < 0.06  # the axes have noise of their own
    np.testing.assert_array_equal(z, ops.convert_to_numpy(sample_z((m, v), seed=1)))
    assert (z != ops.convert_to_numpy(sample_z((m, v), seed=2))).all()


def test_beta_weighs_the_divergence_and_nothing_else(images):
    m, v = np.float32([[3.0, 0.0]] * 6), np.float32([[0.0, -2.0]] * 6)
    losses = [vae_loss(images, 0 * images, m, v, beta) for beta in (0.0, 1.0, 2.0)]
    first, second, third = (ops.convert_to_numpy(loss) for loss in losses)
    np.testing.assert_allclose(first, 6 * np.log(2), rtol=1e-6)
    known = 4.5 + 0.567668  # by the table of known divergences
    np.testing.assert_allclose([second - first, third - second], known, rtol=1e-5)


def gaussian_kl(m0, S0, m1, S1):
    "Divergence of any two Gaussians, tilted or not."
    gap, inverse = m1 - m0, np.linalg.inv(S1)
    log_det = np.linalg.slogdet(S1)[1] - np.linalg.slogdet(S0)[1]
    return 0.5 * (np.trace(inverse @ S0) + gap @ inverse @ gap - len(gap) + log_det)


def test_the_divergence_is_a_case_of_the_general_one_in_any_coordinates():
    rng = np.random.default_rng(0)
    mean, log_var = rng.normal(size=(2, 3))
    ours = float(kl_divergence(mean[None], log_var[None])[0])
    cloud, prior = (mean, np.diag(np.exp(log_var))), (np.zeros(3), np.eye(3))
    np.testing.assert_allclose(gaussian_kl(*cloud, *prior), ours, rtol=1e-6)
    A, shift = rng.normal(size=(3, 3)), rng.normal(size=3)
    moved = [part for m, S in (cloud, prior) for part in (A @ m + shift, A @ S @ A.T)]
    np.testing.assert_allclose(gaussian_kl(*moved), ours, rtol=1e-6)


def test_the_slopes_of_the_bound_of_a_line_with_noise():
    "The slopes that chapter 06 displays, against differences of an integrated bound."
    w, s, x, m, v, h = 2.0, 1.0, 3.0, 0.5, 0.64, 1e-4
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)

    def elbo(mean, var):
        pixels = stats.norm.logpdf(x, w * (mean + var**0.5 * nodes), s) @ weights / weights.sum()
        return pixels - float(kl_divergence(np.array([[mean]]), np.log([[var]]))[0])

    by_mean = (elbo(m + h, v) - elbo(m - h, v)) / (2 * h)
    by_log_var = (elbo(m, v * np.exp(h)) - elbo(m, v * np.exp(-h))) / (2 * h)
    np.testing.assert_allclose(by_mean, w * (x - w * m) / s**2 - m, rtol=1e-5)
    np.testing.assert_allclose(by_log_var, 0.5 * (1 - v * (1 + w**2 / s**2)), rtol=1e-5)
