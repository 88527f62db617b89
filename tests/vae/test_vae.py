"""vae.vae."""

import keras
import numpy as np
import pytest
from keras import ops

from glyphnb.autoencoders.autoencoder import Autoencoder
from glyphnb.autoencoders.training import train
from glyphnb.letters.augment import augment
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.vae import VAE


@pytest.fixture(scope="module")
def images():
    return augment(render_glyphs("arabic", size=64), 256, seed=0).images


def test_codes_are_means_and_repeat(images):
    vae = VAE(seed=0)
    np.testing.assert_array_equal(vae.encode(images[:9]), vae.encode(images[:9]))
    means, _ = vae.split(vae.posterior(images[:9]))
    np.testing.assert_allclose(vae.encode(images[:9]), means, atol=1e-6)


def test_the_parts_of_the_loss_add_up_over_uneven_batches(images):
    vae = VAE(beta=3.0, seed=0)
    vae.compile()
    found = vae.evaluate(images[:70], batch_size=64, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["nll"] + 3 * found["kl"], found["loss"], rtol=1e-5)


def test_weights_of_samples_count(images):
    model = Autoencoder()
    model.compile()
    x = images[:64]
    whole = model.evaluate(x, x, batch_size=64, verbose=0)
    weights = np.full(64, 0.25, "float32")
    weighted = model.evaluate(x, x, sample_weight=weights, batch_size=64, verbose=0)
    np.testing.assert_allclose(weighted, whole / 4, rtol=1e-4)


def test_no_rate_ends_in_nan(images):
    vae = VAE(seed=0)
    history = train(vae, images, images, epochs=3, learning_rate=0.3)
    assert np.isfinite(history["loss"]).all() and np.isfinite(history["val_loss"]).all()


def test_a_vae_refuses_a_foreign_loss(images):
    vae = VAE(seed=0)
    vae.compile(loss="mse")
    with pytest.raises(ValueError, match="likelihood"):
        vae.fit(images[:8], verbose=0)


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


def test_mean_first_and_log_variance_second(images):
    vae = small(VAE)
    vae.posterior.layers[-1].bias.assign([1.0, 2.0, -30.0, 30.0])
    vae.posterior.layers[-1].kernel.assign(0 * vae.posterior.layers[-1].kernel)
    mean, log_var = vae.split(vae.posterior(images[:3]))
    np.testing.assert_allclose(mean, [[1, 2]] * 3)
    np.testing.assert_allclose(log_var, [[-16, 8]] * 3)  # within bounds
    np.testing.assert_allclose(vae.encode(images[:3]), [[1, 2]] * 3)


def tiny(**options):
    "A VAE of images of 2 x 3 pixels, with strong opinions and clouds away from the prior."
    keras.utils.set_random_seed(3)
    vae = VAE(2, shape=(2, 3, 1), seed=0, **options)
    for weight in vae.trainable_weights:
        weight.assign(1.2 * weight)
    *_, bias = vae.posterior.trainable_weights
    bias.assign([0.6, -0.4, 0.5, 1.0])
    return vae


@pytest.fixture(scope="module")
def vae():
    return tiny()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 2, (6, 2, 3, 1)).astype("float32")


def test_the_encoder_says_means_first_and_clipped_log_variances_second(vae, images):
    outputs = np.float32([[-50, 200, -100, 100], [3, 4, -1, 1]])
    means, log_vars = (ops.convert_to_numpy(part) for part in vae.split(outputs))
    np.testing.assert_array_equal(means, [[-50, 200], [3, 4]])
    np.testing.assert_array_equal(log_vars, [[-16, 8], [-1, 1]])
    codes = vae.encode(images)
    np.testing.assert_allclose(codes, ops.convert_to_numpy(vae.posterior(images))[:, :2], atol=1e-6)
    np.testing.assert_array_equal(codes, vae.encode(images))


@pytest.mark.parametrize("wild", [1000.0, -1000.0])
def test_a_wild_log_variance_does_not_end_in_nan(images, wild):
    vae = tiny()
    *_, bias = vae.posterior.trainable_weights
    bias.assign([0.0, 0.0, wild, wild])
    vae.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    for _ in range(3):
        assert np.isfinite(vae.train_on_batch(images, return_dict=True)["loss"])
    for weight in vae.trainable_weights:
        assert np.isfinite(ops.convert_to_numpy(weight)).all()
