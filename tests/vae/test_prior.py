"""Samples and log-densities agree, sheets have equal shares, and fits find what is there."""

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import multivariate_normal

from glyphnb.autoencoders.autoencoder import Autoencoder
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae import prior as priors
from glyphnb.vae.prior import (
    MixturePrior,
    NormalPrior,
    choose_components,
    even_shares,
    fit_prior,
    learn_prior,
    prior_of,
)
from glyphnb.vae.vae import VAE

MARKS = np.linspace(-6, 6, 401)
PLACES = np.stack(np.meshgrid(MARKS, MARKS, indexing="ij"), axis=-1).reshape(-1, 2)


def mixture(latent_dim=2, k=3, seed=0):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, latent_dim, latent_dim)) / 3 + 0.4 * np.eye(latent_dim)
    weights = rng.uniform(0.2, 1, k)
    means = rng.uniform(-2, 2, (k, latent_dim))
    return MixturePrior(weights / weights.sum(), means, roots @ roots.swapaxes(1, 2))


def alone(latent_dim):
    "N(0, I), as a mixture of one component."
    return MixturePrior(np.ones(1), np.zeros((1, latent_dim)), np.eye(latent_dim)[None])


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_samples_have_the_mean_and_covariance_of_the_mixture(latent_dim):
    prior = mixture(latent_dim)
    drawn = prior.sample(40_000)
    mean = prior.weights @ prior.means
    middle = prior.means - mean
    within = np.einsum("k,kij->ij", prior.weights, prior.covariances)
    assert drawn.shape == (40_000, latent_dim) and drawn.dtype == np.float32
    assert prior.latent_dim == latent_dim
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.05)
    between = (prior.weights[:, None] * middle).T @ middle
    np.testing.assert_allclose(np.cov(drawn.T), np.squeeze(within + between), atol=0.1)


@pytest.mark.parametrize("prior", [NormalPrior(), mixture(), mixture(seed=4)])
def test_a_density_has_the_integral_1_and_the_mean_of_its_samples(prior):
    density = np.exp(prior.log_prob(PLACES))
    cell = (MARKS[1] - MARKS[0]) ** 2
    np.testing.assert_allclose(density.sum() * cell, 1, atol=1e-3)
    mean = (density[:, None] * PLACES).sum(axis=0) * cell
    np.testing.assert_allclose(mean, prior.sample(40_000).mean(axis=0), atol=0.04)


def test_log_densities_are_those_of_scipy_and_one_for_each_code():
    prior, codes = mixture(4), np.random.default_rng(1).normal(size=(7, 4))
    parts = zip(prior.weights, prior.means, prior.covariances, strict=True)
    by_hand = sum(w * multivariate_normal(m, c).pdf(codes) for w, m, c in parts)
    np.testing.assert_allclose(prior.log_prob(codes), np.log(by_hand))
    np.testing.assert_allclose(NormalPrior(4).log_prob(codes), alone(4).log_prob(codes))
    for one in (prior, NormalPrior(4)):
        assert one.log_prob(codes[:1]).shape == (1,) and one.log_prob(codes.tolist()).shape == (7,)
    far = prior.log_prob(np.full((1, 4), 1e3))  # a density of 0 in floating point
    assert np.isfinite(far).all() and far[0] < -1e4


@pytest.mark.parametrize("prior", [NormalPrior(3), mixture(3)])
def test_a_seed_repeats_the_samples(prior):
    np.testing.assert_array_equal(prior.sample(9, seed=4), prior.sample(9, seed=4))
    assert not np.allclose(prior.sample(9, seed=4), prior.sample(9, seed=5))


@pytest.mark.parametrize("latent_dim", [2, 3])
@pytest.mark.parametrize(("n", "tail"), [(1, 0.05), (6, 0.05), (7, 0.2)])
def test_a_single_component_has_the_sheet_of_the_normal_distribution(latent_dim, n, tail):
    spread = np.diag([3.0, 2.0, 1.0][:latent_dim]) ** 2  # so that the order of the axes is known
    prior = MixturePrior(np.ones(1), np.zeros((1, latent_dim)), spread[None])
    axes, sheet = prior.axes(), prior.quantiles(n, tail) @ prior.axes() / [3, 2]
    normal = NormalPrior(latent_dim).quantiles(n, tail)
    np.testing.assert_allclose(abs(axes), np.eye(latent_dim)[:, :2], atol=1e-9)
    np.testing.assert_allclose(sheet, normal[:, :2], atol=1e-4)
    np.testing.assert_allclose(prior.quantiles(n, tail)[:, 2:], 0, atol=1e-6)
    np.testing.assert_allclose(
        alone(2).quantiles(n, tail), NormalPrior(2).quantiles(n, tail), atol=1e-4
    )


@pytest.mark.parametrize("prior", [NormalPrior(), mixture(), mixture(16), NormalPrior(16)])
def test_a_sheet_has_all_cells_and_its_largest_second_coordinate_on_top(prior):
    sheet = prior.quantiles(6)
    assert sheet.shape == (36, prior.latent_dim) and sheet.dtype == np.float32
    axes = prior.axes() if isinstance(prior, MixturePrior) else np.eye(prior.latent_dim)[:, :2]
    plane = (sheet @ axes).reshape(6, 6, 2)
    np.testing.assert_allclose(plane[..., 0], plane[:1, :, 0].repeat(6, axis=0), atol=1e-3)
    assert (np.diff(plane[..., 0], axis=1) > 0).all() and (np.diff(plane[..., 1], axis=0) < 0).all()


def test_the_cells_of_a_sheet_have_equal_shares_of_the_samples():
    prior, n = mixture(seed=2), 5
    drawn = prior.sample(40_000)
    sheet = prior.quantiles(n, tail=0.1).reshape(n, n, 2)
    across = sheet[0, :, 0]
    shares = [(drawn[:, 0] < x).mean() for x in across]
    np.testing.assert_allclose(shares, even_shares(n, 0.1), atol=0.01)
    for column, x in enumerate(across):  # the second coordinate, where the first is near x
        near = drawn[abs(drawn[:, 0] - x) < 0.05, 1]
        shares = [(near < y).mean() for y in sheet[::-1, column, 1]]
        np.testing.assert_allclose(shares, even_shares(n, 0.1), atol=0.08)


def test_the_other_numbers_of_a_sheet_are_expected_given_the_two():
    "For a single component, they are a linear regression on the two coordinates."
    prior = mixture(6, k=1)
    axes, sheet = prior.axes(), prior.quantiles(4)
    drawn = prior.sample(60_000).astype(float)
    first = np.column_stack([drawn @ axes, np.ones(len(drawn))])
    slopes = np.linalg.lstsq(first, drawn, rcond=None)[0]
    expected = np.column_stack([sheet @ axes, np.ones(16)]) @ slopes
    np.testing.assert_allclose(sheet, expected, atol=0.05)
    values = np.linalg.eigvalsh(prior.covariances[0])
    np.testing.assert_allclose(np.diag(axes.T @ prior.covariances[0] @ axes), values[:-3:-1])


def test_a_fit_finds_two_separate_groups():
    rng = np.random.default_rng(0)
    left = rng.normal(size=(300, 2)) * [0.2, 0.5] + [-3, 0]
    right = rng.normal(size=(700, 2)) * [0.5, 0.2] + [3, 1]
    prior = fit_prior(np.concatenate([left, right]), 2)
    order = prior.means[:, 0].argsort()
    np.testing.assert_allclose(prior.weights[order], [0.3, 0.7], atol=1e-3)
    np.testing.assert_allclose(
        prior.means[order], [left.mean(axis=0), right.mean(axis=0)], atol=1e-3
    )
    for found, part in zip(prior.covariances[order], (left, right), strict=True):
        np.testing.assert_allclose(found, np.cov(part.T, ddof=0) + 1e-3 * np.eye(2), atol=2e-3)


def test_a_fit_repeats_and_is_never_too_fine():
    codes = np.random.default_rng(0).normal(size=(200, 3))
    one, other = fit_prior(codes, 8, seed=1), fit_prior(codes, 8, seed=1)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(one.weights) == 8 and len(fit_prior(codes, 99).weights) == 20
    np.testing.assert_allclose(fit_prior(codes).weights.sum(), 1)
    fit_prior(np.zeros((20, 2)))  # all codes the same: no component shrinks to a point
    assert np.isfinite(fit_prior(np.zeros((40, 2)), 1).log_prob([[0, 0]])).all()


@pytest.mark.parametrize(
    ("k", "n", "expected"), [(1, 300, {1, 2}), (5, 600, {5, 10}), (5, 30, {1, 2})]
)
def test_held_out_codes_choose_the_number_of_components(k, n, expected):
    rng = np.random.default_rng(3)
    middles = 8 * np.stack([np.cos(np.arange(k)), np.sin(np.arange(k))], axis=1)
    codes = middles[np.arange(n) % k] + rng.normal(size=(n, 2)) * 0.5
    assert choose_components(codes) in expected
    assert len(fit_prior(codes).weights) == choose_components(codes)  # the default


def test_few_codes_of_many_numbers_are_not_learned_by_heart():
    codes, others = mixture(12, k=4).sample(400, seed=1), mixture(12, k=4).sample(400, seed=2)
    chosen, many = fit_prior(codes), fit_prior(codes, 40)
    assert many.log_prob(codes).mean() > chosen.log_prob(codes).mean() + 5
    assert chosen.log_prob(others).mean() > many.log_prob(others).mean() + 5


def moons(n, seed):
    "Codes of two numbers on two half circles that embrace, neither Gaussian nor in one piece."
    rng = np.random.default_rng(seed)
    angle, second = np.pi * rng.uniform(size=n), np.arange(n) % 2
    codes = np.stack([np.cos(angle) + second, np.sin(angle) * (1 - 2 * second) + second / 2], 1)
    return 2 * codes + rng.normal(0, 0.1, (n, 2)) + [3, 0]


@pytest.fixture(scope="module")
def fitted():
    "Densities of two moons, from small networks that are trained for a short time."
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(priors._NetworkPrior, "n_layers", 4)
        patch.setattr(priors._NetworkPrior, "n_steps", 600)
        kinds = ("normal", "flow", "two-stage")
        return {kind: fit_prior(moons(2000, 0), kind=kind) for kind in kinds}


@pytest.mark.parametrize(("kind", "stride"), [("flow", 1), ("two-stage", 5)])
def test_networks_learn_a_density(fitted, kind, stride):
    prior, others = fitted[kind], moons(1000, 1)
    single = fit_prior(moons(2000, 0), 1).log_prob(others).mean()
    assert prior.log_prob(others).mean() > single + 0.3  # than a single Gaussian
    drawn = prior.sample(4000, seed=1)
    assert drawn.shape == (4000, 2) and drawn.dtype == np.float32 and prior.latent_dim == 2
    np.testing.assert_array_equal(drawn, prior.sample(4000, seed=1))
    assert not np.allclose(drawn, prior.sample(4000, seed=2))
    np.testing.assert_allclose(drawn.mean(axis=0), others.mean(axis=0), atol=0.3)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(others.T), atol=0.7)
    places = PLACES.reshape(401, 401, 2)[::stride, ::stride].reshape(-1, 2) + [4, 0.5]
    share = np.exp(prior.log_prob(places)) * (stride * (MARKS[1] - MARKS[0])) ** 2
    np.testing.assert_allclose(share.sum(), 1, atol=0.03)
    np.testing.assert_allclose(share @ places, drawn.mean(axis=0), atol=0.1)
    of_density = share @ prior.log_prob(places)  # the negative entropy
    np.testing.assert_allclose(of_density, prior.log_prob(drawn).mean(), atol=0.15)
    assert {prior.log_prob(z).shape for z in (others[:1], others[:1].tolist())} == {(1,)}


def test_the_estimate_of_a_two_stage_density_is_near_its_integral(fitted):
    prior, codes = fitted["two-stage"], moons(20, 1)
    marks = np.linspace(-4, 4, 400)
    u = np.stack(np.meshgrid(marks, marks), axis=-1).reshape(-1, 2)
    log_p_u = NormalPrior(2).log_prob(u) + 2 * np.log(marks[1] - marks[0])
    mean = prior.middle + prior.spread * priors._network(u, prior.weights[6:12], np)
    covariance = np.diag(np.exp(prior.weights[12]) * prior.spread**2)
    parts = [log_p_u + multivariate_normal(z, covariance).logpdf(mean) for z in codes]
    gap = np.logaddexp.reduce(parts, axis=1) - prior.log_prob(codes)
    assert abs(np.median(gap)) < 0.05 and abs(gap.mean()) < 0.2


@pytest.mark.parametrize("kind", ["flow", "two-stage"])
def test_a_sheet_of_networks_has_equal_shares(fitted, kind):
    sheet, drawn = fitted[kind].quantiles(5, 0.1).reshape(5, 5, 2), fitted[kind].sample(20_000)
    assert sheet.dtype == np.float32
    shares = [(drawn[:, 0] < x).mean() for x in sheet[0, :, 0]]
    np.testing.assert_allclose(shares, even_shares(5, 0.1), atol=0.03)
    assert (np.diff(sheet[..., 1], axis=0) < 0).all()


def test_networks_take_codes_of_any_scale_and_number(monkeypatch):
    monkeypatch.setattr(priors._NetworkPrior, "n_steps", 30)
    monkeypatch.setattr(priors._NetworkPrior, "n_layers", 2)
    codes = np.random.default_rng(0).normal(size=(60, 3)) * [1e-3, 1, 100] + [5, 0, -700]
    prior = fit_prior(codes, kind="flow")
    drawn = prior.sample(2000)
    assert np.isfinite(prior.log_prob(codes)).all() and prior.latent_dim == 3
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), rtol=0.1, atol=0.6)
    assert (drawn.std(axis=0) < 3 * codes.std(axis=0) + 0.01).all()
    assert prior.quantiles(3).shape == (9, 3)


@pytest.fixture(scope="module")
def vamp(tiny, bits):
    vae = tiny()
    return vae, learn_prior(vae, bits.repeat(100, axis=0), 3, kind="vamp")


def test_a_vamp_prior_is_the_mixture_of_the_posteriors_of_its_pseudo_inputs(vamp, bits):
    vae, prior = vamp
    z_mean, z_log_var = vae.posterior(prior.pseudo_inputs)
    assert prior.pseudo_inputs.shape == (3, 2, 3, 1) and isinstance(prior, MixturePrior)
    assert 0 <= prior.pseudo_inputs.min() and prior.pseudo_inputs.max() <= 1
    np.testing.assert_allclose(prior.means, z_mean, atol=1e-5)
    np.testing.assert_allclose(
        np.diagonal(prior.covariances, 0, 1, 2), np.exp(z_log_var), rtol=1e-4
    )
    assert (prior.covariances[:, 0, 1] == 0).all()
    np.testing.assert_allclose(prior.weights.sum(), 1)


def test_a_vamp_prior_finds_the_posterior_that_codes_come_from(tiny, bits):
    vae = tiny()
    gaps = abs(vae.encode(vae.decode(vae.encode(bits))) - vae.encode(bits)).max(axis=1)
    chosen = bits[gaps.argmax()][None]  # where the start is farthest from the goal
    z_mean, z_log_var = (part[0] for part in vae.posterior(chosen))
    codes = z_mean + np.exp(z_log_var / 2) * np.random.default_rng(0).normal(size=(1500, 2))
    prior = fit_prior(codes, 1, kind="vamp", model=vae)
    assert abs(prior.means[0] - z_mean).max() < min(0.15, gaps.max() / 2)
    np.testing.assert_allclose(np.log(np.diag(prior.covariances[0])), z_log_var, atol=0.2)


def test_fitting_a_vamp_prior_leaves_the_model_as_it_was(vamp, tiny):
    for trained, fresh in zip(vamp[0].get_weights(), tiny().get_weights(), strict=True):
        np.testing.assert_array_equal(trained, fresh)


def test_a_file_carries_a_vamp_prior_as_a_mixture(vamp, tmp_path):
    from glyphnb.vae.pretrained import open_model, save_model

    opened = open_model(save_model(vamp[0], tmp_path / "vae.keras", prior=vamp[1])).prior
    codes = vamp[1].sample(20)
    np.testing.assert_allclose(opened.log_prob(codes), vamp[1].log_prob(codes), rtol=1e-5)


def test_the_kinds_have_one_door(fitted):
    codes = moons(40, 0)
    assert fit_prior(codes, kind="normal") == NormalPrior(2)
    kinds = [priors.NormalPrior, priors.FlowPrior, priors.TwoStagePrior]
    assert [type(prior) for prior in fitted.values()] == kinds
    with pytest.raises(GlyphnbError, match="of mixture, normal, vamp, flow, two-stage, got 'x'"):
        fit_prior(codes, kind="x")
    for model, name in ((None, "NoneType"), (Autoencoder(2, shape=(8, 8, 1)), "Autoencoder")):
        with pytest.raises(GlyphnbError, match=f'"vamp" needs a VAE as `model`, got {name}'):
            fit_prior(codes, kind="vamp", model=model)


def test_wrong_arguments_are_named():
    codes = np.zeros((30, 2))
    for wrong in (codes[:19], codes[0], codes * np.nan, codes + np.inf):
        with pytest.raises(GlyphnbError, match="`codes` must be at least 20 rows"):
            fit_prior(wrong)
    with pytest.raises(GlyphnbError, match="`n_components` must be at least 1, got 0"):
        fit_prior(codes, 0)
    for n, tail in ((0, 0.05), (3, 0), (3, 0.5)):
        for prior in (NormalPrior(), mixture()):
            with pytest.raises(GlyphnbError, match="`tail` must lie in"):
                prior.quantiles(n, tail)
    with pytest.raises(GlyphnbError, match="at least 2 numbers, got 1"):
        mixture(1).quantiles()


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
def test_a_density_is_learned_from_images_and_carried_by_the_model(blots, kind):
    model = kind(2, shape=(8, 8, 1))
    assert prior_of(model) == NormalPrior(2)
    prior = learn_prior(model, blots, n_components=1)
    if kind is VAE:  # draws from the posteriors, so wider than their means
        z_mean, z_log_var = model.posterior(blots)
        variance = z_mean.var(axis=0) + np.exp(z_log_var).mean(axis=0)
        np.testing.assert_allclose(np.diag(prior.covariances[0]), variance, rtol=0.8)
        assert (np.diag(prior.covariances[0]) > 5 * z_mean.var(axis=0)).all()
    else:
        codes = model.encode(blots)
        np.testing.assert_allclose(prior.means[0], codes.mean(axis=0), atol=1e-4)
        expected = np.cov(codes.T, ddof=0) + 1e-3 * np.eye(2)
        np.testing.assert_allclose(prior.covariances[0], expected, atol=1e-4)
    for a, b in zip(prior, learn_prior(model, blots, n_components=1), strict=True):
        np.testing.assert_array_equal(a, b)
    model.prior = prior
    np.testing.assert_array_equal(prior_of(model).means, prior.means)


def test_an_integral_by_another_way():
    prior = mixture(1)
    whole = integrate.quad(lambda x: np.exp(prior.log_prob([[x]]))[0], -8, 8)[0]
    np.testing.assert_allclose(whole, 1, atol=1e-6)
