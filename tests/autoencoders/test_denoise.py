"""autoencoders.denoise."""

import keras
import numpy as np
import pytest

from glyphnb.autoencoders.autoencoder import Autoencoder
from glyphnb.autoencoders.denoise import SaltAndPepper
from glyphnb.vae.vae import VAE

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def images():
    "Forty blots, each in a place of its own."
    rng = np.random.default_rng(0)
    x = np.zeros((40, *SHAPE), "float32")
    for image, (row, column) in zip(x, rng.integers(0, 6, (40, 2)), strict=True):
        image[row : row + 3, column : column + 3] = rng.uniform(0.6, 1)
    return x


def small(kind=Autoencoder, seed=3, **options):
    keras.utils.set_random_seed(seed)
    options = {"latent_dim": 2, "shape": SHAPE} | options
    return kind(**options, seed=seed) if kind is VAE else kind(**options)


def test_the_corruption_is_stored_with_its_rate_and_dirties_training_alone(tmp_path, images):
    model = small(corrupt=SaltAndPepper(0.3, seed=1))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert isinstance(loaded.corrupt, SaltAndPepper) and loaded.corrupt.rate == 0.3
    clean, dirty = (np.asarray(loaded(images, training=t)) for t in (False, True))
    np.testing.assert_array_equal(clean, loaded(images))
    assert abs(clean - dirty).max() > 1e-4
