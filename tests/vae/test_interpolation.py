"""Sharp between two letters: no penalty for letters, some for mixtures, none in evaluation."""

import keras
import numpy as np
import pytest
from keras import ops

from glyphnb import train
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.conditional import ConditionalVAE
from glyphnb.vae.interpolation import (
    SharpInterpolation,
    image_entropy,
    letter_vae,
    outline_length,
)
from glyphnb.vae.vae import VAE

CODES = np.zeros((2, 3), "float32")


@pytest.fixture(scope="module")
def two():
    "Two black and white images with the same ink in other places, `(2, 8, 8, 1)`."
    images = np.zeros((2, 8, 8, 1), "float32")
    images[0, 2:6, 1:3] = images[1, 3:5, 3:7] = 1
    return images


def draws(*images):
    "A decoder that draws these images, whatever the codes are."
    p = np.clip(np.stack(images), 1e-6, 1 - 1e-6)
    logits = ops.convert_to_tensor(np.log(p / (1 - p)).astype("float32"))
    return lambda codes, training: logits


def penalty_of(layer, two, *drawn):
    return float(layer(two, CODES, to_logits=draws(*drawn)))


def test_measures_of_squares():
    square = np.zeros((1, 12, 12, 1), "float32")
    square[:, 4:8, 4:8] = 1
    np.testing.assert_allclose(image_entropy(square), [0], atol=0.01)
    np.testing.assert_allclose(image_entropy(square / 2), [16 * np.log(2)], atol=0.01)
    np.testing.assert_allclose(outline_length(square), [14 + np.sqrt(2)], atol=0.15)
    np.testing.assert_allclose(outline_length(square / 2), [7 + np.sqrt(0.5)], atol=0.15)


def test_one_of_the_two_images_costs_nothing(two):
    for drawn in (two, two[::-1], two[[0, 0]], two[[1, 1]]):
        assert penalty_of(SharpInterpolation(), two, *drawn) < 0.01


@pytest.mark.parametrize("weights", [(1, 0), (0, 1), (0.5, 0.5)])
def test_mixtures_cost_by_the_measure_that_sees_them(two, weights):
    layer, mean = SharpInterpolation(*weights), two.mean(axis=0)
    specks = np.indices((8, 8)).sum(axis=0)[..., None] % 2.0  # a chessboard: black, and all outline
    grey, board = (penalty_of(layer, two, image, image) for image in (mean, specks))
    assert board > 1
    if weights[0]:
        differing = (two[0] != two[1]).sum()
        np.testing.assert_allclose(grey, weights[0] * differing * np.log(2), rtol=0.01)


def test_too_little_and_too_much_ink_cost_their_pixels(two):
    layer, ink = SharpInterpolation(2.0, 0), two[0].sum()
    np.testing.assert_allclose(penalty_of(layer, two, *np.zeros_like(two)), 2 * ink, rtol=0.01)
    full = penalty_of(layer, two, *np.ones_like(two))
    np.testing.assert_allclose(full, 2 * (64 - ink), rtol=0.01)


def test_codes_lie_between_the_codes_of_a_pair(two):
    seen = []

    def to_logits(codes, training):
        seen.append(ops.convert_to_numpy(codes))
        return ops.zeros((len(codes), 8, 8, 1))

    codes = np.array([[0, 0], [1, 2]], "float32")
    layer, again = SharpInterpolation(seed=3), SharpInterpolation(seed=3)
    for one in (layer, layer, again):
        one(two, codes, to_logits=to_logits)
    places = np.stack(seen)
    np.testing.assert_allclose(places[..., 1], 2 * places[..., 0], atol=1e-6)  # on the line
    assert (places >= 0).all() and (places <= [1, 2]).all()
    assert (places[0] != places[1]).any() and (places[0] == places[2]).all()


@pytest.mark.parametrize("weights", [(-0.1, 0.5), (0.5, -1)])
def test_negative_weights_are_refused(weights):
    with pytest.raises(GlyphnbError, match="must be 0 or above"):
        SharpInterpolation(*weights)


def test_it_is_a_part_of_training_and_not_of_evaluation(blots):
    plain = VAE(shape=(8, 8, 1), seed=1)
    sharp = VAE(shape=(8, 8, 1), seed=1, regularizer=SharpInterpolation(5.0, 5.0))
    out = plain(blots)
    losses = {}
    for training in (True, False):
        for name, vae in (("plain", plain), ("sharp", sharp)):
            found = vae.compute_loss(x=blots, y_pred=out, training=training)
            losses[name, training] = float(found)
    assert losses["sharp", True] > losses["plain", True] + 0.1
    np.testing.assert_allclose(losses["sharp", False], losses["plain", False], rtol=1e-6)
    sharp.compile()
    found = sharp.evaluate(blots, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["loss"], found["nll"] + found["kl"], rtol=1e-5)


def test_it_makes_what_is_drawn_in_between_sharper(blots):
    halves = {}
    for weight in (0, 2.0):
        vae = letter_vae(400, 4, "dense", 8, sharp=weight)
        train(vae, np.round(blots), epochs=80, batch_size=8, learning_rate=0.01)
        codes = vae.encode(blots)
        drawn = vae.decode((codes + np.roll(codes, 1, axis=0)) / 2)
        halves[weight] = float(np.mean(ops.convert_to_numpy(image_entropy(drawn))))
    assert halves[2.0] < 0.7 * halves[0]


@pytest.mark.parametrize("arch", ["dense", "conv"])
def test_it_trains_and_comes_back_from_a_file(arch, blots, tmp_path):
    vae = letter_vae(10, 4, arch, 8)
    history = train(vae, blots, blots, epochs=2, batch_size=8)
    assert np.isfinite(history["loss"]).all() and np.isfinite(history["val_loss"]).all()
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_allclose(loaded.encode(blots), vae.encode(blots), atol=1e-6)
    assert isinstance(loaded.regularizer, SharpInterpolation)
    assert loaded.regularizer.get_config() == vae.regularizer.get_config()
    again = train(loaded, blots, epochs=1)
    assert np.isfinite(again["loss"]).all()


def test_the_vae_for_letters_of_ones_own():
    vae = letter_vae(1000, 4, "dense", 8, seed=7)
    assert (vae.latent_dim, vae.shape, vae.seed) == (4, (8, 8, 1), 7)
    assert [float(vae.objective.beta(step)) for step in (0, 200, 400, 900)] == [0, 0.5, 1, 1]
    assert (vae.regularizer.weight, vae.regularizer.outline) == (0.5, 0.5)
    plain = letter_vae(1000, 4, "dense", 8, warm_up_share=0, sharp=0)
    assert plain.regularizer is None and plain.objective.beta == 1.0


def test_a_decoder_that_needs_a_label_is_refused():
    with pytest.raises(GlyphnbError, match="decoder of codes alone"):
        ConditionalVAE(3, shape=(8, 8, 1), regularizer=SharpInterpolation())
