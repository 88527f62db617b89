"""vae.pixel_likelihoods."""

import keras
import numpy as np
import pytest
from keras import ops

from glyphnb.autoencoders.autoencoder import bernoulli_nll
from glyphnb.vae.pixel_likelihoods import effective_beta


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 2, (6, 2, 3, 1)).astype("float32")


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
