"""A training that repeats, goes on where it was cut off, and takes every form of data."""

import gc
import random
import weakref

import keras
import numpy as np
import pytest
from keras import ops

from glyphnb.autoencoders.autoencoder import Autoencoder, bernoulli_nll, pixel_entropy
from glyphnb.autoencoders.denoise import SaltAndPepper
from glyphnb.autoencoders.training import Batches, one_cycle, train
from glyphnb.letters.augment import Elastic
from glyphnb.letters.glyphs import GlyphnbError, GlyphSet, to_uint8
from glyphnb.letters.split import make_dataset
from glyphnb.vae.vae import VAE


def small(kind=Autoencoder, **options):
    return kind(**{"latent_dim": 2, "shape": (8, 8, 1), "seed": 3, **options})


def same_weights(one, two):
    return all(
        np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights(), strict=True)
    )


class Rates(keras.callbacks.Callback):
    "The learning rate before each step."

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


class Cut(keras.callbacks.Callback):
    "An interrupt after some epochs, as by Ctrl-C."

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            raise KeyboardInterrupt


def test_the_rate_rises_for_a_tenth_of_the_steps_and_falls_to_zero(blots):
    model, rates = small(), Rates()
    train(model, blots, epochs=10, batch_size=8, learning_rate=0.01, callbacks=(rates,))
    assert len(rates.seen) == 50  # no image is left out: five batches an epoch
    assert np.argmax(rates.seen) == 5
    np.testing.assert_allclose([rates.seen[0], max(rates.seen)], [0.001, 0.01], rtol=1e-4)
    assert (np.diff(rates.seen[5:]) < 0).all()
    np.testing.assert_allclose(rates.seen[27], 0.005, rtol=0.05)  # half way down
    assert float(model.optimizer.learning_rate) == 0
    by_itself = [float(one_cycle(0.01, 50)(step)) for step in range(50)]
    np.testing.assert_allclose(rates.seen, by_itself, rtol=1e-5)


def test_the_last_partial_batch_is_learned_from(blots):
    rates = Rates()
    train(small(), blots[:9], epochs=2, batch_size=8, callbacks=(rates,))
    assert len(rates.seen) == 4


def test_validation_is_looked_at_and_not_learned_from(blots):
    blank = np.zeros_like(blots)
    with_it, without = small(), small()
    history = train(with_it, blots, blank, epochs=3, batch_size=8, seed=5)
    train(without, blots, epochs=3, batch_size=8, seed=5)
    assert same_weights(with_it, without)
    on_blank = float(ops.convert_to_numpy(bernoulli_nll(blank, with_it(blank))).mean())
    np.testing.assert_allclose(history["val_loss"][-1], on_blank, rtol=1e-4)
    assert abs(history["loss"][-1] - on_blank) > 0.1


def test_validation_counts_every_image_once(blots):
    x = blots[:13]
    history = train(small(), x, x, epochs=1, batch_size=5, learning_rate=1e-9)
    each = ops.convert_to_numpy(bernoulli_nll(x, small()(x)))
    np.testing.assert_allclose(history["val_loss"][-1], np.mean(each), rtol=1e-4)


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
def test_the_same_seed_gives_the_same_run_and_leaves_the_world_alone(kind, blots):
    runs = []
    for number in range(2):
        random.seed(number)  # whatever stands in the global generators
        np.random.seed(number)
        keras.utils.set_random_seed(number)
        model = small(kind, corrupt=SaltAndPepper(0.2))
        before = random.getstate(), np.random.get_state()[1].tolist()
        history = train(model, blots, blots, epochs=2, batch_size=8, seed=5)
        assert before == (random.getstate(), np.random.get_state()[1].tolist())
        runs.append((history, model))
    assert runs[0][0] == runs[1][0] and same_weights(runs[0][1], runs[1][1])
    other = small(kind, corrupt=SaltAndPepper(0.2))
    assert train(other, blots, epochs=2, batch_size=8, seed=6)["loss"] != runs[0][0]["loss"]


def test_the_order_of_images_is_new_in_each_epoch_and_none_is_missing(blots):
    numbers, epochs = np.arange(12), []
    batches = Batches(blots[:12], numbers, 4, seed=0)
    for epoch in (0, 1, 0):
        batches.start_epoch(epoch)
        epochs.append([tuple(batches[i][0][1].tolist()) for i in range(len(batches))])
        for i in range(len(batches)):
            x, labels = batches[i][0]
            assert np.array_equal(x, blots[labels])
    assert all(sorted(sum(epoch, ())) == numbers.tolist() for epoch in epochs)
    assert epochs[0] != epochs[1] and epochs[0] == epochs[2]
    in_order = Batches(blots[:12], numbers, 5)
    assert [len(in_order[i][0][1]) for i in range(3)] == [5, 5, 2]
    assert np.array_equal(in_order[2][0][1], [10, 11])


def test_every_form_of_data_trains_alike(blots):
    ink = to_uint8(blots)
    glyphs = GlyphSet(ink, ["a"] * 40, ["b"] * 40)
    losses = [
        train(small(), form, epochs=2, batch_size=8)["loss"]
        for form in (glyphs, ink, ink[..., None], glyphs.images)
    ]
    assert losses[0] == losses[1] == losses[2] == losses[3]
    for dtype in ("float64", "float16"):
        found = train(small(), glyphs.images.astype(dtype), epochs=2, batch_size=8)["loss"]
        np.testing.assert_allclose(found, losses[0], rtol=1e-3)
    assert np.isfinite(train(small(), ink > 127, epochs=1)["loss"]).all()


def test_data_sets_of_keras_train_too(blots):
    batches = Batches(blots, batch_size=8)
    history = train(small(), batches, batches, epochs=2)
    assert len(history["loss"]) == 2 and history["val_loss"][-1] < history["loss"][0]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        data = tf.data.Dataset.from_tensor_slices(blots).batch(8)
        assert train(small(), data, data, epochs=2)["loss"] == pytest.approx(
            history["loss"], rel=0.1
        )
        with pytest.raises(GlyphnbError, match="length"):
            train(small(), data.repeat(), epochs=1)


def test_a_stream_is_drawn_anew_in_each_epoch_and_repeats(shapes):
    data = make_dataset(shapes, 100, 16, stream=True, distortions=[Elastic()])
    model = [small(shape=(16, 16, 1)) for _ in range(2)]
    one, two = (train(m, data.train, data.fresh, epochs=2, batch_size=16) for m in model)
    assert one == two and np.isfinite(one["val_loss"]).all()
    batches = Batches(data.train, batch_size=16)
    first = batches[0][0]
    batches.start_epoch(1)
    assert first.shape == (16, 16, 16, 1) and not np.array_equal(first, batches[0][0])


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
def test_a_training_that_was_cut_off_goes_on_to_the_same_losses(kind, blots, tmp_path):
    options = {"epochs": 5, "batch_size": 8, "seed": 1}
    whole, model = small(kind), small(kind)
    history = train(whole, blots, blots, **options)
    for cut in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            train(small(kind), blots, blots, **options, checkpoint=tmp_path, callbacks=[Cut(cut)])
    assert train(model, blots, blots, **options, checkpoint=tmp_path) == history
    assert same_weights(whole, model)
    assert not tmp_path.exists()  # the checkpoint has served


def test_a_checkpoint_of_another_training_is_refused(blots, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(small(), blots, epochs=3, checkpoint=tmp_path, callbacks=[Cut(1)])
    with pytest.raises(GlyphnbError, match="belongs to another training"):
        train(small(), blots, epochs=4, checkpoint=tmp_path)


def test_a_bar_is_shown_unless_told_not_to(blots, capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    train(small(), blots, epochs=2, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "images, found",
    [
        (np.full((4, 8, 8, 1), 255.0), "255"),
        (np.full((4, 8, 8, 1), np.nan), "nan"),
        (np.zeros((4, 6, 8, 1)), "6, 8, 1"),
        (np.zeros((0, 8, 8, 1)), "0, 8, 8, 1"),
    ],
)
def test_images_that_cannot_be_learned_from_are_refused(images, found):
    for kind in (Autoencoder, VAE):
        with pytest.raises(GlyphnbError, match=found):
            train(small(kind), images)


def test_no_epoch_is_no_training(blots):
    with pytest.raises(GlyphnbError, match="`epochs`"):
        train(small(), blots, epochs=0)


def test_training_beats_the_mean_image(images):
    final = train(Autoencoder(), images, epochs=12, batch_size=32)["loss"][-1]
    mean = images.mean(axis=0).clip(1e-4, 1 - 1e-4)
    blind = float(
        ops.convert_to_numpy(bernoulli_nll(images, np.log(mean / (1 - mean)) + 0 * images)).mean()
    )
    assert pixel_entropy(images) < final < blind / 2


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("kind", [Autoencoder, VAE])
def test_mixed_precision_trains_as_single_does(policy, kind, blots):
    plain = train(small(kind), blots, epochs=5, batch_size=8)["loss"][-1]
    keras.mixed_precision.set_global_policy(policy)
    try:
        mixed = train(small(kind), blots.astype("float64"), epochs=5, batch_size=8)["loss"][-1]
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert mixed == pytest.approx(plain, rel=0.05)


def test_the_optimizer_is_stored_where_it_was(tmp_path, blots):
    model = small()
    train(model, blots, epochs=2, batch_size=8)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert int(ops.convert_to_numpy(loaded.optimizer.iterations)) == 10
    before = loaded.get_weights()
    loaded.fit(blots, batch_size=8, verbose=0)  # at a rate of zero
    for a, b in zip(before, loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_belongs_to_its_images(blots, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(small(), blots, epochs=3, checkpoint=tmp_path, callbacks=[Cut(1)])
    with pytest.raises(GlyphnbError, match="belongs to another training"):
        train(small(), 1 - blots, epochs=3, checkpoint=tmp_path)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others build before they run")
def test_a_step_is_compiled_once(blots):
    class Counted(Autoencoder):
        traces = 0

        def call(self, *args, **kwargs):
            self.traces += 1
            return super().call(*args, **kwargs)

    model = small(Counted)
    model.traces = 0
    train(model, blots, epochs=2, batch_size=20, progress=False)
    assert model.traces == 1


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a trouble of TensorFlow")
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_trained_model_leaves_the_memory(blots, precision):
    "TensorFlow kept the variables of each: ten trainings took 300 MB that nobody could free."
    keras.mixed_precision.set_global_policy(precision)
    try:
        model = Autoencoder(4, shape=(8, 8, 1))
        train(model, blots, epochs=1)
        weights = [weakref.ref(v.value.handle) for v in model.trainable_variables]
        assert all(weight() is not None for weight in weights)
        del model
        gc.collect()
        assert not any(weight() is not None for weight in weights)
    finally:
        keras.mixed_precision.set_global_policy("float32")
