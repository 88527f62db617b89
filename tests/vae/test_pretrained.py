"""The shipped model is what its recipe makes, opens without Keras, and no file fools it."""

import io
import json
import shutil
import subprocess
import sys
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from glyphnb.autoencoders.autoencoder import Autoencoder, Bernoulli, bernoulli_nll
from glyphnb.autoencoders.denoise import SaltAndPepper
from glyphnb.letters.augment import GENTLE, augment
from glyphnb.letters.glyphs import GlyphnbError, GlyphSet
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae import pretrained
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


def test_every_model_is_saved_and_opened_in_another_process(tmp_path, blots):
    models = {name: make() for name, make in MODELS.items()}
    np.savez(
        tmp_path / "codes.npz", **{name: model.encode(blots) for name, model in models.items()}
    )
    for name, model in models.items():
        save_model(model, tmp_path / f"{name}.keras")
    np.save(tmp_path / "blots.npy", blots)
    code = """
import numpy as np
from glyphnb import open_model
blots = np.load("blots.npy")
for name, codes in np.load("codes.npz").items():
    model = open_model(name + ".keras")
    print(type(model).__name__, abs(model.encode(blots) - codes).max() < 1e-5)
"""
    command = [sys.executable, "-c", code]
    found = subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL, cwd=tmp_path)
    wanted = [f"{type(model).__name__} True" for model in models.values()]
    assert found.splitlines() == wanted


def test_a_saved_model_is_replaced_and_somebody_elses_file_is_not(tmp_path):
    model = Autoencoder(2, shape=(8, 8, 1))
    for _ in range(2):
        save_model(model, tmp_path / "m.keras")
    (tmp_path / "thesis.keras").write_text("mine")
    with pytest.raises(FileExistsError, match="thesis.keras"):
        save_model(model, tmp_path / "thesis.keras")
    assert (tmp_path / "thesis.keras").read_text() == "mine"


def edited(path, out, packing=zipfile.ZIP_STORED, **parts):
    "A copy of a model file: each of these parts, without its ending, is changed or left out."
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", packing) as new:
        for name in old.namelist():
            change = parts.get(name.partition(".")[0], lambda content: content)
            if change is not None:
                new.writestr(name, change(old.read(name)))
    return out


def with_config(**changes):
    "Change the configuration of a model."
    return lambda content: json.dumps({**json.loads(content), **changes}).encode()


def with_lambda(path):
    adder = keras.layers.Lambda(lambda x: x + 1)
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), adder])
    Autoencoder(shape=(8, 8, 1), encoder=network).save(path)


def declared(units):
    "The configuration of a model with a layer of units x units weights, none of which exists."
    layers = [keras.layers.Dense(units), keras.layers.Dense(units), keras.layers.Dense(2)]

    def build():
        with keras.StatelessScope(initialize_variables=False):
            encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), *layers])
            model = Autoencoder(2, shape=(8, 8, 1), encoder=encoder)
        return json.dumps(keras.saving.serialize_keras_object(model)).encode()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(build).result()


WITHOUT_NETWORKS = with_config(config={"latent_dim": 20_000, "shape": [200, 100, 1]})
HYPER = with_config(class_name="HyperVAE", registered_name="glyphnb>HyperVAE")
SYSTEM = with_config(module="os", class_name="system", registered_name=None)
NEWER = with_config(keras_version="99.0.0")
REFUSED = {  # which file, and what is said of it
    "a letter": (lambda m, out: out.write_text("Dear sir"), "something else"),
    "nothing": (lambda m, out: out.write_bytes(b""), "an empty file"),
    "HDF5": (lambda m, out: out.write_bytes(b"\x89HDF\r\n\x1a\n"), "an older format, HDF5: save"),
    "half": (lambda m, out: out.write_bytes(m.read_bytes()[:9000]), "one that was cut or damaged"),
    "most": (lambda m, out: out.write_bytes(m.read_bytes()[:-99]), "one that was cut or damaged"),
    "no config": (lambda m, out: edited(m, out, config=None), "one that was cut or damaged"),
    "no JSON": (
        lambda m, out: edited(m, out, config=lambda _: b"{"),
        "one that was cut or damaged",
    ),
    "weights": (
        lambda m, out: edited(m, out, model=lambda c: bytes(99) + c[99:]),
        "damaged data .*signature",
    ),
    "cut weights": (
        lambda m, out: edited(m, out, model=lambda c: c[:999]),
        r"networks of \d+,\d+ numbers and 999 bytes of weights",
    ),
    "huge": (
        lambda m, out: edited(m, out, config=lambda _: declared(20_000)),
        "networks of 401,377,218 numbers and [0-9,]+ bytes of weights",
    ),
    "huge, packed": (
        lambda m, out: edited(m, out, zipfile.ZIP_DEFLATED, config=lambda _: declared(10**6)),
        "networks of 1,000,0..,...,... numbers",
    ),
    "huge, by its class alone": (
        lambda m, out: edited(m, out, config=WITHOUT_NETWORKS),
        "an encoder and a decoder",
    ),
    "code": (lambda m, out: with_lambda(out), "Python code in it, a Lambda layer"),
    "a stranger": (
        lambda m, out: edited(m, out, config=SYSTEM),
        "of Keras nor of glyphnb, 'system'",
    ),
    "newer": (
        lambda m, out: edited(m, out, metadata=NEWER, config=HYPER),
        "of Keras 99.0.0, newer",
    ),
    "ours, newer": (
        lambda m, out: edited(m, out, config=HYPER),
        "HyperVAE in it, .* update glyphnb",
    ),
    "another ZIP": (
        lambda m, out: zipfile.ZipFile(out, "w").writestr("a", "b"),
        "another ZIP archive",
    ),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return save_model(VAE(2, shape=(8, 8, 1)), tmp_path_factory.mktemp("small") / "m.keras")


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_file_is_told_why(tmp_path, small, name):
    make, said = REFUSED[name]
    make(small, tmp_path / "x.keras")
    before = peak()
    with pytest.raises(
        GlyphnbError, match=rf"x\.keras: expected a saved model, found .*{said}"
    ) as error:
        open_model(tmp_path / "x.keras")
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    assert peak() - before < 500_000_000


def peak():
    "Most memory that this process has taken, in bytes; Windows does not tell."
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def test_other_models_and_absent_files_are_named(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    with pytest.raises(GlyphnbError, match="other.keras: expected an Autoencoder or a VAE"):
        open_model(tmp_path / "other.keras")
    with pytest.raises(FileNotFoundError, match="absent.keras"):
        open_model(tmp_path / "absent.keras")


@pytest.mark.parametrize(
    "damage", ["cut", "a bit", "empty", "text", "no weights", "NaN", "swapped"]
)
def test_shipped_weights_that_are_damaged_are_named(tmp_path, monkeypatch, damage):
    content, path = bytearray(pretrained._FILE.read_bytes()), tmp_path / "vae.npz"
    if damage == "a bit":
        content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:-999], "empty": b"", "text": b"Dear"}.get(damage, content))
    if damage in ("no weights", "NaN", "swapped"):
        arrays = dict(np.load(path))
        if damage == "no weights":
            arrays = {name: array for name, array in arrays.items() if name[:4] != "arr_"}
        elif damage == "NaN":
            arrays["arr_0"] *= np.float16("nan")
        else:
            arrays["arr_0"], arrays["arr_2"] = arrays["arr_2"], arrays["arr_0"]
        np.savez(path, **arrays)
    monkeypatch.setattr(pretrained, "_FILE", path)
    for load in (NumpyVAE, open_model, load_pretrained, lambda: load_pretrained(path)):
        with pytest.raises(
            GlyphnbError, match="vae.npz: expected the weights of a model, found dama"
        ):
            load()


EXTRAS = "glyphnb.npz"  # the part of a file that holds letters, density and recipe


@pytest.fixture(scope="module")
def carried(tmp_path_factory, shapes):
    "A model, its letters, its density and its recipe, and the file that carries them."
    model = VAE(3, shape=(48, 48, 1), seed=0)
    prior = learn_prior(model, shapes.images.repeat(5, axis=0), n_components=2)
    recipe = {"source": "Schäfte/ا", "samples": 30, "share": 0.5, "turns": False, "hold_out": None}
    path = tmp_path_factory.mktemp("carried") / "m.keras"
    return model, shapes, prior, recipe, save_model(model, path, shapes, prior, recipe)


@pytest.fixture
def carrying(carried, tmp_path):
    "The same with a copy of the file, which may be spoilt."
    *known, path = carried
    return *known, Path(shutil.copy(path, tmp_path))


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
    "a recipe that is a list": packed(recipe="[1]"),
    "samples that are a text": packed(recipe='{"samples": "many"}'),
    "fewer samples than one": packed(recipe='{"samples": -1}'),
    "losses that are a list": packed(recipe='{"losses": [1]}'),
    "losses that are texts": packed(recipe='{"losses": {"training": {"loss": "much"}}}'),
    "a drawing that is a number": packed(recipe='{"drawing": 1}'),
    "a seed below zero": packed(recipe='{"seed": -1}'),
    "a family that is a list": packed(
        recipe=NOTHING, ink=INK, letters=NAMES, faces=NAMES, origins='{"a": {"family": [1, 2]}}'
    ),
    "origins that are a list": packed(
        recipe=NOTHING, ink=INK, letters=NAMES, faces=NAMES, origins="[1]"
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


def test_a_part_that_expands_is_refused_before_it_takes_memory(carrying, monkeypatch):
    *_, path = carrying
    assert open_model(path).letters
    monkeypatch.setattr(pretrained, "_MOST", 1 << 20)
    bomb = io.BytesIO()
    np.savez_compressed(bomb, recipe=NOTHING, ink=np.zeros((1, 8000, 8000), np.uint8))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a part of this name is there already
        archive.writestr(EXTRAS, bomb.getvalue())
    monkeypatch.setattr(pretrained.np, "load", lambda *_: pytest.fail("expanded"))
    with pytest.raises(GlyphnbError, match="damaged data"):
        open_model(path)


def test_letters_of_a_file_bring_no_control_characters(tmp_path):
    letters = GlyphSet(INK, ["\x1b[2J", "b"], ["\x07", "f"])
    opened = open_model(save_model(VAE(2, shape=(8, 8, 1)), tmp_path / "m.keras", letters))
    assert opened.letters.letters.tolist() == [r"\x1b[2J", "b"]
    assert opened.letters.faces.tolist() == [r"\x07", "f"]


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


@pytest.mark.parametrize("recipe", [{"samples": 1.5}, {"seed": -1}, {"losses": [9.5]}])
def test_a_recipe_that_would_be_refused_is_not_saved(tmp_path, recipe):
    with pytest.raises(GlyphnbError, match="`recipe`: "):
        save_model(VAE(2, shape=(8, 8, 1)), tmp_path / "m.keras", recipe=recipe)
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
