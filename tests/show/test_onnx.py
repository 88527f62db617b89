"""show.onnx: a file gives the numbers that the network gives, in another program."""

import numpy as np
import pytest
from layered import codes, images, of_many_layers, with_opinions

from glyphnb import GlyphnbError
from glyphnb.show.browser import Arrays, export_dense, export_network
from glyphnb.show.onnx import run_onnx, write_onnx

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def same(network, inputs, out):
    "Write a Keras network, and compare what the file gives with what it gives."
    arrays = Arrays()
    ends = {f"out_{k}": output.shape[1:] for k, output in enumerate(network.outputs)}
    data = export_network(network, arrays)
    write_onnx(data, arrays, {"given": network.input_shape[1:]}, ends, out)
    wanted = network(inputs, training=False)
    wanted = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    for found, one in zip(run_onnx(out, inputs), wanted, strict=True):
        one = np.asarray(one)
        assert found.shape == one.shape and one.std() > 1e-3
        np.testing.assert_allclose(found, one, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["Autoencoder", "VAE"])
@pytest.mark.parametrize("arch", ["dense", "conv", "article"])
def test_our_networks_give_the_same(arch, kind, tmp_path):
    import glyphnb

    model = with_opinions(getattr(glyphnb, kind)(latent_dim=5, arch=arch, shape=(16, 24, 3)))
    same(model.decoder, codes(20, 5), tmp_path / "decoder.onnx")
    same(model.reconstruction, images(3, model.shape), tmp_path / "whole.onnx")


def test_layers_of_networks_of_your_own_give_the_same(tmp_path):
    same(of_many_layers(), images(4, (12, 10, 2)), tmp_path / "odd.onnx")


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("size, step", [(3, 2), (2, 3), (4, 1), (5, 2)])
def test_windows_lie_where_they_lie_in_keras(size, step, padding, tmp_path):
    import keras
    from keras import layers

    x = given = keras.Input((7, 9, 2))
    options = {"strides": (step, 1), "padding": padding}
    x = layers.Conv2DTranspose(3, (size, 2), **options)(x)
    if step == 1 or padding == "same":
        x = layers.AveragePooling2D(size, strides=step, padding=padding)(x)
    x = layers.Conv2D(2, (size, 1), activation="silu", **options)(x)
    network = with_opinions(keras.Model(given, x))
    same(network, images(3, (7, 9, 2)), tmp_path / "windows.onnx")


@pytest.mark.parametrize("name", "relu6 leaky_relu gelu silu softplus softsign selu elu".split())
def test_nonlinearities_are_the_same(name, tmp_path):
    import keras
    from keras import layers

    given = keras.Input((41,))
    network = keras.Model(given, layers.Activation(name)(layers.Rescaling(1.0)(given)))
    same(network, np.linspace(-9, 9, 41, dtype="float32")[None], tmp_path / "one.onnx")


def test_the_shipped_model_is_written_without_keras(shipped, tmp_path):
    from glyphnb import open_model

    light, arrays = open_model(), Arrays()
    heads = [light.encoder, light.encoder[:-2] + light.z_log_var]
    ends = {"z_mean": (2,), "z_log_var": (2,)}
    out = tmp_path / "encoder.onnx"
    write_onnx(export_dense(heads, arrays), arrays, {"images": light.shape}, ends, out)
    found = run_onnx(out, shipped.letters.images)
    for one, other in zip(found, shipped.posterior(shipped.letters.images), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)


def test_a_file_has_names_notes_and_any_number_of_images(shapes, tmp_path):
    import keras

    given = keras.Input((3,))
    arrays, out = Arrays(), tmp_path / "a.onnx"
    data = export_network(keras.Model(given, keras.layers.Dense(2)(given)), arrays)
    for n in (1, 2):  # its own file is replaced
        write_onnx(data, arrays, {"codes": (3,)}, {"sums": (2,)}, out, {"letters": "а б"})
        assert run_onnx(out, np.ones((n, 3)))[0].shape == (n, 2)
    model = onnx.load(out)
    assert [port.name for port in (*model.graph.input, *model.graph.output)] == ["codes", "sums"]
    assert {entry.key: entry.value for entry in model.metadata_props} == {"letters": "а б"}
    out.write_text("a file of mine")
    with pytest.raises(FileExistsError):
        write_onnx(data, arrays, {"codes": (3,)}, {"sums": (2,)}, out)
    assert out.read_text() == "a file of mine"


def test_a_model_exports_itself_as_onnx(blots, tmp_path):
    from glyphnb import VAE
    from glyphnb.vae.conditional import ConditionalVAE

    model = VAE(2, "conv", (8, 8, 1))
    model.export(tmp_path / "vae.onnx", format="onnx")
    found = run_onnx(tmp_path / "vae.onnx", blots)
    np.testing.assert_allclose(found[0], model.predict(blots, verbose=0), atol=1e-5)
    with pytest.raises(GlyphnbError, match="2 inputs"):
        ConditionalVAE(2, 2, shape=(8, 8, 1)).export(tmp_path / "two.onnx", format="onnx")
    assert not (tmp_path / "two.onnx").exists()
