"""Models: known numbers, saving, seeds, and rates that would blow up."""

from importlib.resources import files

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from glyphnb.augment import augment, make_dataset, split_by_source
from glyphnb.autoencoder import Autoencoder, bernoulli_nll, pixel_entropy, train
from glyphnb.elbo import kl_divergence, sample_z, vae_loss
from glyphnb.glyphs import render_glyphs
from glyphnb.latent import normal_grid, viz_decoded
from glyphnb.morph import generate_morph_images, lerp, loop_frames, save_animation, slerp
from glyphnb.vae import VAE, CyclicalWarmUp, load_pretrained, pretrain

SHIPPED = files("glyphnb") / "static" / "vae.npz"


@pytest.fixture(scope="module")
def images():
    return augment(render_glyphs("arabic", size=64), 256, seed=0).images


@pytest.mark.parametrize("side, nats", [(28, 543.4274), (32, 709.7827), (64, 2839.1309)])
def test_a_coin_flip(side, nats):
    x = np.random.default_rng(0).random((2, side, side, 1)).astype("float32")
    np.testing.assert_allclose(bernoulli_nll(x, 0 * x), nats, rtol=1e-5)


@given(st.floats(-30, 30), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_nll_is_the_cross_entropy_and_above_the_entropy(logit, level):
    x, one = np.full((1, 1, 1, 1), level, "float32"), np.full((1, 1, 1, 1), logit, "float32")
    nll = float(bernoulli_nll(x, one)[0])
    exact = np.logaddexp(0, logit) - level * logit
    np.testing.assert_allclose(nll, exact, rtol=1e-4, atol=1e-4)
    assert nll >= pixel_entropy(x) - 1e-4


def test_entropy_is_reached_by_the_images_themselves(images):
    p = images.clip(1e-6, 1 - 1e-6)
    own = np.mean(bernoulli_nll(images, np.log(p / (1 - p))))
    np.testing.assert_allclose(own, pixel_entropy(images), rtol=1e-3)


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


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
@pytest.mark.parametrize("arch", ["dense", "conv", "article"])
def test_a_model_comes_back_from_its_file(tmp_path, images, kind, arch):
    model = kind(3, arch=arch)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded) is kind and loaded.latent_dim == 3
    np.testing.assert_array_equal(loaded.encode(images[:5]), model.encode(images[:5]))
    np.testing.assert_array_equal(loaded.predict(images[:5]), model.predict(images[:5]))


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
@pytest.mark.parametrize("arch", ["dense", "conv"])
def test_other_sizes(kind, arch):
    x = np.random.default_rng(0).random((16, 28, 20, 1)).astype("float32")
    model = kind(2, arch=arch, shape=(28, 20, 1))
    history = train(model, x, x, epochs=1, batch_size=5)
    assert np.isfinite(history["val_loss"]).all() and model.predict(x).shape == x.shape
    with pytest.raises(ValueError, match="images"):
        train(model, np.zeros((4, 64, 64, 1), "float32"))


def test_codes_are_means_and_repeat(images):
    vae = VAE(seed=0)
    np.testing.assert_array_equal(vae.encode(images[:9]), vae.encode(images[:9]))
    means, _ = vae.split(vae.posterior(images[:9]))
    np.testing.assert_allclose(vae.encode(images[:9]), means, atol=1e-6)


def test_batches_do_not_matter(images):
    vae = VAE()
    np.testing.assert_allclose(
        vae.encode(np.concatenate([images] * 3)),
        np.concatenate([vae.encode(images)] * 3),
        atol=1e-5,
    )
    assert vae.encode(images[:0]).shape == (0, 2)


def test_the_parts_of_the_loss_add_up_over_uneven_batches(images):
    vae = VAE(beta=3.0, seed=0)
    vae.compile()
    found = vae.evaluate(images[:70], batch_size=64, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["nll"] + 3 * found["kl"], found["loss"], rtol=1e-5)


def test_weights_of_samples_count(images):
    model = Autoencoder()
    model.compile()
    x = images[:64]
    whole = model.evaluate(x, x, batch_size=64, verbose=0)
    weights = np.full(64, 0.25, "float32")
    weighted = model.evaluate(x, x, sample_weight=weights, batch_size=64, verbose=0)
    np.testing.assert_allclose(weighted, whole / 4, rtol=1e-4)


def test_no_rate_ends_in_nan(images):
    vae = VAE(seed=0)
    history = train(vae, images, images, epochs=3, learning_rate=0.3)
    assert np.isfinite(history["loss"]).all() and np.isfinite(history["val_loss"]).all()


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


def test_the_shipped_model_is_what_the_code_says(images):
    vae = load_pretrained()
    vae.compile()
    validation = augment(render_glyphs("arabic"), 2000, seed=1).images
    with np.load(SHIPPED) as stored:
        recorded = float(stored["val_loss"][-1])
        assert abs(stored["cost_of_rounding"]) < 0.1
    found = vae.evaluate(validation, verbose=0, return_dict=True)["loss"]
    assert abs(found - recorded) < 1.5
    assert found < 0.25 * np.mean(bernoulli_nll(validation, 0 * validation))


def test_the_recipe_starts_as_the_shipped_model_did(tmp_path):
    "One epoch of the forty: same letters, same networks, same schedule, same losses."

    def stop(*_):
        callback.model.stop_training = True

    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    pretrain(tmp_path / "vae.npz", callbacks=(callback,))
    with np.load(SHIPPED) as shipped, np.load(tmp_path / "vae.npz") as again:
        assert len(shipped["loss"]) == 40 and len(again["loss"]) == 1
        for name in ("loss", "val_loss"):
            np.testing.assert_allclose(again[name][0], shipped[name][0], rtol=0.01)


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


def test_a_vae_refuses_a_foreign_loss(images):
    vae = VAE(seed=0)
    vae.compile(loss="mse")
    with pytest.raises(ValueError, match="likelihood"):
        vae.fit(images[:8], verbose=0)


def test_a_label_changes_the_drawing_and_not_the_code(images):
    vae = VAE(labels=3, seed=0)
    codes = np.zeros((1, 2), "float32")
    drawn = [vae.decode(codes, [label]) for label in range(3)]
    assert np.ptp(drawn, axis=0).max() > 1e-4
    assert vae.encode(images[:2]).shape == (2, 2)


# Splits, roads and films


@given(st.integers(0, 1000), st.sampled_from(["letters", "faces", "families"]))
@settings(max_examples=20, deadline=None)
def test_no_source_is_on_both_sides(seed, by):
    glyphs = render_glyphs(
        "ab12", ["DejaVu Sans", "DejaVu Sans Bold", "STIX", "STIX Bold"], size=16
    )
    known, unseen = split_by_source(glyphs, 0.3, by, seed)
    assert len(known) + len(unseen) == len(glyphs) and len(known) and len(unseen)
    assert not set(getattr(known, by)) & set(getattr(unseen, by))


def test_a_set_that_cannot_be_split():
    with pytest.raises(ValueError, match="at least 2 letters"):
        make_dataset(render_glyphs("a", size=16), 100)


def test_data_repeat_and_differ_by_seed():
    glyphs = render_glyphs("abcdef", size=64)
    one, two, other = (make_dataset(glyphs, 100, seed=s) for s in (1, 1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.ink, b.ink)
        assert (a.letters == b.letters).all()
    assert any((a.ink != b.ink).any() for a, b in zip(one, other, strict=True))


@given(st.integers(2, 128), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_roads_begin_and_end_where_they_should(dim, seed):
    a, b = np.random.default_rng(seed).normal(size=(2, dim))
    for road in (lerp, slerp):
        np.testing.assert_allclose(road(a, b, [0, 1]), [a, b], atol=1e-6)
    radii = sorted([np.linalg.norm(a), np.linalg.norm(b)])
    along = np.linalg.norm(slerp(a, b, np.linspace(0, 1, 9)), axis=1)
    assert (along > radii[0] - 1e-6).all() and (along < radii[1] + 1e-6).all()


@pytest.mark.parametrize("n", [2, 3, 7, 90])
def test_a_loop_shows_no_end_twice_by_mistake(n):
    looped = loop_frames(np.arange(n)[:, None, None], hold=1).ravel()
    assert len(looped) == 2 * n - 2
    assert (np.diff(np.append(looped, looped[0])) != 0).all()


@pytest.mark.parametrize("n_steps", [-1, 0, 1])
def test_a_road_of_less_than_two_steps(n_steps):
    with pytest.raises(ValueError, match="n_steps"):
        generate_morph_images(
            np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), None, None, n_steps
        )


def test_a_plane_needs_two_numbers(images):
    wide = VAE(latent_dim=3)
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        viz_decoded(wide.encode, wide.decode, images[:10])
    with pytest.raises(ValueError, match="decoder"):
        viz_decoded(wide.encode, wide.decode)


@given(st.integers(1, 30), st.floats(0.001, 0.49))
@settings(max_examples=30, deadline=None)
def test_the_grid_is_finite_and_symmetric(n, tail):
    grid = normal_grid(n, tail)
    assert grid.shape == (n * n, 2) and np.isfinite(grid).all()
    np.testing.assert_allclose(grid, -grid[::-1], atol=1e-5)


def test_a_film_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr("glyphnb.film._write_pillow", broken)
    with pytest.raises(OSError, match="no space"):
        save_animation(np.zeros((3, 4, 4), np.uint8), tmp_path / "film.gif")
    assert not list(tmp_path.iterdir())
