"""Three architectures of exact sizes, networks of a reader's own, and weights that a seed fixes."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from glyphnb.autoencoders.networks import (
    apply_network,
    as_network,
    build_decoder,
    build_encoder,
    seed_weights,
    with_sigmoid,
)
from glyphnb.letters.glyphs import GlyphnbError

ARCHS = ["dense", "conv", "article"]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("shape", [(64, 64, 1), (28, 20, 3)])
@pytest.mark.parametrize("variational", [False, True])
def test_images_become_codes_and_codes_images(arch, shape, variational):
    x = np.random.default_rng(0).random((3, *shape), "float32")
    encoder = build_encoder(5, arch, shape, variational, seed=0)
    found = encoder(x)
    for codes in found if variational else [found]:
        assert codes.shape == (3, 5)
    images = ops.convert_to_numpy(build_decoder(5, arch, shape, variational, seed=0)(codes))
    assert images.shape == x.shape and 0 <= images.min() <= images.max() <= 1


@pytest.mark.parametrize("arch", ARCHS)
def test_the_seed_fixes_the_weights_and_no_other_generator_counts(arch):
    def weights(seed):
        keras.utils.set_random_seed(np.random.randint(1000))  # what anybody else does
        return build_decoder(4, arch, (8, 8, 1), seed=seed).get_weights()

    one, two, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    kernels = [w for w in one if w.ndim > 1]
    assert len({w.ravel()[0] for w in kernels}) == len(kernels)  # no two layers draw the same


def test_a_seed_keeps_the_initializer_of_each_layer():
    network = keras.Sequential([keras.Input((400,)), layers.Dense(300), layers.Dense(2000)])
    network.layers[1].kernel_initializer = keras.initializers.HeNormal()
    first, second = (layer.kernel for layer in seed_weights(network, 0).layers)
    limit = np.sqrt(6 / 700)  # Glorot's uniform numbers
    assert 0.98 * limit < abs(ops.convert_to_numpy(first)).max() <= limit
    assert ops.convert_to_numpy(second).std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)


def test_keras_settings_change_no_network():
    x = np.random.default_rng(0).random((2, 8, 8, 1), "float32")
    before = build_encoder(3, "article", (8, 8, 1), seed=0)
    keras.config.set_image_data_format("channels_first")
    try:
        after = build_encoder(3, "article", (8, 8, 1), seed=0)
    finally:
        keras.config.set_image_data_format("channels_last")
    assert np.array_equal(ops.convert_to_numpy(before(x)), ops.convert_to_numpy(after(x)))


class Own(keras.Model):
    "A network without symbolic inputs."

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(6)

    def call(self, codes):
        return ops.reshape(self.dense(codes), (-1, 2, 3, 1))


@pytest.mark.parametrize(
    "network",
    [
        keras.Sequential([keras.Input((2,)), layers.Dense(6), layers.Reshape((2, 3, 1))]),
        keras.Sequential([layers.Dense(6), layers.Reshape((2, 3, 1))]),
        Own(),
    ],
    ids=["built", "unbuilt", "subclass"],
)
def test_networks_of_any_kind_become_decoders(network):
    decoder = with_sigmoid(as_network(network, (2,), "decoder"))
    codes = np.float32([[1, 2], [3, 4]])
    images, logits = (ops.convert_to_numpy(net(codes)) for net in (decoder, network))
    np.testing.assert_allclose(images, 1 / (1 + np.exp(-logits)), rtol=1e-5)
    to_logits = keras.Model(decoder.input, decoder.layers[-1].input)
    np.testing.assert_allclose(ops.convert_to_numpy(to_logits(codes)), logits, rtol=1e-6)
    assert with_sigmoid(decoder) is decoder


@pytest.mark.parametrize(
    "last", [layers.Dense(6, activation="sigmoid"), layers.Activation("sigmoid")]
)
def test_a_decoder_with_a_sigmoid_of_its_own_is_refused(last):
    network = keras.Sequential([keras.Input((2,)), layers.Dense(6), last])
    with pytest.raises(GlyphnbError, match="must give logits.*leave that out"):
        with_sigmoid(network)


def test_arrays_of_any_length_pass_in_order():
    network = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(1031, 3))
    found = apply_network(network, x, batch_size=100)
    assert found.shape == (1031, 2) and apply_network(network, x[:0]).shape == (0, 2)
    np.testing.assert_allclose(found[-7:], apply_network(network, x[-7:]), atol=1e-6)


@pytest.mark.parametrize(
    "named, options",
    [
        ("`arch`", {"arch": "transformer"}),
        ("`latent_dim`", {"latent_dim": 0}),
        ("`shape`", {"shape": (8, 8)}),
        ("divisible by 4", {"arch": "conv", "shape": (30, 32, 1)}),
        ("divisible by 4", {"arch": "article", "shape": (32, 30, 1)}),
    ],
)
def test_what_cannot_be_built_is_named(named, options):
    for build in (build_encoder, build_decoder):
        with pytest.raises(GlyphnbError, match=named):
            build(**options)
