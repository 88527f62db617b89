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
from glyphnb.letters.augment import augment
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.elbo import kl_divergence
from glyphnb.vae.pixel_likelihoods import Gaussian
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
    return augment(letters, 210, seed=2, fresh=True).images


@pytest.fixture(scope="module")
def good(shipped, many, images):
    "What is found about the shipped model: question to finding."
    return {finding.question: finding for finding in diagnose(shipped, many, images, k=20)}


def collapsed(images):
    "A VAE whose posteriors are the prior, and whose decoder answers with the mean image."
    vae = VAE(seed=0)
    vae.set_weights([0 * np.asarray(weight) for weight in vae.weights])
    mean = images.mean(axis=0).clip(1e-4, 1 - 1e-4)
    vae.decoder.trainable_weights[-1].assign(special.logit(mean).ravel())
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
    assert good["copies"].verdict.startswith("no more than")
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
        (0.95, 0.67, "samples of the prior will often be blurred"),
        (0.56, 0.56, "codes of the prior lie outside about as often as codes of other images"),
        (0.02, 0.0, "codes of the prior lie outside about as often as codes of other images"),
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
