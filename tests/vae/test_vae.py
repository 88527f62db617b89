"""The VAE on one screen: means, moments, a loss whose parts add up, and networks of one's own."""

import inspect
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops

from glyphnb.autoencoders.autoencoder import Autoencoder
from glyphnb.autoencoders.training import train
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.conditional import ConditionalVAE
from glyphnb.vae.elbo import ELBO, kl_divergence, vae_loss
from glyphnb.vae.vae import VAE


def test_it_fits_on_one_screen():
    source = inspect.getsource(VAE)
    assert len(source.splitlines()) <= 61  # with its decorator
    for trick in ("object.__setattr__", "add_loss", "._compile", "train_step"):
        assert trick not in source


def test_codes_are_means_and_repeat(images):
    vae = VAE()
    means, log_vars = vae.posterior(images[:9])
    np.testing.assert_array_equal(vae.encode(images[:9]), means)
    np.testing.assert_array_equal(vae.encode(images[:9]), vae.encode(images[:9]))
    assert means.shape == log_vars.shape == (9, 2)


def test_the_encoder_gives_means_log_variances_and_a_sampled_code(tiny, bits):
    "The order of the article, and of Keras' own example."
    vae = tiny()
    z_mean, z_log_var, z = vae.encoder.predict(bits, verbose=0)
    np.testing.assert_allclose([z_mean, z_log_var], vae.posterior(bits), atol=1e-6)
    crowd = np.repeat(bits[:1], 20_000, axis=0)
    mean, log_var, z = map(ops.convert_to_numpy, vae.encoder(crowd))
    np.testing.assert_allclose(z.mean(axis=0), mean[0], atol=0.05)
    np.testing.assert_allclose(z.std(axis=0), np.exp(0.5 * log_var[0]), rtol=0.05)


def test_the_parts_of_the_loss_add_up_over_uneven_batches(images):
    vae = VAE(objective=ELBO(3.0))
    vae.compile()
    found = vae.evaluate(images[:70], batch_size=64, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["nll"] + found["kl"], found["loss"], rtol=1e-5)


def test_evaluation_weighs_every_image_alike_in_uneven_batches(tiny, bits):
    vae = tiny()
    vae.compile()
    many = np.tile(bits, (50, 1, 1, 1))[:299]
    found = vae.evaluate(many, batch_size=64, verbose=0, return_dict=True)
    exact = np.mean(
        ops.convert_to_numpy(kl_divergence(*map(ops.convert_to_tensor, vae.posterior(many))))
    )
    np.testing.assert_allclose(found["kl"], exact, rtol=1e-5)


def test_weights_of_samples_count(tiny, bits):
    vae = tiny()
    vae.compile()
    many, weights = np.tile(bits, (500, 1, 1, 1)), np.tile(np.float32([1, 0, 0, 0, 0, 0]), 500)
    options = {"batch_size": 3000, "verbose": 0, "return_dict": True}
    found = vae.evaluate(many, many, sample_weight=weights, **options)
    alone = vae.evaluate(many[::6], **options)
    np.testing.assert_allclose(6 * found["loss"], alone["loss"], rtol=0.1)
    np.testing.assert_allclose(found["kl"], alone["kl"], rtol=1e-5)


def test_no_rate_ends_in_nan(images):
    history = train(VAE(), images, images, epochs=3, learning_rate=0.3)
    assert np.isfinite(history["loss"]).all() and np.isfinite(history["val_loss"]).all()


@pytest.mark.parametrize("wild", [1000.0, -1000.0])
def test_a_wild_log_variance_does_not_end_in_nan(tiny, bits, wild):
    vae = tiny()
    vae.encoder.get_layer("z_log_var").bias.assign([wild, wild])
    train(vae, bits, epochs=3, learning_rate=0.01)
    for weight in vae.trainable_weights:
        assert np.isfinite(ops.convert_to_numpy(weight)).all()


def test_a_foreign_loss_is_refused_and_its_own_is_understood(blots):
    vae = VAE(shape=(8, 8, 1))
    with pytest.raises(GlyphnbError, match="objective"):
        vae.compile(loss="mse")
    for loss in (vae_loss, None):  # the refusal has left nothing behind
        vae.compile(optimizer="adam", loss=loss)
        found = vae.evaluate(blots, verbose=0, return_dict=True)
        np.testing.assert_allclose(found["loss"], found["nll"] + found["kl"], rtol=1e-5)
        assert found["nll"] > 10


def test_it_is_fitted_and_measured_as_any_keras_model(blots):
    vae = VAE(shape=(8, 8, 1))
    vae.compile("adam", metrics=["mae"])
    history = vae.fit(blots, blots, epochs=2, validation_data=(blots, blots), verbose=0).history
    assert {"loss", "nll", "kl", "mae", "val_loss", "val_mae"} <= set(history)
    assert 0 < history["val_mae"][-1] < 1


@pytest.mark.parametrize("outputs", [1, 2])
def test_networks_of_ones_own(outputs, blots, tmp_path):
    images = keras.Input((8, 8, 1))
    x = layers.Dense(16, "relu")(layers.Flatten()(images))
    heads = layers.Dense(6)(x) if outputs == 1 else [layers.Dense(3)(x), layers.Dense(3)(x)]
    decoder = keras.Sequential(
        [layers.Dense(16, "relu"), layers.Dense(64), layers.Reshape((8, 8, 1))]
    )
    vae = VAE(encoder=keras.Model(images, heads), decoder=decoder)
    assert (vae.latent_dim, vae.shape) == (3, (8, 8, 1))
    history = train(vae, blots, blots, epochs=30, batch_size=8, learning_rate=0.01)
    assert history["val_loss"][-1] < 0.8 * history["val_loss"][0]
    vae.save(tmp_path / "own.keras")
    loaded = keras.saving.load_model(tmp_path / "own.keras")
    np.testing.assert_allclose(loaded.posterior(blots), vae.posterior(blots), atol=1e-6)
    assert [w.path for w in loaded.trainable_weights] == [w.path for w in vae.trainable_weights]


def test_the_recorded_configuration_is_enough(images):
    vae = VAE(3, objective=ELBO(2.0), seed=5)
    again = VAE.from_config(vae.get_config())
    again.set_weights(vae.get_weights())
    assert again.objective.beta == 2.0 and again.seed == 5
    np.testing.assert_array_equal(again.encode(images[:3]), vae.encode(images[:3]))


@pytest.mark.parametrize("kind", ["autoencoder", "conditional"])
def test_ink_is_fitted_and_predicted_as_images_are(blots, kind):
    "Keras' own methods take uint8 as it is, which trains to a loss of millions."
    ink = np.rint(255 * blots).astype(np.uint8)
    labels = [np.arange(len(ink)) % 3] if kind == "conditional" else []
    found = []
    for images in (ink, ink / np.float32(255)):
        kinds = {"autoencoder": Autoencoder, "conditional": partial(ConditionalVAE, 3)}
        model = kinds[kind](2, shape=(8, 8, 1), seed=1)
        model.compile(
            metrics=["mae"], run_eagerly=keras.backend.backend() != "jax"
        )  # the faster way
        given = (images, *labels) if labels else images
        loss = model.fit(given, verbose=0, shuffle=False).history
        measured = model.evaluate(given, verbose=0, return_dict=True)
        drawn = model.predict(given, verbose=0)
        found.append((loss["loss"][0], measured["loss"], measured["mae"], drawn))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_data_set_of_ink_is_not_predicted(blots):
    tf = pytest.importorskip("tensorflow")
    ink = tf.data.Dataset.from_tensor_slices(np.uint8(255 * blots)).batch(8)
    with pytest.raises(GlyphnbError, match="floats in .0, 1., found one of uint8"):
        VAE(2, shape=(8, 8, 1)).predict(ink)


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
@pytest.mark.parametrize("precision", ["float16", "bfloat16", "float64"])
def test_another_precision_of_keras_is_refused(kind, precision):
    "It would train another network silently, in float16 to an infinite loss."
    try:
        keras.config.set_floatx(precision)
        with pytest.raises(GlyphnbError, match=f"float32, found {precision}: call keras.config"):
            kind(2, shape=(8, 8, 1))
    finally:
        keras.config.set_floatx("float32")
