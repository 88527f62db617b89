"""autoencoders.training."""

import keras
import numpy as np
import pytest

from glyphnb.autoencoders.autoencoder import Autoencoder, bernoulli_nll, pixel_entropy
from glyphnb.autoencoders.training import train
from glyphnb.letters.augment import augment
from glyphnb.letters.split import make_dataset
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.UNKNOWN import _Batches
from glyphnb.vae.vae import VAE


@pytest.fixture(scope="module")
def images():
    return augment(render_glyphs("arabic", size=64), 256, seed=0).images


def test_the_same_seed_gives_the_same_run(images):
    runs = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        vae = VAE(seed=5)
        runs.append((train(vae, images, epochs=2, seed=5)["loss"], vae.encode(images)))
    assert runs[0][0] == runs[1][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])


def test_training_beats_the_mean_image(images):
    keras.utils.set_random_seed(0)
    model = Autoencoder()
    final = train(model, images, epochs=12, batch_size=32)["loss"][-1]
    mean = images.mean(axis=0).clip(1e-4, 1 - 1e-4)
    blind = np.mean(bernoulli_nll(images, np.log(mean / (1 - mean)) + 0 * images))
    assert pixel_entropy(images) < final < blind / 2


def test_train_takes_a_stream():
    from glyphnb.autoencoder import Autoencoder, train

    data = make_dataset(render_glyphs("abcdef", size=32), 100, size=32, stream=True)
    model = Autoencoder(latent_dim=4, shape=(32, 32, 1))
    history = train(model, data.train.images, data.fresh.images, epochs=2)
    assert len(history["loss"]) == 2 and np.isfinite(history["loss"]).all()
    assert data.train.drawn >= 2 * 2  # two batches in each of two epochs


SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def images():
    "Forty blots, each in a place of its own."
    rng = np.random.default_rng(0)
    x = np.zeros((40, *SHAPE), "float32")
    for image, (row, column) in zip(x, rng.integers(0, 6, (40, 2)), strict=True):
        image[row : row + 3, column : column + 3] = rng.uniform(0.6, 1)
    return x


def small(kind=Autoencoder, seed=3, **options):
    keras.utils.set_random_seed(seed)
    options = {"latent_dim": 2, "shape": SHAPE} | options
    return kind(**options, seed=seed) if kind is VAE else kind(**options)


class Rates(keras.callbacks.Callback):
    "The learning rate before each step."

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


def test_the_rate_rises_for_a_tenth_of_the_steps_and_falls_to_zero(images):
    model, rates = small(), Rates()
    train(model, images, epochs=10, batch_size=8, learning_rate=0.01, callbacks=(rates,))
    assert len(rates.seen) == 50  # no image is left out: five batches an epoch
    assert np.argmax(rates.seen) == 5
    np.testing.assert_allclose([rates.seen[0], max(rates.seen)], [0.001, 0.01], rtol=1e-4)
    assert (np.diff(rates.seen[5:]) < 0).all()
    np.testing.assert_allclose(rates.seen[27], 0.005, rtol=0.05)  # half way down
    assert float(model.optimizer.learning_rate) == 0


def test_the_last_partial_batch_is_learned_from(images):
    rates = Rates()
    train(small(), images[:9], epochs=2, batch_size=8, callbacks=(rates,))
    assert len(rates.seen) == 4


def test_validation_is_looked_at_and_not_learned_from(images):
    blank = np.zeros_like(images)
    with_it, without = small(), small()
    history = train(with_it, images, blank, epochs=3, batch_size=8, seed=5)
    train(without, images, epochs=3, batch_size=8, seed=5)
    for a, b in zip(with_it.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    on_blank = float(np.mean(bernoulli_nll(blank, with_it(blank))))
    np.testing.assert_allclose(history["val_loss"][-1], on_blank, rtol=1e-4)
    assert abs(history["loss"][-1] - on_blank) > 0.1


def test_validation_counts_every_image_once(images):
    x = images[:13]
    history = train(small(), x, x, epochs=1, batch_size=5, learning_rate=1e-9)
    each = bernoulli_nll(x, small()(x))
    np.testing.assert_allclose(history["val_loss"][-1], np.mean(each), rtol=1e-4)


def test_the_seed_chooses_the_order(images):
    losses = [train(small(), images, epochs=2, batch_size=8, seed=s)["loss"] for s in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_the_order_of_images_is_new_in_each_epoch_and_none_is_missing():
    "Keras moves whole batches about by itself; who shares a batch has to change, too."
    batches, epochs = _Batches((np.arange(12),), 4, seed=0), []
    for _ in range(2):
        epochs.append({frozenset(batches[i][0].tolist()) for i in range(len(batches))})
        batches.on_epoch_end()
    assert all(frozenset().union(*epoch) == set(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_the_optimizer_is_stored_where_it_was(tmp_path, images):
    model = small()
    train(model, images, epochs=2, batch_size=8)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert int(loaded.optimizer.iterations) == 10
    before = loaded.get_weights()
    loaded.fit(images, batch_size=8, verbose=0)  # at a rate of zero
    for a, b in zip(before, loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
