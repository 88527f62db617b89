"""judge.diagnostics."""

import numpy as np
import pytest
from keras import ops
from scipy import stats

from glyphnb.judge.diagnostics import (
    active_units,
    kl_per_dimension,
    nearest_image,
    outside_posteriors,
)
from glyphnb.letters.augment import augment
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.elbo import kl_divergence
from glyphnb.vae.vae import VAE


@pytest.fixture(scope="module")
def fresh(letters):
    "New distortions of three letters."
    return augment(letters, 42, seed=1, fresh=True).images[:3]


def test_the_axes_sum_to_the_divergence(shipped, fresh):
    known = float(ops.mean(kl_divergence(*shipped.posterior(fresh))))
    np.testing.assert_allclose(kl_per_dimension(shipped, fresh).sum(), known, rtol=1e-5)


def test_doubts_say_what_does_not_fit(shipped, fresh):
    for function in (kl_per_dimension, active_units):
        with pytest.raises(GlyphnbError, match="images"):
            function(shipped, fresh[:, :32])
    with pytest.raises(GlyphnbError, match="codes"):
        outside_posteriors(shipped, fresh, np.zeros((4, 3)))
    with pytest.raises(GlyphnbError, match="known"):
        nearest_image(fresh, fresh[:, :32])


def test_an_axis_is_active_when_the_variance_of_its_means_is(monkeypatch):
    rng = np.random.default_rng(0)
    means = stats.zscore(rng.normal(size=(50, 3))) * [0.05, 0.0, 0.2]  # variances 0.0025, 0, 0.04
    log_vars = rng.normal(size=(50, 3)) * [0.1, 3.0, 0.1]  # the second varies, but not its mean
    model = VAE(3, shape=(1, 1, 1))
    monkeypatch.setattr(model, "posterior", lambda x: [means, log_vars])
    images = np.zeros((50, 1, 1, 1), "float32")
    assert active_units(model, images).tolist() == [False, False, True]
    assert active_units(model, images, threshold=0.001).tolist() == [True, False, True]
    by_axis = 0.5 * (means**2 + np.exp(log_vars) - 1 - log_vars).mean(axis=0)
    np.testing.assert_allclose(kl_per_dimension(model, images), by_axis, rtol=1e-4)
