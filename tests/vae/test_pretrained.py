"""vae.pretrained."""

from importlib.resources import files

import keras
import numpy as np
import pytest
from keras import ops

from glyphnb.autoencoders.autoencoder import bernoulli_nll
from glyphnb.letters.augment import augment
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.pretrained import NumpyVAE, load_pretrained, pretrain

SHIPPED = files("glyphnb") / "static" / "vae.npz"


@pytest.fixture(scope="module")
def images():
    return augment(render_glyphs("arabic", size=64), 256, seed=0).images


def test_the_shipped_model_is_what_the_code_says(images):
    vae = load_pretrained()
    vae.compile()
    validation = augment(render_glyphs("arabic"), 2000, seed=1).images
    with np.load(SHIPPED) as stored:
        recorded = float(stored["val_loss"][-1])
        assert abs(stored["cost_of_rounding"]) < 0.1
    found = vae.evaluate(validation, verbose=0, return_dict=True)["loss"]
    assert abs(found - recorded) < 1.5
    assert found < 0.25 * np.mean(bernoulli_nll(validation, 0 * validation))


def test_the_recipe_starts_as_the_shipped_model_did(tmp_path):
    "One epoch of the forty: same letters, same networks, same schedule, same losses."

    def stop(*_):
        callback.model.stop_training = True

    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    pretrain(tmp_path / "vae.npz", callbacks=(callback,))
    with np.load(SHIPPED) as shipped, np.load(tmp_path / "vae.npz") as again:
        assert len(shipped["loss"]) == 40 and len(again["loss"]) == 1
        for name in ("loss", "val_loss"):
            np.testing.assert_allclose(again[name][0], shipped[name][0], rtol=0.01)


def test_the_model_without_keras_is_the_model():
    plain, vae = NumpyVAE(), load_pretrained()
    codes = np.float32([[0.5, -1], [2, 3]])
    np.testing.assert_allclose(plain.decode(codes), vae.decode(codes), atol=1e-5)
    x = vae.decode(codes)
    np.testing.assert_allclose(plain.encode(x), vae.encode(x), atol=1e-4)
    with np.load(files("glyphnb") / "static" / "vae.npz") as stored:
        weights = [stored[f"arr_{i}"] for i in range(14)]
    for stored_one, own in zip(weights, vae.trainable_weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(own), stored_one.astype("float32"))
