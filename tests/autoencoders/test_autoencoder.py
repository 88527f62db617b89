"""autoencoders.autoencoder."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import special, stats

from glyphnb.autoencoders.autoencoder import Autoencoder, bernoulli_nll, pixel_entropy, visualize
from glyphnb.autoencoders.training import train
from glyphnb.letters.augment import augment
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.vae import VAE


@pytest.fixture(scope="module")
def images():
    return augment(render_glyphs("arabic", size=64), 256, seed=0).images


@pytest.mark.parametrize("side, nats", [(28, 543.4274), (32, 709.7827), (64, 2839.1309)])
def test_a_coin_flip(side, nats):
    x = np.random.default_rng(0).random((2, side, side, 1)).astype("float32")
    np.testing.assert_allclose(bernoulli_nll(x, 0 * x), nats, rtol=1e-5)


@given(st.floats(-30, 30), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_nll_is_the_cross_entropy_and_above_the_entropy(logit, level):
    x, one = np.full((1, 1, 1, 1), level, "float32"), np.full((1, 1, 1, 1), logit, "float32")
    nll = float(bernoulli_nll(x, one)[0])
    exact = np.logaddexp(0, logit) - level * logit
    np.testing.assert_allclose(nll, exact, rtol=1e-4, atol=1e-4)
    assert nll >= pixel_entropy(x) - 1e-4


def test_entropy_is_reached_by_the_images_themselves(images):
    p = images.clip(1e-6, 1 - 1e-6)
    own = np.mean(bernoulli_nll(images, np.log(p / (1 - p))))
    np.testing.assert_allclose(own, pixel_entropy(images), rtol=1e-3)


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
@pytest.mark.parametrize("arch", ["dense", "conv", "article"])
def test_a_model_comes_back_from_its_file(tmp_path, images, kind, arch):
    model = kind(3, arch=arch)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded) is kind and loaded.latent_dim == 3
    np.testing.assert_array_equal(loaded.encode(images[:5]), model.encode(images[:5]))
    np.testing.assert_array_equal(loaded.predict(images[:5]), model.predict(images[:5]))


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
@pytest.mark.parametrize("arch", ["dense", "conv"])
def test_other_sizes(kind, arch):
    x = np.random.default_rng(0).random((16, 28, 20, 1)).astype("float32")
    model = kind(2, arch=arch, shape=(28, 20, 1))
    history = train(model, x, x, epochs=1, batch_size=5)
    assert np.isfinite(history["val_loss"]).all() and model.predict(x).shape == x.shape
    with pytest.raises(ValueError, match="images"):
        train(model, np.zeros((4, 64, 64, 1), "float32"))


def test_batches_do_not_matter(images):
    vae = VAE()
    np.testing.assert_allclose(
        vae.encode(np.concatenate([images] * 3)),
        np.concatenate([vae.encode(images)] * 3),
        atol=1e-5,
    )
    assert vae.encode(images[:0]).shape == (0, 2)


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


def test_arrays_of_any_length_pass_in_order(images):
    model, many = small(), np.tile(images, (26, 1, 1, 1))[:1031]
    assert model.encode(many).shape == (1031, 2)
    np.testing.assert_allclose(model.encode(many)[-7:], model.encode(many[-7:]), atol=1e-6)
    np.testing.assert_allclose(model.predict(many)[:40], model.predict(images), atol=1e-6)


def test_entropy_is_per_image_and_spares_ink_and_paper():
    x = np.zeros((2, 2, 2, 1), "float32")
    x[0] = 0.5
    x[1, 0] = 1
    np.testing.assert_allclose(pixel_entropy(x), 4 * np.log(2) / 2)


def test_visualize_puts_an_image_above_its_reconstruction():
    class Invert:
        def predict(self, x, verbose=0):
            return 1 - x

    x = np.random.default_rng(0).integers(0, 2, (9, 4, 4, 1)).astype("float32")
    sheet = np.asarray(visualize(Invert(), x, 5, seed=1).image)
    assert sheet.shape == (10, 28)
    above, below = sheet[:4], sheet[6:]
    for place in range(5):
        cell = slice(6 * place, 6 * place + 4)
        np.testing.assert_array_equal(above[:, cell], 255 - below[:, cell])
    others = [np.asarray(visualize(Invert(), x, 5, seed=s).image) for s in (1, 2)]
    assert (others[0] == sheet).all() and (others[1] != sheet).any()


def test_the_cost_of_pixels_is_a_sum_for_each_image_alone():
    rng = np.random.default_rng(0)
    x, logits = rng.random((3, 4, 5, 2)).astype("float32"), rng.normal(size=(3, 4, 5, 2)) * 3
    p = special.expit(logits)
    by_pixel = -special.xlogy(x, p) - special.xlog1py(1 - x, -p)
    found = ops.convert_to_numpy(bernoulli_nll(x, logits.astype("float32")))
    np.testing.assert_allclose(found, by_pixel.sum(axis=(1, 2, 3)), rtol=1e-5)
    alone = ops.convert_to_numpy(bernoulli_nll(x[:1], logits[:1].astype("float32")))
    np.testing.assert_allclose(alone, found[:1], rtol=1e-6)


def test_the_floor_is_in_nats_per_image_and_pure_pixels_are_free():
    x = np.zeros((2, 2, 2, 1))
    x[0, 0, 0], x[1, :, 0], x[1, 0, 1] = 0.5, 0.1, 1.0
    entropy = stats.entropy([0.5, 0.5]) + 2 * stats.entropy([0.1, 0.9])
    np.testing.assert_allclose(pixel_entropy(x), entropy / 2, rtol=1e-9)
