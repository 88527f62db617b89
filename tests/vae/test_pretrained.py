"""The shipped model is what its recipe makes, opens without Keras, and no file fools it."""

import io
import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from keras import ops

from glyphnb.autoencoders.autoencoder import Autoencoder, Bernoulli, bernoulli_nll
from glyphnb.autoencoders.denoise import SaltAndPepper
from glyphnb.letters.augment import GENTLE, augment
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.conditional import ConditionalVAE
from glyphnb.vae.objectives import FreeBits
from glyphnb.vae.pixel_likelihoods import Gaussian
from glyphnb.vae.pretrained import (
    NumpyVAE,
    load_pretrained,
    open_model,
    pretrain,
    recorded_losses,
    save_model,
)
from glyphnb.vae.prior import MixturePrior, NormalPrior, learn_prior
from glyphnb.vae.vae import VAE


def test_the_shipped_model_is_what_its_record_says(shipped):
    recorded = recorded_losses()
    assert len(recorded["loss"]) == 40 and abs(recorded["cost_of_rounding"]) < 0.1
    validation = augment(render_glyphs("arabic"), 2000, seed=1, distortions=GENTLE).images
    shipped.compile()
    found = shipped.evaluate(validation, verbose=0, return_dict=True)["loss"]
    assert abs(found - recorded["val_loss"][-1]) < 1.5
    assert found < 0.25 * float(ops.mean(bernoulli_nll(validation, 0 * validation)))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="another stream of noise")
def test_the_recipe_starts_as_the_shipped_model_did(tmp_path):
    "One epoch of the forty: same letters, same networks, same schedule, same losses."

    def stop(*_):
        callback.model.stop_training = True

    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    pretrain(tmp_path / "vae.npz", callbacks=[callback])
    recorded, again = recorded_losses(), np.load(tmp_path / "vae.npz")
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(again[name][0], recorded[name][0], rtol=0.01)
    first = load_pretrained(tmp_path / "vae.npz")
    assert first.encode(np.zeros((1, 64, 64, 1))).shape == (1, 2)


def test_the_model_without_keras_is_the_model(shipped):
    plain, codes = NumpyVAE(), np.float32([[0.5, -1], [2, 3]])
    np.testing.assert_allclose(plain.decode(codes), shipped.decode(codes), atol=1e-5)
    images = shipped.decode(codes)
    np.testing.assert_allclose(plain.encode(images), shipped.encode(images), atol=1e-4)
    assert plain.shape == shipped.shape and plain.latent_dim == shipped.latent_dim


def test_the_model_without_keras_loads_no_keras():
    code = "import sys, glyphnb; glyphnb.open_model(); print('keras' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


MODELS = {
    "autoencoder": lambda: Autoencoder(3, shape=(8, 8, 1)),
    "denoiser": lambda: Autoencoder(3, shape=(8, 8, 1), corrupt=SaltAndPepper(0.1, 0)),
    "vae": lambda: VAE(shape=(8, 8, 1), objective=FreeBits(1.0), likelihood=Gaussian()),
    "conditional": lambda: ConditionalVAE(3, shape=(8, 8, 1)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_saved_and_opened_in_another_process(tmp_path, blots, name):
    model = MODELS[name]()
    save_model(model, tmp_path / "m.keras")
    np.save(tmp_path / "codes.npy", model.encode(blots))
    code = f"""
import numpy as np
from glyphnb import open_model
model = open_model({str(tmp_path / "m.keras")!r})
blots = np.load({str(tmp_path / "blots.npy")!r})
codes = np.load({str(tmp_path / "codes.npy")!r})
print(type(model).__name__, abs(model.encode(blots) - codes).max() < 1e-5)
"""
    np.save(tmp_path / "blots.npy", blots)
    found = subprocess.check_output(
        [sys.executable, "-c", code], text=True, stderr=subprocess.DEVNULL
    )
    assert found.split() == [type(model).__name__, "True"]


def test_a_saved_model_is_replaced_and_somebody_elses_file_is_not(tmp_path):
    model = Autoencoder(2, shape=(8, 8, 1))
    for _ in range(2):
        save_model(model, tmp_path / "m.keras")
    (tmp_path / "thesis.keras").write_text("mine")
    with pytest.raises(FileExistsError, match="thesis.keras"):
        save_model(model, tmp_path / "thesis.keras")
    assert (tmp_path / "thesis.keras").read_text() == "mine"


def test_files_that_hold_no_model_are_named(tmp_path):
    (tmp_path / "letter.keras").write_text("Dear sir")
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("a", "b")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    for name in ("letter", "zip", "other"):
        with pytest.raises(GlyphnbError, match=f"{name}.keras") as error:
            open_model(tmp_path / f"{name}.keras")
        assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="absent.keras"):
        open_model(tmp_path / "absent.keras")


EXTRAS = "glyphnb.npz"  # the part of a file that holds letters, density and recipe


@pytest.fixture
def carrying(tmp_path, shapes):
    "A model, its letters, its density and its recipe, and the file that carries them."
    model = VAE(3, shape=(48, 48, 1), seed=0)
    prior = learn_prior(model, shapes.images.repeat(5, axis=0), n_components=2)
    recipe = {"source": "Schäfte/ا", "samples": 30, "share": 0.5, "turns": False, "hold_out": None}
    return (
        model,
        shapes,
        prior,
        recipe,
        save_model(model, tmp_path / "m.keras", shapes, prior, recipe),
    )


def test_a_file_carries_letters_prior_and_recipe(carrying):
    model, letters, prior, recipe, path = carrying
    opened = open_model(path)
    np.testing.assert_array_equal(opened.letters.ink, letters.ink)
    for name in ("letters", "faces", "families"):
        assert getattr(opened.letters, name).tolist() == getattr(letters, name).tolist()
    assert opened.letters.origins == letters.origins and opened.recipe == recipe
    assert isinstance(opened.prior, MixturePrior)
    for found, expected in zip(opened.prior, prior, strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(opened.prior.sample(5, 1), prior.sample(5, 1))
    np.testing.assert_allclose(opened.encode(letters), model.encode(letters), atol=1e-6)
    again = save_model(opened, path, opened.letters, opened.prior, opened.recipe)
    assert open_model(again).recipe == recipe  # what was opened can be saved over its own file


def test_origins_of_typefaces_survive(tmp_path, letters):
    save_model(VAE(), tmp_path / "m.keras", letters)
    opened = open_model(tmp_path / "m.keras")
    assert opened.letters.origins == letters.origins and letters.origins
    assert "".join(opened.letters.letters) == "".join(letters.letters)
    assert opened.prior is None and opened.recipe is None


@pytest.mark.parametrize("how", ["save_model", "save"])
def test_a_file_that_carries_nothing_says_so(tmp_path, how):
    model, path = VAE(shape=(8, 8, 1)), tmp_path / "m.keras"
    save_model(model, path) if how == "save_model" else model.save(path)
    opened = open_model(path)
    assert (opened.letters, opened.prior, opened.recipe) == (None, None, None)


def test_both_forms_of_the_shipped_model_carry_the_same(shipped):
    plain = open_model()
    np.testing.assert_array_equal(plain.letters.ink, shipped.letters.ink)
    np.testing.assert_array_equal(plain.prior.means, shipped.prior.means)
    assert plain.recipe == shipped.recipe and plain.prior.latent_dim == 2
    codes = shipped.encode(shipped.letters)
    assert shipped.prior.log_prob(codes).mean() > 0 - np.log(2 * np.pi)  # denser than N(0, I) at 0


def packed(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def single(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


INK, NAMES, NOTHING = np.zeros((2, 8, 8), np.uint8), np.array(["a", "b"]), json.dumps({})
DAMAGED = {
    "empty": b"",
    "text": b"Dear sir",
    "cut": packed(recipe=NOTHING)[:-30],
    "a single array": single(np.zeros(3)),
    "no recipe": packed(other=np.zeros(3)),
    "recipe that is no JSON": packed(recipe="{"),
    "letters without faces": packed(recipe=NOTHING, ink=INK, letters=NAMES, origins=NOTHING),
    "letters too few": packed(
        recipe=NOTHING, ink=INK, letters=NAMES[:1], faces=NAMES, origins=NOTHING
    ),
    "prior without means": packed(recipe=NOTHING, weights=np.ones(1)),
    "prior of several sizes": packed(
        recipe=NOTHING, weights=np.ones(1), means=np.zeros((1, 2)), covariances=np.ones((1, 3, 3))
    ),
    "objects, which NumPy would have to run": packed(recipe=np.array([{}], dtype=object)),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_damaged_part_is_refused_in_one_line(carrying, name):
    *_, path = carrying
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(EXTRAS, DAMAGED[name])
    with pytest.raises(GlyphnbError, match=rf"m\.keras: expected letters, .* {EXTRAS}") as error:
        open_model(path)
    assert "\n" not in str(error.value)


def test_a_flipped_bit_in_the_part_is_refused(carrying):
    *_, path = carrying
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(EXTRAS)
    raw = bytearray(path.read_bytes())
    raw[info.header_offset + 30 + len(EXTRAS) + info.compress_size // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(GlyphnbError, match="damaged data|Bad CRC-32"):
        open_model(path)


def test_a_density_that_a_file_cannot_carry_is_refused(tmp_path):
    with pytest.raises(GlyphnbError, match="carries a mixture, got a NormalPrior"):
        save_model(VAE(2, shape=(8, 8, 1)), tmp_path / "m.keras", prior=NormalPrior(2))
    assert not [*tmp_path.iterdir()]


def test_a_class_of_the_same_name_does_not_get_in_the_way(tmp_path):
    "A reader who types the chapters registers classes of their own under our names."
    import keras

    model = VAE(2, shape=(8, 8, 1))
    model.save(tmp_path / "m.keras")
    names = {f"glyphnb>{name}": keras.Model for name in ("VAE", "ELBO", "Bernoulli", "Sampling")}
    keras.saving.get_custom_objects().update(names)
    with keras.saving.custom_object_scope(names):
        opened = open_model(tmp_path / "m.keras")
    assert [type(part) for part in (opened, opened.likelihood)] == [VAE, Bernoulli]
