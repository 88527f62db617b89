"""vae.objectives."""

import keras
import numpy as np
import pytest

from glyphnb.autoencoders.autoencoder import Autoencoder
from glyphnb.autoencoders.training import train
from glyphnb.judge.likelihood import log_likelihood
from glyphnb.letters.augment import augment
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.UNKNOWN import _objective
from glyphnb.vae.elbo import kl_divergence
from glyphnb.vae.objectives import CyclicalWarmUp
from glyphnb.vae.vae import VAE


@pytest.fixture(scope="module")
def images():
    return augment(render_glyphs("arabic", size=64), 256, seed=0).images


OBJECTIVES = [
    {"beta": keras.optimizers.schedules.PolynomialDecay(0.0, 10, 1.0)},
    {"beta": CyclicalWarmUp(4)},
    {"free_bits": 0.5},
    {"capacity": 5.0},
    {"samples": 3},
    {"likelihood": "gaussian"},
    {"likelihood": "continuous_bernoulli"},
    {"labels": 7},
    {"labels": 7, "samples": 2},
]


@pytest.mark.parametrize("options", OBJECTIVES, ids=lambda options: "-".join(options))
def test_every_objective_trains_and_comes_back_from_its_file(tmp_path, images, options):
    keras.utils.set_random_seed(0)
    vae = VAE(seed=0, **options)
    data = (images, np.arange(len(images)) % 7) if vae.labels else images
    history = train(vae, data, data, epochs=2)
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["val_loss"][-1] < history["val_loss"][0]
    if vae.samples == 1:  # whatever was minimised, validation reports the bound
        total = history["val_nll"][-1] + history["val_kl"][-1]
        np.testing.assert_allclose(history["val_loss"][-1], total, rtol=1e-4)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(loaded.predict(data), vae.predict(data))


def test_more_samples_make_a_tighter_bound(images):
    keras.utils.set_random_seed(0)
    vae = VAE(seed=0)
    train(vae, images, epochs=3)
    bounds = []
    for samples in (1, 5, 50):
        tighter = VAE(seed=0, samples=samples)
        tighter.set_weights(vae.get_weights())
        tighter.compile()
        bounds.append(tighter.evaluate(images, batch_size=64, verbose=0, return_dict=True)["loss"])
    assert bounds[0] > bounds[1] > bounds[2]


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


def test_options_bend_training_and_not_evaluation(images):
    for options in ({"free_bits": 3.0}, {"capacity": 9.0}):
        vae = small(VAE, **options)
        vae.compile()
        found = vae.evaluate(images, batch_size=40, verbose=0, return_dict=True)
        np.testing.assert_allclose(found["loss"], found["nll"] + found["kl"], rtol=1e-5)
        vae.reset_metrics()
        found = vae.train_on_batch(images, return_dict=True)
        bent = 6.0 if "free_bits" in options else 9.0  # an untrained divergence is almost 0
        np.testing.assert_allclose(found["loss"] - found["nll"], bent, atol=0.1)


def test_a_schedule_of_beta_counts_steps(images):
    vae = small(VAE, beta=CyclicalWarmUp(4))
    vae.posterior.layers[-1].bias.assign([3.0, 3.0, 0.0, 0.0])  # nine nats of divergence
    vae.compile(keras.optimizers.SGD(0.0))
    shares = []
    for _ in range(5):
        vae.reset_metrics()
        found = vae.train_on_batch(images, return_dict=True)
        shares.append((found["loss"] - found["nll"]) / found["kl"])
    np.testing.assert_allclose(shares, [0, 0.5, 1, 1, 0], atol=0.01)


def test_the_best_of_many_codes_counts_most():
    costs = np.float32([[1, 2, 30], [7, 7, 7]])
    bound = np.asarray(_objective(costs.reshape(-1), np.zeros((6, 1), "float32"), 3))
    exact = -np.log(np.exp(-costs.astype("float64")).mean(axis=1))
    np.testing.assert_allclose(bound, exact, rtol=1e-5)
    assert bound[0] < costs[0].mean()  # what the mean of the logarithms would give


def test_free_bits_are_given_to_each_axis_over_the_batch():
    rate = np.float32([[4, 0.2], [0, 0.2]])  # means 2 and 0.2
    found = _objective(np.zeros(2, "float32"), rate, free_bits=0.5)
    np.testing.assert_allclose(found, 2.5, rtol=1e-6)


def tiny(**options):
    "A VAE of images of 2 x 3 pixels, with strong opinions and clouds away from the prior."
    keras.utils.set_random_seed(3)
    vae = VAE(2, shape=(2, 3, 1), seed=0, **options)
    for weight in vae.trainable_weights:
        weight.assign(1.2 * weight)
    *_, bias = vae.posterior.trainable_weights
    bias.assign([0.6, -0.4, 0.5, 1.0])
    return vae


@pytest.fixture(scope="module")
def vae():
    return tiny()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 2, (6, 2, 3, 1)).astype("float32")


@pytest.mark.parametrize(
    "options", [{"free_bits": 50.0}, {"capacity": 70.0}, {"beta": 3.0}, {}], ids=str
)
def test_evaluation_reports_the_bound_whatever_is_minimised(images, options):
    vae = tiny(**options)
    vae.compile()
    found = vae.evaluate(images, verbose=0, return_dict=True)
    known = np.mean(kl_divergence(*vae.split(vae.posterior(images))))
    assert known > 0.2  # large enough for a slip to show
    np.testing.assert_allclose(found["kl"], known, rtol=1e-5)
    bound = found["nll"] + options.get("beta", 1.0) * found["kl"]
    np.testing.assert_allclose(found["loss"], bound, rtol=1e-5)
    coin = 6 * np.log(2)
    assert 0.2 * coin < found["nll"] < 5 * coin  # nats per image, not per pixel or batch


def test_many_samples_report_the_importance_weighted_bound(vae, images):
    several = tiny(samples=8)
    several.compile(run_eagerly=True)
    crowd = np.repeat(images, 100, axis=0)
    found = several.evaluate(crowd, batch_size=600, verbose=0, return_dict=True)["loss"]
    known = -log_likelihood(vae, crowd, 8, batch_size=4800).nats
    assert abs(found - known.mean()) < 6 * known.reshape(6, 100).std(axis=1).mean() / 600**0.5
