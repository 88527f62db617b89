"""judge.diagnostics."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from glyphnb.autoencoders.autoencoder import Autoencoder, Bernoulli
from glyphnb.judge import diagnostics
from glyphnb.judge.diagnostics import (
    active_units,
    diagnose,
    kl_per_dimension,
    mean_image_nats,
    nearest_image,
    outside_posteriors,
)
from glyphnb.letters.augment import GENTLE, augment
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.elbo import kl_divergence
from glyphnb.vae.pixel_likelihoods import Gaussian
from glyphnb.vae.prior import MixturePrior
from glyphnb.vae.vae import VAE


@pytest.fixture(scope="module")
def fresh(letters):
    "New distortions of three letters."
    return augment(letters, 42, seed=1, fresh=True).images[:3]


def test_the_axes_sum_to_the_divergence(shipped, fresh):
    known = float(ops.mean(kl_divergence(*shipped.posterior(fresh))))
    np.testing.assert_allclose(kl_per_dimension(shipped, fresh).sum(), known, rtol=1e-5)


def test_doubts_say_what_does_not_fit(shipped, fresh):
    for function in (kl_per_dimension, active_units):
        with pytest.raises(GlyphnbError, match="images"):
            function(shipped, fresh[:, :32])
    with pytest.raises(GlyphnbError, match="codes"):
        outside_posteriors(shipped, fresh, np.zeros((4, 3)))
    with pytest.raises(GlyphnbError, match="known"):
        nearest_image(fresh, fresh[:, :32])


def test_an_axis_is_active_when_the_variance_of_its_means_is(monkeypatch):
    rng = np.random.default_rng(0)
    means = stats.zscore(rng.normal(size=(50, 3))) * [0.05, 0.0, 0.2]  # variances 0.0025, 0, 0.04
    log_vars = rng.normal(size=(50, 3)) * [0.1, 3.0, 0.1]  # the second varies, but not its mean
    model = VAE(3, shape=(1, 1, 1))
    monkeypatch.setattr(model, "posterior", lambda x: [means, log_vars])
    images = np.zeros((50, 1, 1, 1), "float32")
    assert active_units(model, images).tolist() == [False, False, True]
    assert active_units(model, images, threshold=0.001).tolist() == [True, False, True]
    by_axis = 0.5 * (means**2 + np.exp(log_vars) - 1 - log_vars).mean(axis=0)
    np.testing.assert_allclose(kl_per_dimension(model, images), by_axis, rtol=1e-4)


QUESTIONS = [
    "against the mean image",
    "above the entropy of the pixels",
    "divergence, an upper bound on the information",
    "divergence of each latent axis",
    "negative log-likelihood",
    "codes against the prior",
    "holes",
    "copies",
    "leak",
]


@pytest.fixture(scope="module")
def many(letters):
    "Ten new distortions of each letter."
    return augment(letters, 210, seed=2, distortions=GENTLE, fresh=True).images


@pytest.fixture(scope="module")
def known(letters):
    "As many training images as `glyphnb doctor` compares with."
    return augment(letters, 4000, seed=0, distortions=GENTLE).images


@pytest.fixture(scope="module")
def good(shipped, many, known):
    "What is found about the shipped model: question to finding."
    return {finding.question: finding for finding in diagnose(shipped, many, known, k=20)}


def collapsed(images):
    "A VAE whose posteriors are the prior, and whose decoder answers with the mean image."
    vae = VAE(seed=0)
    vae.set_weights([0 * np.asarray(weight) for weight in vae.weights])
    mean = images.mean(axis=0).clip(1e-4, 1 - 1e-4)
    vae.decoder.trainable_weights[-1].assign(special.logit(mean).ravel())
    return vae


def clone(shipped):
    "The shipped model without its density."
    vae = VAE(seed=0)
    vae.set_weights(shipped.get_weights())
    return vae


def copier(images):
    "A VAE whose decoder knows two images; the sign of the first number of the code chooses."
    two = special.logit(images[:2].clip(1e-4, 1 - 1e-4))
    code = keras.Input((2,))
    first = ops.sigmoid(1000 * code[:, :1, None, None])
    return VAE(decoder=keras.Model(code, first * two[:1] + (1 - first) * two[1:]), seed=0)


def test_a_good_model_gets_good_findings(good, shipped, many):
    assert list(good) == QUESTIONS
    loss, mean = (float(x) for x in good[QUESTIONS[0]].found.split(", the mean image "))
    np.testing.assert_allclose(mean, mean_image_nats(Bernoulli(), many, many), atol=0.06)
    assert loss < mean / 2 and "it has learned something" in good[QUESTIONS[0]].verdict
    assert good[QUESTIONS[2]].verdict == "2 of 2 latent axes follow the image"
    assert good[QUESTIONS[3]].verdict == "every axis is used"
    kl = kl_per_dimension(shipped, many)
    np.testing.assert_allclose(float(good[QUESTIONS[2]].found), kl.sum(), atol=0.006)
    nll = float(good["negative log-likelihood"].found.split(" ± ")[0])
    assert 0 < nll < loss
    assert good["codes against the prior"].verdict.startswith("wider than the prior's 1")
    assert good["holes"].verdict.startswith("sampled codes lie outside about as often")
    assert good["copies"].verdict.startswith("not clearly more than")
    assert good["leak"].verdict == "the examined images are not training images"


@pytest.mark.parametrize(
    "question, found, verdict",
    [
        ("against the mean image", "", "it has learned nothing"),
        ("divergence, an upper bound on the information", "0.00", "posterior collapse"),
        ("copies", "100% of samples", "it repeats its training images"),
        ("leak", "100% of the examined", "all figures above flatter the model"),
    ],
)
def test_a_fault_has_a_finding_that_names_it(question, found, verdict, good, shipped, many, images):
    model, asked = {
        "against the mean image": (VAE(seed=0), many),
        "copies": (copier(images), many),
        "leak": (shipped, images[:50]),
    }.get(question, (collapsed(images), many))
    findings = {finding.question: finding for finding in diagnose(model, asked, images, k=5)}
    assert findings[question].found.startswith(found)
    assert findings[question].verdict.startswith(verdict)
    assert not good[question].verdict.startswith(verdict)


def test_no_seed_makes_a_copier_of_the_shipped_model(shipped, letters, known):
    for seed in range(4):
        fresh = augment(letters, 420, seed=seed + 10, distortions=GENTLE, fresh=True).images
        findings = {f.question: f for f in diagnose(shipped, fresh, known, k=2, seed=seed)}
        assert findings["copies"].verdict.startswith("not clearly more than"), findings["copies"]
        assert findings["leak"].verdict == "the examined images are not training images"


def test_unused_axes_are_counted(shipped, many):
    vae = VAE(latent_dim=3, seed=0)  # the shipped one, and an axis that repeats the prior
    for old, wide in zip(shipped.weights, vae.weights, strict=True):
        value = np.zeros(wide.shape, "float32")
        value[tuple(slice(n) for n in old.shape)] = old
        wide.assign(value)
    findings = {finding.question: finding for finding in diagnose(vae, many, k=5)}
    assert findings["divergence of each latent axis"].verdict == "1 of 3 axes carry nothing"
    assert findings["divergence of each latent axis"].found.endswith(" 0.00")


@pytest.mark.parametrize(
    "share, usual, verdict",
    [
        (0.95, 0.67, "many samples lie between the training codes, and need not be letters"),
        (0.56, 0.56, "sampled codes lie outside about as often as codes of other images"),
        (0.02, 0.0, "sampled codes lie outside about as often as codes of other images"),
    ],
)
def test_holes_are_holes_where_codes_of_other_images_are_not(
    share, usual, verdict, shipped, many, monkeypatch
):
    shares = iter((share, usual))

    def outside(vae, images, codes):
        return np.arange(len(codes)) < round(next(shares) * len(codes))

    monkeypatch.setattr(diagnostics, "outside_posteriors", outside)
    findings = {finding.question: finding for finding in diagnose(shipped, many, k=2)}
    assert findings["holes"].verdict == verdict


def test_samples_come_from_the_density_that_a_model_carries(shipped, many, images, monkeypatch):
    vae = clone(shipped)

    def examine():
        return {finding.question: finding for finding in diagnose(vae, many, images, k=5)}

    vae.prior = MixturePrior(np.ones(1), np.zeros((1, 2)), 1e4 * np.eye(2)[None])
    bare = examine()  # a density with codes where the shipped model has none
    assert bare["holes"].found.startswith("100%")  # of them lie outside
    one = vae.encode(images[:1])  # a density that repeats one training image
    vae.prior = MixturePrior(np.ones(1), one, 1e-8 * np.eye(2)[None])
    monkeypatch.setattr(vae, "decode", lambda codes: np.repeat(images[:1], len(codes), axis=0))
    narrow = examine()
    assert narrow["holes"].found.startswith(("0%", "100%"))  # they are one code
    assert narrow["copies"].verdict == "it repeats its training images"
    same = [QUESTIONS[i] for i in (2, 3, 5, 8)]
    assert [narrow[question] for question in same] == [bare[question] for question in same]


@pytest.mark.parametrize(
    "gain, variance, verdict",
    [
        (5, 0.5, "as wide as the prior"),  # the exact posterior: its means deviate by 0.71 only
        (10, 0.5, "wider than the prior's 1: samples of N(0, I) miss the outer codes"),
        (5, 3.0, "wider than the prior's 1: samples of N(0, I) miss the outer codes"),
        (0, 0.25, "narrower than the prior"),
        (0, 1.0, "as wide as the prior"),
    ],
)
def test_the_codes_of_a_perfect_linear_model_are_as_wide_as_the_prior(gain, variance, verdict):
    "A pixel x is 0.5 + 0.1 z + 0.1 noise: z given x has mean 5 (x - 0.5) and variance 0.5."
    z, noise = np.random.default_rng(0).normal(size=(2, 2000, 1, 2, 1))
    images = (0.5 + 0.1 * z + 0.1 * noise).clip(0, 1).astype("float32")
    pixels = keras.Input((1, 2, 1))
    flat = keras.layers.Flatten()(pixels)
    moments = [keras.layers.Dense(2, name=name) for name in ("z_mean", "z_log_var")]
    encoder = keras.Model(pixels, [layer(flat) for layer in moments])
    moments[0].set_weights([gain * np.eye(2), np.full(2, -gain / 2)])
    moments[1].set_weights([np.zeros((2, 2)), np.full(2, np.log(variance))])
    vae = VAE(encoder=encoder, shape=(1, 2, 1), likelihood=Gaussian(), seed=0)
    assert gain != 5 or (abs(vae.encode(images).std(axis=0) - 0.5**0.5) < 0.03).all()
    findings = {finding.question: finding for finding in diagnose(vae, images, k=2)}
    finding = findings["codes against the prior"]
    assert finding.verdict == verdict
    shown = [float(word) for word in finding.found.removeprefix("standard deviation ").split()]
    expected = ((gain / 5) ** 2 * 0.5 + variance) ** 0.5
    np.testing.assert_allclose(shown, [expected] * 2, rtol=0.04)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", [["encoder"], ["decoder"], ["encoder", "decoder"]])
def test_damaged_weights_are_named(where, value, shipped, many, images):
    vae = clone(shipped)
    for name in where:
        bias = getattr(vae, name).trainable_weights[1]
        bias.assign(np.full(bias.shape, value))
    (finding,) = diagnose(vae, many, images, k=5)  # no other question has an answer
    assert finding.question == QUESTIONS[0] and finding.found.startswith(("nan", "inf", "-inf"))
    said = f"weights of the {' and the '.join(where)} are not finite: train it again"
    assert finding.verdict == said


def test_a_damaged_autoencoder_is_named_too(many):
    model = Autoencoder(4, seed=0)
    weight = model.encoder.trainable_weights[0]
    weight.assign(np.full(weight.shape, np.nan))
    (finding,) = diagnose(model, many[:4])
    assert "weights of the encoder are not finite" in finding.verdict


def test_a_loss_may_overflow_with_finite_weights(shipped, many):
    vae = clone(shipped)
    bias = vae.encoder.get_layer("z_mean").bias
    bias.assign(np.full(bias.shape, 1e30))
    (finding,) = diagnose(vae, many)
    assert finding.verdict.startswith("the loss is not finite, though all weights are")


def test_only_questions_that_fit_are_asked(many, blots):
    questions = [finding.question for finding in diagnose(Autoencoder(4, seed=0), many[:4])]
    assert questions == QUESTIONS[:2]  # it has no prior
    vae = VAE(shape=(8, 8, 1), likelihood=Gaussian(), seed=0)  # grey pixels have no entropy there
    questions = [finding.question for finding in diagnose(vae, blots, k=5)]
    assert questions == [QUESTIONS[0], *QUESTIONS[2:7]]
    assert "holes" not in [finding.question for finding in diagnose(vae, blots[:1], k=5)]
    with pytest.raises(GlyphnbError, match="images"):
        diagnose(vae, many)
    with pytest.raises(GlyphnbError, match="known"):
        diagnose(vae, blots, many)
