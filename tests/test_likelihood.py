"""What likelihoods promise beside being right: seeds, batches, memory, other pixels, and errors."""

import tracemalloc

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special

from glyphnb.augment import augment
from glyphnb.autoencoder import bernoulli_nll
from glyphnb.doubts import active_units, kl_per_dimension, nearest_image, uncovered
from glyphnb.elbo import kl_divergence
from glyphnb.glyphs import render_glyphs
from glyphnb.likelihood import binarize, exact_log_likelihood, log_joint, log_likelihood
from glyphnb.vae import VAE, load_pretrained


@pytest.fixture(scope="module")
def shipped():
    return load_pretrained()


@pytest.fixture(scope="module")
def images():
    "New distortions of three letters."
    return augment(render_glyphs("arabic"), 42, seed=1, fresh=True).images[:3]


def small(latent_dim=2, **options):
    keras.utils.set_random_seed(0)
    return VAE(latent_dim=latent_dim, shape=(2, 3, 1), seed=0, **options)


def test_batches_and_company_change_nothing(shipped, images):
    base = log_likelihood(shipped, images, k=12, seed=4, widths=(1, 4))
    assert (base.nats < 0).all()  # log p, not its negative
    for batch_size in (1, 2, 7, 4096):
        other = log_likelihood(shipped, images, 12, 4, widths=(1, 4), batch_size=batch_size)
        np.testing.assert_allclose(other, base, rtol=1e-4, atol=1e-3)
    alone = log_likelihood(shipped, images[:1], 12, 4, widths=(1, 4))
    np.testing.assert_allclose(alone.nats, base.nats[:1], atol=1e-3)


def test_one_code_has_no_error(shipped, images):
    assert np.isnan(log_likelihood(shipped, images, k=1).error).all()


def test_memory_does_not_grow_with_the_codes(shipped, images, monkeypatch):
    decode, sizes, peaks = shipped.to_logits, [], []

    def counted(z, training=False):
        sizes.append(len(z))
        return decode(z, training=training)

    monkeypatch.setattr(shipped, "to_logits", counted)
    for count in (100, 2000):
        tracemalloc.start()
        log_likelihood(shipped, images[:1], k=count, batch_size=64)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(sizes) == 64 and sum(sizes) == 2100
    assert peaks[1] < 1.2 * peaks[0] + 200_000  # all 2,000 images would take 33 million bytes


def test_a_sheet_over_one_posterior_finds_the_same_sum(shipped, images):
    exact = exact_log_likelihood(shipped, images)
    widths = np.sqrt(np.diagonal(exact.z_cov, axis1=1, axis2=2)).max(axis=1)
    one = int(np.argsort(widths)[1])
    line = np.linspace(-8, 8, 81) * widths[one]
    sheet = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    logs = log_joint(shipped, images[[one]], sheet + exact.z_mean[one])[0]
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
    with pytest.raises(ValueError, match=word):
        exact_log_likelihood(small(latent_dim), np.zeros((2, 2, 3, 1)), **options)


@pytest.mark.parametrize("likelihood", ["gaussian", "continuous_bernoulli"])
def test_other_pixel_models_take_the_same_roads(likelihood):
    vae = small(likelihood=likelihood)
    grey = np.random.default_rng(0).random((3, 2, 3, 1), "float32")
    found = log_likelihood(vae, grey, k=4000, proposal=np.zeros((2, 3, 2)), batch_size=12_000)
    exact = exact_log_likelihood(vae, grey).nats
    assert (abs(found.nats - exact) < 4 * found.error + 1e-3).all()


def test_with_one_latent_number_probabilities_sum_to_one_too():
    world = np.array(list(np.ndindex((2,) * 6)), "float32").reshape(-1, 2, 3, 1)
    nats = exact_log_likelihood(small(1), world).nats
    np.testing.assert_allclose(np.exp(nats).sum(), 1, atol=1e-4)


def test_prices_of_axes_sum_to_the_divergence(shipped, images):
    z_mean, z_log_var = shipped.split(shipped.posterior(images))
    known = np.mean(kl_divergence(z_mean, z_log_var))
    np.testing.assert_allclose(kl_per_dimension(shipped, images).sum(), known, rtol=1e-5)


def test_doubts_say_what_does_not_fit(shipped, images):
    for function in (kl_per_dimension, active_units):
        with pytest.raises(ValueError, match="images"):
            function(shipped, images[..., 0])
    with pytest.raises(ValueError, match="codes"):
        uncovered(shipped, images, np.zeros((4, 3)))
    with pytest.raises(ValueError, match="known"):
        nearest_image(images, images[:, :32])


def test_evaluation_weighs_every_image_alike_in_uneven_batches():
    deaf = small()  # a decoder that ignores its code has nothing to throw dice for
    for layer in deaf.decoder.layers:
        for weight in layer.weights:
            weight.assign(0 * weight + (0.5 if len(weight.shape) == 1 else 0))
    darker = binarize(np.linspace(0, 1, 34)[:, None, None, None] * np.ones((34, 2, 3, 1)))
    each = ops.convert_to_numpy(
        bernoulli_nll(darker, deaf.to_logits(np.zeros((1, 2), "float32")) + 0 * darker)
    )
    assert abs((each[:33].mean() + each[33]) / 2 - each.mean()) > 0.5  # a mean over batches
    deaf.compile()
    for batch_size in (33, 34):
        found = deaf.evaluate(darker, batch_size=batch_size, verbose=0, return_dict=True)["nll"]
        np.testing.assert_allclose(found, each.mean(), rtol=1e-5)
