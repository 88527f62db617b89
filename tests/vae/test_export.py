"""vae.export: other programs compute what the model computes, and the card says what it is."""

import shutil
import subprocess

import keras
import numpy as np
import pytest

from glyphnb import (
    VAE,
    Autoencoder,
    ConditionalVAE,
    GlyphnbError,
    open_model,
    render_glyphs,
    save_model,
)
from glyphnb.show.onnx import run_onnx
from glyphnb.vae import export
from glyphnb.vae.export import export_model, model_card

pytest.importorskip("onnxruntime")
TENSORFLOW = keras.backend.backend() == "tensorflow"
SCRIPT = """
const { encode, decode, letters, shape, latentDim } = await import(process.argv[1]);
const image = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => (i % 7) / 7);
const code = Array.from(encode(image));
const drawn = Array.from(decode(letters[1].code));
console.log(JSON.stringify({ code, drawn, name: letters[1].letter, latentDim }));
"""


@pytest.fixture(scope="session")
def known(tmp_path_factory):
    "A VAE with strong opinions and all that its file may carry, opened from there."
    path = tmp_path_factory.mktemp("known") / "vae.keras"
    model, random = VAE(3, "conv", (16, 16, 1)), np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * random.normal(size=weight.shape))
    recipe = {
        "source": "my|hand",
        "seed": 5,
        "losses": {"fresh": {"loss": 326.64, "nll": 300.0}},
        "drawing": {"samples": 0.98, "sheet": 1.0, "morphs": 0.5, "copies": 0.0},
    }
    letters = render_glyphs("ab|*", "STIX", size=16)
    return open_model(save_model(model, path, letters, None, recipe))


@pytest.fixture(scope="session")
def exported(known, tmp_path_factory):
    "The folder with the files of that model, and what was said of them."
    out = tmp_path_factory.mktemp("exported") / "files"
    formats = None if TENSORFLOW else ["onnx", "javascript"]
    return out, export_model(known, out, formats, "my_model.keras")


def test_onnx_gives_what_the_model_gives(exported, known):
    out, done = exported
    assert 0 < done.error <= 1e-5
    images = np.random.default_rng(1).random((7, 16, 16, 1), "float32")
    moments = run_onnx(out / "onnx/encoder.onnx", images)
    for found, wanted in zip(moments, known.posterior(images), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=1e-5)
    (drawn,) = run_onnx(out / "onnx/decoder.onnx", moments[0])
    np.testing.assert_allclose(drawn, known.decode(moments[0]), atol=1e-5)


@pytest.mark.skipif(not TENSORFLOW, reason="exports for TensorFlow")
def test_the_savedmodel_gives_what_the_model_gives(exported, known):
    import tensorflow as tf

    images = np.random.default_rng(1).random((7, 16, 16, 1), "float32")
    served = tf.saved_model.load(str(exported[0] / "savedmodel"))
    np.testing.assert_allclose(served.serve(images), known.predict(images, verbose=0), atol=1e-5)


def test_the_javascript_module_runs_alone(exported, known, tmp_path):
    import json

    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here: install nodejs, such as `apt install nodejs`")
    shutil.copy(exported[0] / "javascript" / "model.mjs", tmp_path)  # the one file is enough
    words = [node, "--input-type=module", "-e", SCRIPT, (tmp_path / "model.mjs").as_uri()]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    image = (np.arange(256) % 7 / 7).reshape(1, 16, 16, 1)
    np.testing.assert_allclose(found["code"], known.encode(image)[0], atol=1e-4)
    drawn = known.decode(known.encode(known.letters.images[1:2]))
    np.testing.assert_allclose(found["drawn"], drawn.ravel(), atol=1e-4)
    assert (found["name"], found["latentDim"]) == ("b", 3)


def test_the_card_says_what_is_known(exported):
    card = (exported[0] / "README.md").read_text("utf-8")
    for text in (
        "# my\\_model.keras",
        "4: a b \\| \\*",
        "16 × 16 pixels",
        "drawn by | STIX",
        "| fresh images | 326.6 nats per glyph |",
        "98%",
        "| source | my\\|hand |",
        "### STIX",
        "SIL Open Font License",
        "(letters.png)",
    ):
        assert text in card, text
    assert "drawing" not in card and "Unknown" not in card
    assert len(card) < 5000 and (exported[0] / "letters.png").is_file()


def test_the_card_of_a_bare_model_invents_nothing(tmp_path):
    model = Autoencoder(2, shape=(8, 8, 1))
    card = model_card(model, "bare", ["onnx"])
    assert card.count("Unknown") == 3 and "letters | unknown" in card
    assert "savedmodel" not in card and "letters.png" not in card


@pytest.mark.parametrize("kind", [Autoencoder, VAE, ConditionalVAE])
def test_every_kind_of_model_is_written(kind, tmp_path):
    model = kind(3, shape=(8, 8, 1)) if kind is ConditionalVAE else kind(2, shape=(8, 8, 1))
    done = export_model(model, tmp_path / "made", ["onnx", "javascript"])
    assert done.written == ["onnx", "javascript"]
    again = export_model(model, tmp_path / "made", ["onnx"])  # its own folder is replaced
    assert again.written == ["onnx"] and not (tmp_path / "made" / "javascript").exists()


def test_what_cannot_be_written_is_left_out_or_refused(tmp_path, monkeypatch):
    given = keras.Input((8, 8, 1))
    turned = keras.layers.RandomFlip()(given)
    codes = keras.layers.Dense(2)(keras.layers.Flatten()(turned))
    model = Autoencoder(encoder=keras.Model(given, codes), shape=(8, 8, 1))
    with pytest.raises(GlyphnbError, match="random_flip"):
        export_model(model, tmp_path / "a", ["javascript"])
    with pytest.raises(GlyphnbError, match="tflite"):
        export_model(model, tmp_path / "a", ["tflite"])
    with pytest.raises(GlyphnbError, match="random_flip"):
        monkeypatch.delitem(export._FORMATS, "savedmodel")
        export_model(model, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(FileExistsError):
        export_model(VAE(2, shape=(8, 8, 1)), tmp_path / "mine", ["onnx"])
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_file_that_gives_other_numbers_is_not_written(known, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "run_onnx", lambda *given: [x + 1e-3 for x in run_onnx(*given)])
    with pytest.raises(GlyphnbError, match="z_mean.*differ"):
        export_model(known, tmp_path / "a", ["onnx"])
    assert not (tmp_path / "a").exists()
