"""Divergences with known answers, samples that follow their moments, and objectives as objects."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import stats

from glyphnb.autoencoders.autoencoder import bernoulli_nll
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.elbo import ELBO, Objective, kl_divergence, sample_z, vae_loss, with_sampling


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_kl_is_a_sum_of_axes_and_never_negative(pairs):
    mean, log_var = np.array(pairs, "float32").T
    whole = float(kl_divergence(mean[None], log_var[None])[0])
    parts = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).astype(float).sum()
    np.testing.assert_allclose(whole, parts, rtol=1e-3, atol=1e-3)
    assert whole >= -1e-3


def test_known_divergences():
    ten = np.zeros((1, 10), "float32")
    for mean, log_var, nats in ((0, 0, 0), (1, 0, 5.0), (1, 1, 8.591409)):
        np.testing.assert_allclose(kl_divergence(ten + mean, ten + log_var), nats, rtol=1e-5)


def test_the_loss_is_the_sum_of_its_parts_per_glyph(images):
    mean = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    x, logits = images[:8], np.random.default_rng(1).normal(size=(8, 64, 64, 1)).astype("float32")
    loss = vae_loss(x, logits, mean, 0 * mean, beta=2.0)
    parts = bernoulli_nll(x, logits) + 2 * kl_divergence(mean, 0 * mean)
    np.testing.assert_allclose(loss, parts, rtol=1e-6)


def test_samples_follow_mean_and_variance():
    mean, log_var = np.float32([[3.0]] * 20_000), np.float32([[-2.0]] * 20_000)
    z = ops.convert_to_numpy(sample_z((mean, log_var), seed=1))
    np.testing.assert_allclose([z.mean(), z.std()], [3, np.exp(-1)], rtol=0.02)


def test_sampled_codes_have_the_stated_mean_width_and_seed():
    m, v = np.float32([[1.0, -2.0]] * 4000), np.float32([[0.0, -3.0]] * 4000)
    z = ops.convert_to_numpy(sample_z((m, v), seed=1))
    noise = (z - m) / np.exp(v / 2)
    for axis in noise.T:
        assert stats.kstest(axis, "norm").pvalue > 1e-3
    assert abs(stats.pearsonr(*noise.T).statistic) < 0.06  # the axes have noise of their own
    np.testing.assert_array_equal(z, ops.convert_to_numpy(sample_z((m, v), seed=1)))
    assert (z != ops.convert_to_numpy(sample_z((m, v), seed=2))).all()


def test_beta_weighs_the_divergence_and_nothing_else(bits):
    m, v = np.float32([[3.0, 0.0]] * 6), np.float32([[0.0, -2.0]] * 6)
    losses = [vae_loss(bits, 0 * bits, m, v, beta) for beta in (0.0, 1.0, 2.0)]
    first, second, third = (ops.convert_to_numpy(loss) for loss in losses)
    np.testing.assert_allclose(first, 6 * np.log(2), rtol=1e-6)
    known = 4.5 + 0.567668  # by the table of known divergences
    np.testing.assert_allclose([second - first, third - second], known, rtol=1e-5)


def gaussian_kl(m0, S0, m1, S1):
    "Divergence of any two Gaussians, tilted or not."
    gap, inverse = m1 - m0, np.linalg.inv(S1)
    log_det = np.linalg.slogdet(S1)[1] - np.linalg.slogdet(S0)[1]
    return 0.5 * (np.trace(inverse @ S0) + gap @ inverse @ gap - len(gap) + log_det)


def test_the_divergence_is_a_case_of_the_general_one_in_any_coordinates():
    rng = np.random.default_rng(0)
    mean, log_var = rng.normal(size=(2, 3))
    ours = float(kl_divergence(mean[None], log_var[None])[0])
    posterior, prior = (mean, np.diag(np.exp(log_var))), (np.zeros(3), np.eye(3))
    np.testing.assert_allclose(gaussian_kl(*posterior, *prior), ours, rtol=1e-6)
    A, shift = rng.normal(size=(3, 3)), rng.normal(size=3)
    moved = [part for m, S in (posterior, prior) for part in (A @ m + shift, A @ S @ A.T)]
    np.testing.assert_allclose(gaussian_kl(*moved), ours, rtol=1e-6)


def test_the_slopes_of_the_bound_of_a_line_with_noise():
    "The slopes that the chapter displays, against differences of an integrated bound."
    w, s, x, m, v, h = 2.0, 1.0, 3.0, 0.5, 0.64, 1e-2  # larger than single precision
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)

    def elbo(mean, var):
        pixels = stats.norm.logpdf(x, w * (mean + var**0.5 * nodes), s) @ weights / weights.sum()
        return pixels - float(kl_divergence(np.array([[mean]]), np.log([[var]]))[0])

    by_mean = (elbo(m + h, v) - elbo(m - h, v)) / (2 * h)
    by_log_var = (elbo(m, v * np.exp(h)) - elbo(m, v * np.exp(-h))) / (2 * h)
    np.testing.assert_allclose(by_mean, w * (x - w * m) / s**2 - m, rtol=1e-3)
    np.testing.assert_allclose(by_log_var, 0.5 * (1 - v * (1 + w**2 / s**2)), rtol=1e-3)


def test_the_article_calls_the_loss_with_two_arguments(bits):
    with pytest.raises(GlyphnbError, match="z_mean, z_log_var"):
        vae_loss(bits, 0 * bits)


def encoder(outputs):
    images = keras.Input((2, 3, 1))
    x = keras.layers.Flatten()(images)
    heads = [keras.layers.Dense(4 if outputs == 1 else 2)(x) for _ in range(outputs)]
    return keras.Model(images, heads[0] if outputs == 1 else heads)


@pytest.mark.parametrize("outputs", [1, 2])
def test_an_encoder_gets_a_sampled_code(outputs, bits):
    network = encoder(outputs)
    drawing = with_sampling(network, seed=1)
    mean, log_var, z = map(ops.convert_to_numpy, drawing(bits))
    answers = ops.convert_to_numpy(
        ops.concatenate(network(bits), -1) if outputs == 2 else network(bits)
    )
    np.testing.assert_allclose(np.concatenate([mean, log_var], axis=1), answers, atol=1e-6)
    assert z.shape == (6, 2) and not np.array_equal(z, mean)
    assert with_sampling(drawing) is drawing


def test_log_variances_are_clipped(bits):
    network = encoder(2)
    network.layers[-1].bias.assign([1000.0, -1000.0])
    _, log_var, z = map(ops.convert_to_numpy, with_sampling(network, 0)(bits))
    np.testing.assert_array_equal(log_var, [[8, -16]] * 6)
    assert np.isfinite(z).all()


PARTS = np.float32([100, 110]), np.float32([[3, 0.1], [1, 0.3]])  # nll, and nats of each axis


def test_a_beta_weighs_in_training_and_not_in_evaluation():
    mean = np.float32([[1.0, 0.0]])
    nll, zero = np.float32([10.0]), 0 * mean
    for beta in (1.0, 4.0):
        objective = ELBO(beta)
        np.testing.assert_allclose(
            objective.cost(*map(ops.convert_to_tensor, PARTS)),
            PARTS[0] + beta * PARTS[1].sum(axis=1),
        )
        found = [float(objective(nll, mean, mean, zero, training=t)[0]) for t in (True, False)]
        np.testing.assert_allclose(found, [10 + 0.5 * beta, 10.5], rtol=1e-6)
    for wrong in (0, -1, float("nan")):
        with pytest.raises(GlyphnbError, match="`beta`"):
            ELBO(wrong)


def test_a_schedule_is_asked_at_each_training_step():
    rise = keras.optimizers.schedules.PolynomialDecay(0.0, 4, 1.0)
    objective, mean = ELBO(rise), np.float32([[2.0, 0.0]])
    given = np.float32([0.0]), mean, mean, 0 * mean  # two nats of divergence
    found = [float(objective(*given, training=True)[0]) for _ in range(6)]
    np.testing.assert_allclose(found, [0, 0.5, 1, 1.5, 2, 2], rtol=1e-6)
    assert float(objective(*given, training=False)[0]) == 2.0
    again = ELBO.from_config(objective.get_config())
    assert isinstance(again.beta, keras.optimizers.schedules.PolynomialDecay)


def test_an_objective_of_ones_own_needs_a_cost():
    class Squared(Objective):
        def cost(self, nll, kl):
            return nll + ops.sum(kl, axis=-1) ** 2

    mean = np.float32([[2.0, 0.0]])
    given = np.float32([1.0]), mean, mean, 0 * mean
    assert float(Squared()(*given, training=True)[0]) == 5.0
    with pytest.raises(NotImplementedError, match="cost"):
        Objective()(*given, training=True)
