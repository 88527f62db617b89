"""Nats per glyph, models that come back from their files, and networks of a reader's own."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops
from scipy import special, stats

from glyphnb.autoencoders.autoencoder import (
    Autoencoder,
    as_codes,
    bernoulli_nll,
    pixel_entropy,
    visualize,
)
from glyphnb.autoencoders.denoise import SaltAndPepper
from glyphnb.autoencoders.training import train
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.vae import VAE


@pytest.mark.parametrize("side, nats", [(28, 543.4274), (32, 709.7827), (64, 2839.1309)])
def test_a_coin_flip(side, nats):
    x = np.random.default_rng(0).random((2, side, side, 1)).astype("float32")
    np.testing.assert_allclose(bernoulli_nll(x, 0 * x), nats, rtol=2e-5)


@given(st.floats(-30, 30), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_nll_is_the_cross_entropy_and_above_the_entropy(logit, level):
    x, one = np.full((1, 1, 1, 1), level, "float32"), np.full((1, 1, 1, 1), logit, "float32")
    nll = float(bernoulli_nll(x, one)[0])
    exact = np.logaddexp(0, logit) - level * logit
    np.testing.assert_allclose(nll, exact, rtol=1e-4, atol=1e-4)
    assert nll >= pixel_entropy(x) - 1e-4


def mean_nats(images, logits):
    return float(ops.convert_to_numpy(bernoulli_nll(images, logits)).mean())


def test_the_cost_of_pixels_is_a_sum_for_each_image_alone():
    rng = np.random.default_rng(0)
    x, logits = rng.random((3, 4, 5, 2)).astype("float32"), rng.normal(size=(3, 4, 5, 2)) * 3
    p = special.expit(logits)
    by_pixel = -special.xlogy(x, p) - special.xlog1py(1 - x, -p)
    found = ops.convert_to_numpy(bernoulli_nll(x, logits.astype("float32")))
    np.testing.assert_allclose(found, by_pixel.sum(axis=(1, 2, 3)), rtol=1e-5)
    alone = ops.convert_to_numpy(bernoulli_nll(x[:1], logits[:1].astype("float32")))
    np.testing.assert_allclose(alone, found[:1], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_summed_in_single(dtype):
    x = np.full((1, 64, 64, 1), 0.5, "float32")
    logits = ops.cast(np.full((1, 64, 64, 1), 0.25, "float32"), dtype)
    nll = bernoulli_nll(x, logits)
    assert keras.backend.standardize_dtype(nll.dtype) == "float32"
    np.testing.assert_allclose(nll, 4096 * (np.logaddexp(0, 0.25) - 0.125), rtol=1e-3)


def test_entropy_is_reached_by_the_images_themselves(images):
    p = images.clip(1e-6, 1 - 1e-6)
    own = mean_nats(images, np.log(p / (1 - p)))
    np.testing.assert_allclose(own, pixel_entropy(images), rtol=1e-3)


def test_the_floor_is_in_nats_per_image_and_pure_pixels_are_free():
    x = np.zeros((2, 2, 2, 1))
    x[0, 0, 0], x[1, :, 0], x[1, 0, 1] = 0.5, 0.1, 1.0
    entropy = stats.entropy([0.5, 0.5]) + 2 * stats.entropy([0.1, 0.9])
    np.testing.assert_allclose(pixel_entropy(x), entropy / 2, rtol=1e-9)


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
@pytest.mark.parametrize("arch", ["dense", "conv", "article"])
def test_a_model_comes_back_from_its_file(tmp_path, images, kind, arch):
    model = kind(3, arch=arch)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded) is kind and loaded.latent_dim == 3 and loaded.shape == (64, 64, 1)
    np.testing.assert_array_equal(loaded.encode(images[:5]), model.encode(images[:5]))
    drawn = [m.predict(images[:5], verbose=0) for m in (loaded, model)]
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
def test_other_sizes(kind):
    x = np.random.default_rng(0).random((16, 28, 20, 1)).astype("float32")
    model = kind(2, arch="conv", shape=(28, 20, 1))
    history = train(model, x, x, epochs=1, batch_size=5)
    assert np.isfinite(history["val_loss"]).all()
    assert model.predict(x, verbose=0).shape == x.shape
    with pytest.raises(GlyphnbError, match="`images`"):
        train(model, np.zeros((4, 64, 64, 1), "float32"))
    with pytest.raises(GlyphnbError, match="`images`"):
        model.encode(np.zeros((4, 64, 64, 1), "float32"))


def networks(codes=3, shape=(8, 8, 1)):
    "A reader's own encoder and decoder: any Keras networks."
    encoder = keras.Sequential([layers.Flatten(), layers.Dense(16, "relu"), layers.Dense(codes)])
    size = int(np.prod(shape))
    decoder = keras.Sequential(
        [layers.Dense(16, "relu"), layers.Dense(size), layers.Reshape(shape)]
    )
    return encoder, decoder


def test_networks_of_ones_own_are_trained_and_saved_whole(tmp_path, blots):
    encoder, decoder = networks()
    model = Autoencoder(encoder=encoder, decoder=decoder, shape=(8, 8, 1))
    assert (model.latent_dim, model.shape) == (3, (8, 8, 1))
    history = train(model, blots, epochs=30, batch_size=8, learning_rate=0.01)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    model.save(tmp_path / "own.keras")
    loaded = keras.saving.load_model(tmp_path / "own.keras")
    np.testing.assert_allclose(loaded.encode(blots), model.encode(blots), atol=1e-6)
    np.testing.assert_allclose(loaded.decode(np.eye(3)), model.decode(np.eye(3)), atol=1e-6)


def test_networks_that_do_not_fit_are_named():
    encoder, _ = networks(codes=3)
    _, decoder = networks(shape=(4, 4, 1))
    with pytest.raises(GlyphnbError, match="`decoder` must turn codes"):
        Autoencoder(encoder=encoder, decoder=decoder, shape=(8, 8, 1))
    wide = keras.Sequential([keras.Input((5,)), layers.Dense(64), layers.Reshape((8, 8, 1))])
    with pytest.raises(GlyphnbError, match=r"got \(5,\)"):
        Autoencoder(encoder=encoder, decoder=wide, shape=(8, 8, 1))


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
def test_the_summary_adds_up(kind):
    model = kind(arch="article")
    parts = sum(layer.count_params() for layer in model.layers)
    assert parts == model.count_params()
    lines = []
    model.summary(print_fn=lines.append)
    assert f"{model.count_params():,}" in "".join(lines)


def test_a_model_takes_another_loss_and_gives_it_back(blots):
    "A loss that was compiled once does not stay: `train` minimises nats."
    model = Autoencoder(2, shape=(8, 8, 1))
    model.compile(optimizer="sgd", loss="mse")
    assert model.evaluate(blots, blots, verbose=0) < 0.5  # a mean over pixels, as Keras has it
    by_hand = keras.losses.mean_squared_error(blots, model.predict(blots, verbose=0))
    np.testing.assert_allclose(
        model.evaluate(blots, verbose=0), np.mean(ops.convert_to_numpy(by_hand)), rtol=1e-4
    )
    for again in (None, bernoulli_nll):
        model.compile(loss=again)
        nats = mean_nats(blots, model(blots))
        np.testing.assert_allclose(model.evaluate(blots, verbose=0), nats, rtol=1e-5)
    model.compile(loss="mse")
    assert train(model, blots, epochs=1)["loss"][0] > 5


def test_a_penalty_of_a_layer_is_added(blots):
    encoder, decoder = networks()
    encoder.add(layers.ActivityRegularization(l1=10.0))
    plain = Autoencoder(encoder=networks()[0], decoder=decoder, shape=(8, 8, 1))
    model = Autoencoder(encoder=encoder, decoder=decoder, shape=(8, 8, 1))
    for each in (plain, model):
        each.compile()
    nats = mean_nats(blots, model(blots))
    penalty = float(sum(model.losses))  # Keras 3.12 sums over a batch, later ones average
    assert penalty > 1
    found = model.evaluate(blots, batch_size=40, verbose=0)
    np.testing.assert_allclose(found, nats + penalty, rtol=1e-4)


def test_weights_of_samples_count(blots):
    model = Autoencoder(2, shape=(8, 8, 1))
    model.compile()
    whole = model.evaluate(blots, blots, batch_size=40, verbose=0)
    quarter = np.full(40, 0.25, "float32")
    weighted = model.evaluate(blots, blots, sample_weight=quarter, batch_size=40, verbose=0)
    np.testing.assert_allclose(weighted, whole / 4, rtol=1e-4)


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
def test_predict_takes_what_keras_takes(kind, blots):
    model = kind(2, shape=(8, 8, 1))
    by_hand = model.decode(model.encode(blots))
    np.testing.assert_allclose(model.predict(blots, verbose=0, batch_size=7), by_hand, atol=1e-6)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, i):
            return (blots[8 * i : 8 * i + 8],)

    np.testing.assert_allclose(model.predict(Batches(), verbose=0), by_hand, atol=1e-6)


@pytest.fixture(scope="session")
def exported_models():
    "A model of every kind, by name: fresh ones, and one that is opened from a file in the test."
    from glyphnb.vae.conditional import ConditionalVAE
    from glyphnb.vae.interpolation import letter_vae
    from glyphnb.vae.objectives import ImportanceWeighted

    encoder, decoder = networks()
    inputs = keras.Input((8, 8, 1))
    flat = layers.Flatten()(inputs)
    heads = [layers.Dense(2)(flat), layers.Dense(2)(flat)]
    return {
        "plain": Autoencoder(2, shape=(8, 8, 1)),
        "denoiser": Autoencoder(2, "conv", (8, 8, 1), SaltAndPepper(0.2)),
        "own": Autoencoder(encoder=encoder, decoder=decoder, shape=(8, 8, 1)),
        "article": VAE(2, "article", (8, 8, 1)),
        "own VAE": VAE(encoder=keras.Model(inputs, heads), objective=ImportanceWeighted(3)),
        "sharp": letter_vae(10, 3, "conv", 8),
        "labels": ConditionalVAE(4, 2, shape=(8, 8, 1)),
    }


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports for TensorFlow")
@pytest.mark.parametrize("name", "plain,denoiser,own,article,own VAE,sharp,labels".split(","))
def test_every_model_can_be_exported(name, exported_models, blots, tmp_path, capsys):
    "Never trained, never called: a SavedModel gives what the model gives."
    import tensorflow as tf

    from glyphnb import open_model, save_model

    model, random = exported_models[name], np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * random.normal(size=weight.shape))
    if name == "sharp":
        model = open_model(save_model(model, tmp_path / "sharp.keras"))
    model.export(tmp_path / "served")
    assert capsys.readouterr().out == ""
    served = tf.saved_model.load(str(tmp_path / "served"))
    labels = np.arange(40) % 4
    given = [blots, labels.astype("int32")] if model.conditional else blots
    codes = served.encode(blots)
    mean = codes[0] if model.variational else codes
    if model.variational:
        for found, wanted in zip(codes, model.posterior(blots), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(mean, model.encode(blots), atol=1e-5)
    if model.conditional:
        drawn = model.decode(mean, labels)
        mean = np.concatenate([mean, np.eye(4, dtype="float32")[labels]], axis=1)
    else:
        drawn = model.decode(mean)
    np.testing.assert_allclose(served.serve(given), drawn, atol=1e-5)
    np.testing.assert_allclose(served.decode(mean), drawn, atol=1e-5)
    assert np.ptp(drawn) > 1e-3


def test_codes_are_checked():
    assert as_codes([[1, 2]], 2).dtype == np.float32
    for wrong, found in (([1, 2], r"\(2,\)"), ([[1, 2, 3]], r"\(1, 3\)"), ([[1, np.nan]], "NaN")):
        with pytest.raises(GlyphnbError, match=found):
            as_codes(wrong, 2)


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
    with pytest.raises(GlyphnbError, match="`n_samples`"):
        visualize(Invert(), x, 10)


def test_predict_takes_a_glyph_set(letters):
    model = Autoencoder()
    by_arrays = model.predict(letters.images, verbose=0)
    np.testing.assert_array_equal(model.predict(letters, verbose=0), by_arrays)
