"""A label changes the drawing and not the code; the VAE of one class goes into every tool."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from glyphnb.autoencoders.training import train
from glyphnb.judge.diagnostics import diagnose
from glyphnb.judge.likelihood import log_likelihood
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.conditional import ConditionalVAE
from glyphnb.vae.objectives import ImportanceWeighted
from glyphnb.vae.vae import VAE

LABELS = np.arange(40) % 4


@pytest.fixture(scope="module")
def model(blots):
    model = ConditionalVAE(4, shape=(8, 8, 1))
    train(model, (blots, LABELS), (blots, LABELS), epochs=3, batch_size=8)
    return model


def test_a_label_changes_the_drawing_and_not_the_code(model, blots):
    codes = np.zeros((1, 2), "float32")
    drawn = [model.decode(codes, label) for label in range(4)]
    assert np.ptp(drawn, axis=0).max() > 1e-4
    assert model.encode(blots[:2]).shape == (2, 2)


def test_a_label_stands_beside_the_code_in_its_own_place(model):
    code = np.float32([[0.3, -0.2]])
    by_hand = model.decoder.predict(np.float32([[0.3, -0.2, 0, 0, 1, 0]]), verbose=0)
    np.testing.assert_allclose(model.decode(code, [2]), by_hand, atol=1e-6)
    both = model.with_label((np.float32([[7, 8], [5, 6]]), np.array([0, 3])))
    np.testing.assert_array_equal(both, [[7, 8, 1, 0, 0, 0], [5, 6, 0, 0, 0, 1]])


def test_it_trains_evaluates_and_comes_back_from_its_file(model, blots, tmp_path):
    found = model.evaluate((blots, LABELS), verbose=0, return_dict=True)
    np.testing.assert_allclose(found["loss"], found["nll"] + found["kl"], rtol=1e-5)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.n_classes == 4
    drawn = [m.predict((blots, LABELS), verbose=0) for m in (model, loaded)]
    np.testing.assert_array_equal(*drawn)
    np.testing.assert_allclose(drawn[0], model.decode(model.encode(blots), LABELS), atol=1e-6)


def test_with_several_codes_each(blots):
    model = ConditionalVAE(4, shape=(8, 8, 1), objective=ImportanceWeighted(3))
    history = train(model, (blots, LABELS), (blots, LABELS), epochs=2, batch_size=8)
    assert np.isfinite(history["val_loss"]).all()


def test_the_vae_of_one_class_draws_what_the_model_draws(model, blots, tmp_path):
    one = model.given(2)
    codes = one.encode(blots[:3])
    np.testing.assert_array_equal(codes, model.encode(blots[:3]))
    np.testing.assert_allclose(one.decode(codes), model.decode(codes, 2), atol=1e-6)
    one.save(tmp_path / "one.keras")
    loaded = keras.saving.load_model(tmp_path / "one.keras")
    np.testing.assert_allclose(loaded.decode(codes), one.decode(codes), atol=1e-6)
    own = blots[LABELS == 2]
    one.compile()
    assert np.isfinite(log_likelihood(one, own, k=50).nats).all()
    assert diagnose(one, own, k=50)


def test_tools_ask_for_a_label(model, blots):
    for tool in (log_likelihood, diagnose):
        with pytest.raises(GlyphnbError, match=r"given\(label\)"):
            tool(model, blots)


@pytest.mark.parametrize(
    "labels, found",
    [
        (np.full(40, 7), "7 to 7"),
        (LABELS - 1, "-1 to 2"),
        (LABELS / 2, "float64"),
        (LABELS[:5], "5,"),
    ],
)
def test_labels_out_of_range_are_refused(blots, labels, found):
    with pytest.raises(GlyphnbError, match=f"`labels`.*{found}"):
        train(ConditionalVAE(4, shape=(8, 8, 1)), (blots, labels), epochs=1)


def test_a_decoder_of_ones_own_takes_code_and_label(blots):
    def decoder(n):
        return keras.Sequential([keras.Input((n,)), layers.Dense(64), layers.Reshape((8, 8, 1))])

    model = ConditionalVAE(4, shape=(8, 8, 1), decoder=decoder(6))
    assert ops.shape(model((blots[:2], LABELS[:2]))["logits"]) == (2, 8, 8, 1)
    with pytest.raises(GlyphnbError, match=r"2 \+ 4 numbers, got 5"):
        ConditionalVAE(4, shape=(8, 8, 1), decoder=decoder(5))
    with pytest.raises(GlyphnbError, match="`n_classes`"):
        ConditionalVAE(1)


def test_a_plain_vae_is_not_conditional(blots):
    assert not VAE(shape=(8, 8, 1)).conditional and ConditionalVAE(2).conditional
