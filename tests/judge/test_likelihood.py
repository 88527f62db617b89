"""judge.likelihood."""

import tracemalloc

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from glyphnb.autoencoders.autoencoder import bernoulli_nll
from glyphnb.judge.likelihood import binarize, exact_log_likelihood, log_joint, log_likelihood
from glyphnb.letters.augment import augment
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.elbo import sample_z, vae_loss
from glyphnb.vae.pixel_likelihoods import ContinuousBernoulli, Gaussian
from glyphnb.vae.vae import VAE


@pytest.fixture(scope="module")
def fresh(letters):
    "New distortions of three letters."
    return augment(letters, 42, seed=1, fresh=True).images[:3]


@pytest.fixture(scope="module")
def vae(tiny):
    return tiny()


def small(latent_dim=2, **options):
    return VAE(latent_dim=latent_dim, shape=(2, 3, 1), seed=0, **options)


def test_batches_and_company_change_nothing(shipped, fresh):
    base = log_likelihood(shipped, fresh, k=12, seed=4, widths=(1, 4))
    assert (base.nats < 0).all()  # log p, not its negative
    for batch_size in (1, 2, 7, 4096):
        other = log_likelihood(shipped, fresh, 12, 4, widths=(1, 4), batch_size=batch_size)
        np.testing.assert_allclose(other, base, rtol=1e-4, atol=1e-3)
    alone = log_likelihood(shipped, fresh[:1], 12, 4, widths=(1, 4))
    np.testing.assert_allclose(alone.nats, base.nats[:1], atol=1e-3)


def test_one_code_has_no_error(shipped, fresh):
    assert np.isnan(log_likelihood(shipped, fresh, k=1).error).all()


def test_memory_does_not_grow_with_the_codes(shipped, fresh, monkeypatch):
    decode, sizes, peaks = shipped.to_logits, [], []

    def counted(z, training=False):
        sizes.append(len(z))
        return decode(z, training=training)

    monkeypatch.setattr(shipped, "to_logits", counted)
    for count in (100, 2000):
        tracemalloc.start()
        log_likelihood(shipped, fresh[:1], k=count, batch_size=64)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(sizes) == 64 and sum(sizes) == 2100
    assert peaks[1] < 8e6  # all 2,000 images would take 33 million bytes


def test_a_sheet_over_one_posterior_finds_the_same_sum(shipped, fresh):
    exact = exact_log_likelihood(shipped, fresh)
    widths = np.sqrt(np.diagonal(exact.z_cov, axis1=1, axis2=2)).max(axis=1)
    one = int(np.argsort(widths)[1])
    line = np.linspace(-8, 8, 81) * widths[one]
    sheet = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    logs = log_joint(shipped, fresh[[one]], sheet + exact.z_mean[one])[0]
    found = special.logsumexp(logs) + 2 * np.log(line[1] - line[0])
    np.testing.assert_allclose(found, exact.nats[one], atol=0.01)
    share = special.softmax(logs)
    np.testing.assert_allclose(share @ sheet, 0, atol=0.1 * widths[one])
    covariance = np.cov(sheet.T, aweights=share, bias=True)
    np.testing.assert_allclose(covariance, exact.z_cov[one], atol=0.1 * widths[one] ** 2)


@pytest.mark.parametrize(
    ("word", "latent_dim", "options"),
    [
        ("latent numbers", 3, {}),
        ("tolerance", 2, {"tolerance": 1e-9}),
        ("extent", 2, {"extent": 0.4}),
    ],
)
def test_the_exact_sum_says_what_it_cannot_do(word, latent_dim, options):
    with pytest.raises(GlyphnbError, match=word):
        exact_log_likelihood(small(latent_dim), np.zeros((2, 2, 3, 1)), **options)


@pytest.mark.parametrize("likelihood", [Gaussian(), ContinuousBernoulli()], ids=repr)
def test_other_pixel_models_take_the_same_ways(likelihood):
    vae = small(likelihood=likelihood)
    grey = np.random.default_rng(0).random((3, 2, 3, 1), "float32")
    found = log_likelihood(vae, grey, k=4000, proposal=np.zeros((2, 3, 2)), batch_size=12_000)
    exact = exact_log_likelihood(vae, grey).nats
    assert (abs(found.nats - exact) < 4 * found.error + 1e-3).all()


def test_with_one_latent_number_probabilities_sum_to_one_too():
    world = np.array(list(np.ndindex((2,) * 6)), "float32").reshape(-1, 2, 3, 1)
    nats = exact_log_likelihood(small(1), world).nats
    np.testing.assert_allclose(np.exp(nats).sum(), 1, atol=1e-4)


def test_evaluation_weighs_every_image_alike_in_uneven_batches():
    deaf = small()  # a decoder that ignores its code answers without noise
    for layer in deaf.decoder.layers:
        for weight in layer.weights:
            weight.assign(0 * weight + (0.5 if len(weight.shape) == 1 else 0))
    darker = binarize(np.linspace(0, 1, 34)[:, None, None, None] * np.ones((34, 2, 3, 1)))
    answer = deaf.to_logits(np.zeros((1, 2), "float32")) + ops.zeros(darker.shape)
    each = ops.convert_to_numpy(bernoulli_nll(darker, answer))
    assert abs((each[:33].mean() + each[33]) / 2 - each.mean()) > 0.5  # a mean over batches
    deaf.compile()
    for batch_size in (33, 34):
        found = deaf.evaluate(darker, batch_size=batch_size, verbose=0, return_dict=True)["nll"]
        np.testing.assert_allclose(found, each.mean(), rtol=1e-5)


@pytest.fixture(scope="module")
def by_hand(vae, bits):
    "Codes of a fine sheet, log p(x|z) and log p(z) there in plain NumPy, and the area of a cell."
    side = np.arange(-6, 6, 0.08) + 0.04
    codes = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    logits = (
        ops.convert_to_numpy(vae.to_logits(codes.astype("float32"))).reshape(-1, 6).astype(float)
    )
    flat = bits.reshape(len(bits), -1)
    pixels = flat @ special.log_expit(logits).T + (1 - flat) @ special.log_expit(-logits).T
    return codes, pixels, stats.norm.logpdf(codes).sum(axis=1), 0.08**2


def test_the_estimate_and_its_error_are_those_of_a_mean_of_exponentials(shipped, fresh):
    "Also where the exponentials are 0 in double precision, as for paper and ink exchanged."
    images = np.concatenate([fresh, 1 - fresh])
    found = log_likelihood(shipped, images, k=40, seed=2, batch_size=30)
    assert found.nats[3:].max() < -1000
    z_mean, z_log_var = shipped.posterior(images)
    for i, image in enumerate(images):
        noise = np.random.default_rng([2, i]).normal(size=(40, 2))
        codes = z_mean[i] + np.exp(z_log_var[i] / 2) * noise
        log_q = stats.norm.logpdf(codes, z_mean[i], np.exp(z_log_var[i] / 2)).sum(axis=1)
        logs = log_joint(shipped, image[None], codes)[0] - log_q
        np.testing.assert_allclose(found.nats[i], special.logsumexp(logs) - np.log(40), rtol=1e-4)
        weights = special.softmax(logs) * 40  # their mean is 1
        error = weights.std(ddof=1) / 40**0.5
        np.testing.assert_allclose(found.error[i], error, rtol=0.02, atol=1e-3)


def test_log_joint_is_likelihood_times_prior(vae, bits, by_hand):
    codes, pixels, prior, _ = by_hand
    some = slice(0, None, 997)
    found = log_joint(vae, bits, codes[some], batch_size=4)
    np.testing.assert_allclose(found, pixels[:, some] + prior[some], rtol=1e-4, atol=1e-4)


def test_the_exact_sum_is_the_sum(vae, bits, by_hand):
    codes, pixels, prior, area = by_hand
    logs = pixels + prior
    known = special.logsumexp(logs, axis=1) + np.log(area)
    exact = exact_log_likelihood(vae, bits, tolerance=1e-4)
    np.testing.assert_allclose(exact.nats, known, atol=1e-3)
    share = special.softmax(logs, axis=1)
    np.testing.assert_allclose(exact.z_mean, share @ codes, atol=5e-3)
    for weights, covariance in zip(share, exact.z_cov, strict=True):
        known_cov = np.cov(codes.T, aweights=weights, bias=True)
        np.testing.assert_allclose(covariance, known_cov, atol=1e-2)


@pytest.mark.parametrize("widths", [(1.0,), (2.0,), (1.0, 3.0)])
@pytest.mark.parametrize("moved", [False, True])
def test_importance_sampling_finds_the_sum(vae, bits, by_hand, widths, moved):
    _, pixels, prior, area = by_hand
    known = special.logsumexp(pixels + prior, axis=1) + np.log(area)
    proposal = (np.full((6, 2), 0.3), np.full((6, 2), [0.2, 0.5])) if moved else None
    crowd = np.repeat(bits, 30, axis=0)  # thirty independent estimates of each
    proposal = moved and tuple(np.repeat(part, 30, axis=0) for part in proposal) or None
    found = log_likelihood(vae, crowd, 200, 1, proposal, widths, batch_size=40_000)
    off = (found.nats - np.repeat(known, 30) + found.error**2 / 2) / found.error
    assert abs(off.mean()) < 4 / np.sqrt(180) and 0.7 < off.std() < 1.4


def test_seeds_choose_the_codes(vae, bits):
    first, again, other = (log_likelihood(vae, bits, 7, seed=s).nats for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    same = log_likelihood(vae, np.repeat(bits[:1], 3, axis=0), 7).nats
    assert len(set(same.tolist())) == 3  # each row gets noise of its own


def test_codes_come_from_the_proposal(vae, bits):
    "From a proposal without width all codes are its mean, up to the width itself."
    mean, narrow = np.full((6, 2), [0.5, -1.0]), np.full((6, 2), -30.0)
    found = log_likelihood(vae, bits, 1, proposal=(mean, narrow), seed=3).nats
    noise = np.stack([np.random.default_rng([3, i]).normal(size=(1, 2)) for i in range(6)])
    log_q = stats.norm.logpdf(noise).sum(axis=(1, 2)) + 30
    known = log_joint(vae, bits, mean[:1])[:, 0] - log_q
    np.testing.assert_allclose(found, known, rtol=1e-5)


def test_one_code_is_the_bound(vae, bits):
    crowd = np.repeat(bits, 500, axis=0)
    single = log_likelihood(vae, crowd, 1, batch_size=4000).nats.reshape(6, 500)
    z_mean, z_log_var = vae.posterior(crowd)
    logits = vae.to_logits(sample_z((z_mean, z_log_var), seed=5))
    elbo = -ops.convert_to_numpy(vae_loss(crowd, logits, z_mean, z_log_var)).reshape(6, 500)
    errors = np.hypot(single.std(axis=1), elbo.std(axis=1)) / 500**0.5
    assert (abs(single.mean(axis=1) - elbo.mean(axis=1)) < 4 * errors).all()
