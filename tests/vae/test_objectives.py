"""Every objective trains, comes back from its file, and is evaluated by one bound."""

import keras
import numpy as np
import pytest
from keras import ops

from glyphnb.autoencoders.training import train
from glyphnb.judge.likelihood import log_likelihood
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.elbo import ELBO
from glyphnb.vae.objectives import (
    Capacity,
    CyclicalWarmUp,
    FreeBits,
    ImportanceWeighted,
    warm_up,
)
from glyphnb.vae.pixel_likelihoods import ContinuousBernoulli, Gaussian
from glyphnb.vae.vae import VAE

OBJECTIVES = {
    "warm-up": lambda: ELBO(warm_up(10)),
    "cycles": lambda: ELBO(CyclicalWarmUp(4)),
    "free bits": lambda: FreeBits(0.5),
    "capacity": lambda: Capacity(5.0),
    "rising capacity": lambda: Capacity(keras.optimizers.schedules.PolynomialDecay(0.0, 10, 5.0)),
    "importance": lambda: ImportanceWeighted(3),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_trains_and_comes_back_from_its_file(tmp_path, images, name):
    vae = VAE(objective=OBJECTIVES[name]())
    history = train(vae, images, images, epochs=2)
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["val_loss"][-1] < history["val_loss"][0]
    if name != "importance":  # whatever was minimised, validation reports the bound
        total = history["val_nll"][-1] + history["val_kl"][-1]
        np.testing.assert_allclose(history["val_loss"][-1], total, rtol=1e-4)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    drawn = [model.predict(images, verbose=0) for model in (loaded, vae)]
    np.testing.assert_array_equal(*drawn)
    assert type(loaded.objective) is type(vae.objective)
    assert loaded.objective.get_config() == vae.objective.get_config()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_goes_with_other_likelihoods(blots, name):
    "Above, the likelihood is Bernoulli; here, each of the others has half of the objectives."
    likelihood = (ContinuousBernoulli, Gaussian)[list(OBJECTIVES).index(name) % 2]
    vae = VAE(shape=(8, 8, 1), objective=OBJECTIVES[name](), likelihood=likelihood())
    history = train(vae, blots, blots, epochs=6, batch_size=8)
    assert np.isfinite(history["loss"]).all()
    assert history["val_loss"][-1] < history["val_loss"][0]


NLL, KL = ops.convert_to_tensor([100.0, 110]), ops.convert_to_tensor([[3, 0.1], [1, 0.3]])


def test_costs_against_arithmetic_that_fits_in_the_head():
    np.testing.assert_allclose(ELBO().cost(NLL, KL), [103.1, 111.3], rtol=1e-6)
    np.testing.assert_allclose(ELBO(10.0).cost(NLL, KL), [131.0, 123.0], rtol=1e-6)
    # Means over the batch are 2 and 0.2 nats: free bits of 1 lift the second to 1.
    np.testing.assert_allclose(FreeBits(1.0).cost(NLL, KL), [103.0, 113.0], rtol=1e-6)
    # The mean divergence is 2.2 nats, 2.8 away from 5.
    np.testing.assert_allclose(Capacity(5.0).cost(NLL, KL), [102.8, 112.8], rtol=1e-6)
    np.testing.assert_allclose(Capacity(5.0, 10.0).cost(NLL, KL), [128.0, 138.0], rtol=1e-6)


def weighted(costs):
    "The importance-weighted bound of codes at the centre of a posterior that is the prior."
    costs = np.float32(costs)
    zero = np.zeros((costs.size, 1), "float32")
    objective = ImportanceWeighted(costs.shape[1])
    return np.asarray(objective(costs.reshape(-1), zero, zero, zero, training=True))


def test_the_best_of_many_codes_counts_most():
    costs = np.float32([[1, 2, 30], [7, 7, 7]])
    exact = -np.log(np.exp(-costs.astype("float64")).mean(axis=1))
    np.testing.assert_allclose(weighted(costs), exact, rtol=1e-5)
    assert weighted(costs)[0] < costs[0].mean()  # what the mean of the logarithms would give
    # Of two equally likely codes the bound is the cost of either; of a hopeless second, log 2 more.
    np.testing.assert_allclose(weighted([[5, 5]]), [5], rtol=1e-6)
    np.testing.assert_allclose(weighted([[5, 500]]), [5 + np.log(2)], rtol=1e-6)


def test_schedules_rise_and_start_again():
    assert [float(CyclicalWarmUp(8)(step)) for step in (0, 2, 4, 7, 8)] == [0, 0.5, 1, 1, 0]
    assert [float(warm_up(4)(step)) for step in (0, 1, 4, 9)] == [0, 0.25, 1, 1]


def test_a_constant_beta_and_a_schedule_that_ends_at_it_are_evaluated_alike(tiny, bits):
    found = []
    for beta in (4.0, keras.optimizers.schedules.PolynomialDecay(4.0, 1, 4.0)):
        vae = tiny(objective=ELBO(beta))
        vae.compile()
        found.append(vae.evaluate(bits, verbose=0, return_dict=True))
    assert found[0]["loss"] == pytest.approx(found[0]["nll"] + found[0]["kl"], rel=1e-5)
    assert found[0]["kl"] == pytest.approx(found[1]["kl"], rel=1e-6)
    assert found[1]["loss"] == pytest.approx(found[1]["nll"] + found[1]["kl"], rel=1e-5)


def test_many_codes_report_the_importance_weighted_bound(tiny, bits):
    vae, several = tiny(), tiny(objective=ImportanceWeighted(8))
    several.compile()
    crowd = np.repeat(bits, 100, axis=0)
    found = several.evaluate(crowd, batch_size=600, verbose=0, return_dict=True)["loss"]
    known = -log_likelihood(vae, crowd, 8, batch_size=4800).nats
    assert abs(found - known.mean()) < 6 * known.reshape(6, 100).std(axis=1).mean() / 600**0.5


def test_more_codes_make_a_tighter_bound(images):
    vae = VAE()
    train(vae, images, epochs=3)
    bounds = []
    for k in (1, 5, 50):
        tighter = VAE(encoder=vae.encoder, decoder=vae.decoder, objective=ImportanceWeighted(k))
        tighter.compile()
        bounds.append(tighter.evaluate(images, batch_size=64, verbose=0, return_dict=True)["loss"])
    assert bounds[0] > bounds[1] > bounds[2]


@pytest.mark.parametrize(
    "make, named",
    [
        (lambda: FreeBits(-1), "nats"),
        (lambda: ImportanceWeighted(0), "n_importance_samples"),
        (lambda: CyclicalWarmUp(1), "period"),
    ],
)
def test_what_cannot_be_is_named(make, named):
    with pytest.raises(GlyphnbError, match=f"`{named}`"):
        make()
