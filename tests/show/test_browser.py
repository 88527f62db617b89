"""show.browser: networks in plain JavaScript give what they give in Keras."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from layered import codes, images, of_many_layers, with_opinions

from glyphnb import GlyphnbError
from glyphnb.show.browser import Arrays, export_dense, export_network

PAD = Path(__file__).parents[2] / "glyphnb" / "static" / "pad.js"
SCRIPT = """
const pad = await import(process.argv[1]);
const { data, bytes, inputs } = JSON.parse(await new Response(process.stdin).text());
const block = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
const arrays = pad.unpack(await pad.inflate(block), data.arrays);
const results = data.networks.map((network, k) => {
  const run = pad.network(network, arrays);
  return inputs[k].map((row) => run(Float32Array.from(row)).map((output) => Array.from(output)));
});
console.log(JSON.stringify(results));
"""


@pytest.fixture(scope="session")
def in_node(tmp_path_factory):
    "Run networks, written as data, on arrays of inputs: a list of outputs for each."
    import base64

    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here: install nodejs, such as `apt install nodejs`")
    module = tmp_path_factory.mktemp("node") / "pad.mjs"
    shutil.copy(PAD, module)

    def in_node(networks, arrays, inputs):
        question = {
            "data": {"networks": networks, "arrays": arrays.table},
            "bytes": base64.b64encode(arrays.packed()).decode(),
            "inputs": [np.reshape(one, (len(one), -1)).tolist() for one in inputs],
        }
        done = subprocess.run(
            [node, "--input-type=module", "-e", SCRIPT, module.as_uri()],
            input=json.dumps(question),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return [[np.array(output) for output in zip(*rows, strict=True)] for rows in found]

    return in_node


@pytest.mark.parametrize("kind", ["Autoencoder", "VAE"])
@pytest.mark.parametrize("arch", ["dense", "conv", "article"])
def test_our_networks_give_the_same_in_javascript(arch, kind, in_node):
    import glyphnb

    model = with_opinions(getattr(glyphnb, kind)(latent_dim=5, arch=arch, shape=(16, 24, 3)))
    arrays, given = Arrays(), images(3, model.shape)
    n = 2 if model.variational else 1
    networks = [export_network(model.encoder, arrays, n), export_network(model.decoder, arrays)]
    encoded, decoded = in_node(networks, arrays, [given, codes(20, 5)])
    wanted = model.posterior(given) if model.variational else [model.encode(given)]
    for one, other in zip(encoded, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)
    drawn = model.decode(codes(20, 5))
    assert drawn.std() > 1e-3
    np.testing.assert_allclose(decoded[0], drawn.reshape(20, -1), atol=1e-5)


def test_the_shipped_model_gives_the_same_with_and_without_keras(shipped, in_node):
    from glyphnb import open_model

    light, arrays, given = open_model(), Arrays(), shipped.letters.images
    encoder = export_dense([light.encoder, light.encoder[:-2] + light.z_log_var], arrays)
    decoder = export_dense([light.decoder], arrays, "sigmoid")
    assert {row["dtype"] for row in arrays.table} == {"f2"}  # nothing is lost in two bytes
    z = shipped.prior.sample(200)
    encoded, decoded = in_node([encoder, decoder], arrays, [given, z])
    for one, other in zip(encoded, shipped.posterior(given), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(decoded[0], shipped.decode(z).reshape(200, -1), atol=1e-5)


def test_layers_of_networks_of_your_own_give_the_same(in_node):
    network = of_many_layers()
    arrays, inputs = Arrays(), images(4, (12, 10, 2))
    (found,) = in_node([export_network(network, arrays)], arrays, [inputs])
    for one, other in zip(found, network(inputs, training=False), strict=True):
        other = np.asarray(other)
        assert other.std() > 1e-3
        np.testing.assert_allclose(one, other.reshape(4, -1), atol=1e-5, rtol=1e-5)


def test_a_network_that_ends_in_a_network_is_followed():
    "And where that network was called before, elsewhere."
    import keras
    from keras import layers

    given = keras.Input((3,))
    inner = keras.Model(given, layers.Dense(2)(given))
    for _ in range(2):
        start = keras.Input((3,))
        whole = keras.Model(start, inner(layers.Activation("relu")(start)))
    found = export_network(whole, Arrays())
    assert [op["op"] for op in found["layers"]] == ["same", "dense"] and found["outputs"] == [2]


def test_what_only_other_outputs_need_is_left_out(shipped):
    arrays = Arrays()
    export_network(shipped.encoder, arrays, 1)
    n = len(arrays.table)
    export_network(shipped.encoder, arrays, 2)
    assert n == 6 and len(arrays.table) - n == 8


def test_a_layer_that_javascript_lacks_is_named():
    import keras
    from keras import layers, ops

    class Blur(keras.Layer):
        def call(self, x):
            return x

    for layer, *words in (
        (Blur(name="soft"), "'soft'", "Blur", "this layer"),
        (layers.Dense(2, activation=lambda x: x, name="mine"), "'mine'", "Dense", "activation"),
        (layers.Conv1D(2, 3, name="line"), "'line'", "Conv1D"),
        (layers.Conv2D(2, 3, dilation_rate=2, name="wide"), "'wide'", "dilation"),
    ):
        x = keras.Input((8, 4) if layer.name == "line" else (8, 8, 4))
        network = keras.Model(x, layer(x))
        with pytest.raises(GlyphnbError) as found:
            export_network(network, Arrays())
        text = str(found.value)
        assert all(word in text for word in words) and "\n" not in text, text
    x = keras.Input((3,))
    with pytest.raises(GlyphnbError, match="Sin"):
        export_network(keras.Model(x, ops.sin(x)), Arrays())
    y = keras.Input((3,))
    with pytest.raises(GlyphnbError, match="2 inputs"):
        export_network(keras.Model([x, y], layers.Add()([x, y])), Arrays())


def test_arrays_keep_their_values_and_places():
    arrays = Arrays()
    exact, rounded = np.float32([[0.1, -2], [3e6, 4]]), np.float32([0.5, 65504])
    places = [arrays.add(exact), arrays.add(rounded), arrays.add(np.uint8([1, 2, 3]))]
    assert places == [0, 1, 2]
    assert [row["dtype"] for row in arrays.table] == ["f4", "f2", "u1"]
    assert [row["start"] for row in arrays.table] == [0, 16, 20]
    assert Arrays(half=True).add([0.1]) == 0
    for bad in (np.nan, np.inf):
        with pytest.raises(GlyphnbError, match="finite"):
            Arrays().add([bad])
    large = Arrays(half=True)
    large.add([1e6, 0.1])  # beyond half precision: kept whole
    assert large.table[0]["dtype"] == "f4"
