"""judge.diagnostics."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from glyphnb.judge.diagnostics import active_units, kl_per_dimension, nearest_image
from glyphnb.letters.augment import augment
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.elbo import kl_divergence
from glyphnb.vae.pretrained import load_pretrained


@pytest.fixture(scope="module")
def shipped():
    return load_pretrained()


@pytest.fixture(scope="module")
def images():
    "New distortions of three letters."
    return augment(render_glyphs("arabic"), 42, seed=1, fresh=True).images[:3]


def test_prices_of_axes_sum_to_the_divergence(shipped, images):
    z_mean, z_log_var = shipped.split(shipped.posterior(images))
    known = np.mean(kl_divergence(z_mean, z_log_var))
    np.testing.assert_allclose(kl_per_dimension(shipped, images).sum(), known, rtol=1e-5)


def test_doubts_say_what_does_not_fit(shipped, images):
    for function in (kl_per_dimension, active_units):
        with pytest.raises(GlyphnbError, match="images"):
            function(shipped, images[..., 0])
    with pytest.raises(GlyphnbError, match="codes"):
        outside_posteriors(shipped, images, np.zeros((4, 3)))
    with pytest.raises(GlyphnbError, match="known"):
        nearest_image(images, images[:, :32])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 2, (6, 2, 3, 1)).astype("float32")


def test_an_axis_is_active_when_the_variance_of_its_means_is():
    rng = np.random.default_rng(0)
    means = stats.zscore(rng.normal(size=(50, 3))) * [0.05, 0.0, 0.2]  # variances 0.0025, 0, 0.04
    log_vars = rng.normal(size=(50, 3)) * [0.1, 3.0, 0.1]  # the second varies, but not its mean
    told = np.concatenate([means, log_vars], axis=1).astype("float32")
    model = SimpleNamespace(
        labels=0,
        shape=(1, 1, 1),
        posterior=lambda x, training: told,
        split=lambda outputs: (outputs[:, :3], outputs[:, 3:]),
    )
    images = np.zeros((50, 1, 1, 1), "float32")
    assert active_units(model, images).tolist() == [False, False, True]
    assert active_units(model, images, threshold=0.001).tolist() == [True, False, True]
    by_axis = 0.5 * (means**2 + np.exp(log_vars) - 1 - log_vars).mean(axis=0)
    np.testing.assert_allclose(kl_per_dimension(model, images), by_axis, rtol=1e-4)
