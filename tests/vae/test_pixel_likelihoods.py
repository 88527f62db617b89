"""Densities that integrate to one, and the beta that hides in a loss."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from glyphnb.autoencoders.autoencoder import bernoulli_nll
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.pixel_likelihoods import (
    Gaussian,
    continuous_bernoulli_nll,
    effective_beta,
    gaussian_nll,
)
from glyphnb.vae.vae import VAE


def test_keras_own_cross_entropy_is_a_mean_over_pixels():
    images = np.random.default_rng(0).random((5, 64, 64, 1)).astype("float32")
    by_keras = keras.losses.binary_crossentropy(images, 0 * images + 0.5)
    mean, total = (
        np.mean(ops.convert_to_numpy(x)) for x in (by_keras, bernoulli_nll(images, 0 * images))
    )
    np.testing.assert_allclose(total / mean, 64 * 64, rtol=1e-4)
    assert effective_beta((64, 64, 1), 2, reconstruction="mean") == 64 * 64


def test_a_mean_over_coloured_pixels_counts_the_channels():
    assert effective_beta((4, 5, 3), 2, reconstruction="mean") == 60
    assert effective_beta((4, 5, 3), 2, reconstruction="channel mean") == 3
    assert effective_beta((4, 5, 3), 2, kl="mean") == 0.5
    assert effective_beta((4, 5, 3), 2, reconstruction_weight=4.0, kl_weight=2.0) == 0.5


@pytest.mark.parametrize(
    "name, latent_dim, options",
    [
        ("reconstruction", 2, {"reconstruction": "average"}),
        ("kl_weight", 2, {"kl_weight": 0}),
        ("latent_dim", 0, {}),
        ("batch_size", 2, {"kl_batch": "sum"}),
    ],
)
def test_the_accountant_names_what_is_wrong(name, latent_dim, options):
    with pytest.raises(ValueError, match=f"`{name}`"):
        effective_beta((64, 64, 1), latent_dim, **options)


def test_a_gaussian_pixel_has_the_density_of_scipy():
    rng = np.random.default_rng(0)
    x, mean, log_var = rng.random((3, 2, 4, 1)), rng.random((3, 2, 4, 1)), -1.3
    by_scipy = -stats.norm.logpdf(x, mean, np.exp(log_var / 2)).sum(axis=(1, 2, 3))
    found = gaussian_nll(x.astype("float32"), mean.astype("float32"), log_var)
    np.testing.assert_allclose(found, by_scipy, rtol=1e-5)


@pytest.mark.parametrize("logit", [-30.0, -2.0, -0.1, 0.0, 1e-4, 0.29, 0.31, 5.0, 30.0])
def test_a_continuous_bernoulli_density_integrates_to_one(logit):
    x = ((np.arange(200_000) + 0.5) / 200_000).astype("float32").reshape(-1, 1, 1, 1)
    nll = continuous_bernoulli_nll(x, np.full_like(x, logit))
    np.testing.assert_allclose(np.exp(-np.asarray(nll, "float64")).mean(), 1, rtol=1e-3)


def test_the_best_variance_of_a_gaussian_likelihood_is_the_error_that_is_left(blots):
    gaussian = Gaussian()
    logits = np.random.default_rng(0).normal(-1, 1, blots.shape).astype("float32")
    error = np.mean((1 / (1 + np.exp(-logits)) - blots) ** 2)
    costs = []
    for change in (-0.2, 0, 0.2):
        gaussian.log_var.assign(np.log(error) + change)
        costs.append(np.mean(ops.convert_to_numpy(gaussian(blots, logits))))
    assert costs[1] < min(costs[0], costs[2])
    vae = VAE(shape=(8, 8, 1), likelihood=gaussian)
    assert any(weight is gaussian.log_var for weight in vae.trainable_weights)  # it is learned


def test_nothing_positive_is_needed_where_a_weight_is_tiny():
    assert effective_beta((4, 4, 1), 2, kl_weight=1e-12) == pytest.approx(1e-12)
    for wrong in (0, -1, float("nan")):
        with pytest.raises(GlyphnbError, match="`reconstruction_weight` must be positive"):
            effective_beta((4, 4, 1), 2, reconstruction_weight=wrong)
