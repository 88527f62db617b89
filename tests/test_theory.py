"""Formulas against arithmetic done in another way: signs, halves, sums, seeds and clipping."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from glyphnb.autoencoder import bernoulli_nll, pixel_entropy
from glyphnb.doubts import active_units, kl_per_dimension
from glyphnb.elbo import kl_divergence, sample_z, vae_loss
from glyphnb.likelihood import (
    _log_mean_exp,
    exact_log_likelihood,
    log_joint,
    log_likelihood,
)
from glyphnb.pixels import effective_beta
from glyphnb.vae import VAE


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


@pytest.fixture(scope="module")
def by_hand(vae, images):
    "Codes of a fine sheet, log p(x|z) and log p(z) there in plain NumPy, and the area of a cell."
    side = np.arange(-6, 6, 0.08) + 0.04
    codes = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    logits = (
        ops.convert_to_numpy(vae.to_logits(codes.astype("float32"))).reshape(-1, 6).astype(float)
    )
    flat = images.reshape(len(images), -1)
    pixels = flat @ special.log_expit(logits).T + (1 - flat) @ special.log_expit(-logits).T
    return codes, pixels, stats.norm.logpdf(codes).sum(axis=1), 0.08**2


def test_the_cost_of_pixels_is_a_sum_for_each_image_alone():
    rng = np.random.default_rng(0)
    x, logits = rng.random((3, 4, 5, 2)).astype("float32"), rng.normal(size=(3, 4, 5, 2)) * 3
    p = special.expit(logits)
    by_pixel = -special.xlogy(x, p) - special.xlog1py(1 - x, -p)
    found = ops.convert_to_numpy(bernoulli_nll(x, logits.astype("float32")))
    np.testing.assert_allclose(found, by_pixel.sum(axis=(1, 2, 3)), rtol=1e-5)
    alone = ops.convert_to_numpy(bernoulli_nll(x[:1], logits[:1].astype("float32")))
    np.testing.assert_allclose(alone, found[:1], rtol=1e-6)


def test_the_floor_is_in_nats_per_image_and_pure_pixels_are_free():
    x = np.zeros((2, 2, 2, 1))
    x[0, 0, 0], x[1, :, 0], x[1, 0, 1] = 0.5, 0.1, 1.0
    entropy = stats.entropy([0.5, 0.5]) + 2 * stats.entropy([0.1, 0.9])
    np.testing.assert_allclose(pixel_entropy(x), entropy / 2, rtol=1e-9)


def test_sampled_codes_have_the_stated_mean_width_and_seed():
    m, v = np.float32([[1.0, -2.0]] * 4000), np.float32([[0.0, -3.0]] * 4000)
    z = ops.convert_to_numpy(sample_z((m, v), seed=1))
    noise = (z - m) / np.exp(v / 2)
    for axis in noise.T:
        assert stats.kstest(axis, "norm").pvalue > 1e-3
    assert abs(stats.pearsonr(*noise.T).statistic) < 0.06  # the axes have noise of their own
    np.testing.assert_array_equal(z, ops.convert_to_numpy(sample_z((m, v), seed=1)))
    assert (z != ops.convert_to_numpy(sample_z((m, v), seed=2))).all()


def test_beta_weighs_the_divergence_and_nothing_else(images):
    m, v = np.float32([[3.0, 0.0]] * 6), np.float32([[0.0, -2.0]] * 6)
    losses = [vae_loss(images, 0 * images, m, v, beta) for beta in (0.0, 1.0, 2.0)]
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
    cloud, prior = (mean, np.diag(np.exp(log_var))), (np.zeros(3), np.eye(3))
    np.testing.assert_allclose(gaussian_kl(*cloud, *prior), ours, rtol=1e-6)
    A, shift = rng.normal(size=(3, 3)), rng.normal(size=3)
    moved = [part for m, S in (cloud, prior) for part in (A @ m + shift, A @ S @ A.T)]
    np.testing.assert_allclose(gaussian_kl(*moved), ours, rtol=1e-6)


def test_the_slopes_of_the_bound_of_a_line_with_noise():
    "The slopes that chapter 06 displays, against differences of an integrated bound."
    w, s, x, m, v, h = 2.0, 1.0, 3.0, 0.5, 0.64, 1e-4
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)

    def elbo(mean, var):
        pixels = stats.norm.logpdf(x, w * (mean + var**0.5 * nodes), s) @ weights / weights.sum()
        return pixels - float(kl_divergence(np.array([[mean]]), np.log([[var]]))[0])

    by_mean = (elbo(m + h, v) - elbo(m - h, v)) / (2 * h)
    by_log_var = (elbo(m, v * np.exp(h)) - elbo(m, v * np.exp(-h))) / (2 * h)
    np.testing.assert_allclose(by_mean, w * (x - w * m) / s**2 - m, rtol=1e-5)
    np.testing.assert_allclose(by_log_var, 0.5 * (1 - v * (1 + w**2 / s**2)), rtol=1e-5)


def test_keras_own_cross_entropy_is_a_mean_over_pixels():
    images = np.random.default_rng(0).random((5, 64, 64, 1)).astype("float32")
    by_keras = keras.losses.binary_crossentropy(images, 0 * images + 0.5)
    mean, total = (
        np.mean(ops.convert_to_numpy(x)) for x in (by_keras, bernoulli_nll(images, 0 * images))
    )
    np.testing.assert_allclose(total / mean, 64 * 64, rtol=1e-4)
    assert effective_beta((64, 64, 1), 2, reconstruction="mean") == 64 * 64


def test_a_mean_over_coloured_pixels_counts_the_channels():
    assert effective_beta((4, 5, 3), 2, reconstruction="mean") == 60
    assert effective_beta((4, 5, 3), 2, reconstruction="channel mean") == 3
    assert effective_beta((4, 5, 3), 2, kl="mean") == 0.5
    assert effective_beta((4, 5, 3), 2, reconstruction_weight=4.0, kl_weight=2.0) == 0.5


@pytest.mark.parametrize(
    "name, latent_dim, options",
    [
        ("reconstruction", 2, {"reconstruction": "average"}),
        ("kl_weight", 2, {"kl_weight": 0}),
        ("latent_dim", 0, {}),
        ("batch_size", 2, {"kl_batch": "sum"}),
    ],
)
def test_the_accountant_names_what_is_wrong(name, latent_dim, options):
    with pytest.raises(ValueError, match=f"`{name}`"):
        effective_beta((64, 64, 1), latent_dim, **options)


def test_a_mean_of_exponentials_survives_any_size():
    logs = np.random.default_rng(0).normal([[-3000], [0], [3000]], 2, size=(3, 40))
    known = special.logsumexp(logs, axis=1) - np.log(40)
    for parts in (1, 3, 40):
        nats, error = _log_mean_exp(np.array_split(logs, parts, axis=1))
        np.testing.assert_allclose(nats, known, rtol=1e-12)
        weights = special.softmax(logs, axis=1) * 40  # their mean is 1
        np.testing.assert_allclose(error, weights.std(axis=1, ddof=1) / 40**0.5, rtol=1e-9)


def test_log_joint_is_likelihood_times_prior(vae, images, by_hand):
    codes, pixels, prior, _ = by_hand
    some = slice(0, None, 997)
    found = log_joint(vae, images, codes[some], batch_size=4)
    np.testing.assert_allclose(found, pixels[:, some] + prior[some], rtol=1e-4, atol=1e-4)


def test_the_exact_sum_is_the_sum(vae, images, by_hand):
    codes, pixels, prior, area = by_hand
    logs = pixels + prior
    known = special.logsumexp(logs, axis=1) + np.log(area)
    exact = exact_log_likelihood(vae, images, tolerance=1e-4)
    np.testing.assert_allclose(exact.nats, known, atol=1e-3)
    share = special.softmax(logs, axis=1)
    np.testing.assert_allclose(exact.z_mean, share @ codes, atol=5e-3)
    for weights, covariance in zip(share, exact.z_cov, strict=True):
        known_cov = np.cov(codes.T, aweights=weights, bias=True)
        np.testing.assert_allclose(covariance, known_cov, atol=1e-2)


@pytest.mark.parametrize("widths", [(1.0,), (2.0,), (1.0, 3.0)])
@pytest.mark.parametrize("moved", [False, True])
def test_importance_sampling_finds_the_sum(vae, images, by_hand, widths, moved):
    _, pixels, prior, area = by_hand
    known = special.logsumexp(pixels + prior, axis=1) + np.log(area)
    proposal = (np.full((6, 2), 0.3), np.full((6, 2), [0.2, 0.5])) if moved else None
    crowd = np.repeat(images, 30, axis=0)  # thirty independent estimates of each
    proposal = moved and tuple(np.repeat(part, 30, axis=0) for part in proposal) or None
    found = log_likelihood(vae, crowd, 200, 1, proposal, widths, batch_size=40_000)
    off = (found.nats - np.repeat(known, 30) + found.error**2 / 2) / found.error
    assert abs(off.mean()) < 4 / np.sqrt(180) and 0.7 < off.std() < 1.4


def test_seeds_choose_the_codes(vae, images):
    first, again, other = (log_likelihood(vae, images, 7, seed=s).nats for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    same = log_likelihood(vae, np.repeat(images[:1], 3, axis=0), 7).nats
    assert len(set(same.tolist())) == 3  # each row gets noise of its own


def test_codes_come_from_the_proposal(vae, images):
    "From a cloud without width all codes are its mean, up to the width itself."
    mean, narrow = np.full((6, 2), [0.5, -1.0]), np.full((6, 2), -30.0)
    found = log_likelihood(vae, images, 1, proposal=(mean, narrow), seed=3).nats
    noise = np.stack([np.random.default_rng([3, i]).normal(size=(1, 2)) for i in range(6)])
    log_q = stats.norm.logpdf(noise).sum(axis=(1, 2)) + 30
    known = log_joint(vae, images, mean[:1])[:, 0] - log_q
    np.testing.assert_allclose(found, known, rtol=1e-5)


def test_one_code_is_the_bound(vae, images):
    crowd = np.repeat(images, 500, axis=0)
    single = log_likelihood(vae, crowd, 1, batch_size=4000).nats.reshape(6, 500)
    z_mean, z_log_var = vae.split(vae.posterior(crowd))
    logits = vae.to_logits(sample_z((z_mean, z_log_var), seed=5))
    elbo = -ops.convert_to_numpy(vae_loss(crowd, logits, z_mean, z_log_var)).reshape(6, 500)
    errors = np.hypot(single.std(axis=1), elbo.std(axis=1)) / 500**0.5
    assert (abs(single.mean(axis=1) - elbo.mean(axis=1)) < 4 * errors).all()


def test_an_axis_is_active_when_the_variance_of_its_means_is():
    rng = np.random.default_rng(0)
    means = stats.zscore(rng.normal(size=(50, 3))) * [0.05, 0.0, 0.2]  # variances 0.0025, 0, 0.04
    log_vars = rng.normal(size=(50, 3)) * [0.1, 3.0, 0.1]  # the second varies, but not its mean
    told = np.concatenate([means, log_vars], axis=1).astype("float32")
    model = SimpleNamespace(
        labels=0,
        shape=(1, 1, 1),
        posterior=lambda x, training: told,
        split=lambda outputs: (outputs[:, :3], outputs[:, 3:]),
    )
    images = np.zeros((50, 1, 1, 1), "float32")
    assert active_units(model, images).tolist() == [False, False, True]
    assert active_units(model, images, threshold=0.001).tolist() == [True, False, True]
    by_axis = 0.5 * (means**2 + np.exp(log_vars) - 1 - log_vars).mean(axis=0)
    np.testing.assert_allclose(kl_per_dimension(model, images), by_axis, rtol=1e-4)


def test_the_encoder_says_means_first_and_clipped_log_variances_second(vae, images):
    outputs = np.float32([[-50, 200, -100, 100], [3, 4, -1, 1]])
    means, log_vars = (ops.convert_to_numpy(part) for part in vae.split(outputs))
    np.testing.assert_array_equal(means, [[-50, 200], [3, 4]])
    np.testing.assert_array_equal(log_vars, [[-16, 8], [-1, 1]])
    codes = vae.encode(images)
    np.testing.assert_allclose(codes, ops.convert_to_numpy(vae.posterior(images))[:, :2], atol=1e-6)
    np.testing.assert_array_equal(codes, vae.encode(images))


@pytest.mark.parametrize("wild", [1000.0, -1000.0])
def test_a_wild_log_variance_does_not_end_in_nan(images, wild):
    vae = tiny()
    *_, bias = vae.posterior.trainable_weights
    bias.assign([0.0, 0.0, wild, wild])
    vae.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    for _ in range(3):
        assert np.isfinite(vae.train_on_batch(images, return_dict=True)["loss"])
    for weight in vae.trainable_weights:
        assert np.isfinite(ops.convert_to_numpy(weight)).all()


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
