"""Training, saving, drawing: the small decisions that a wrong line would change in silence."""

from importlib.resources import files

import keras
import numpy as np
import pytest
from keras import ops

from glyphnb.autoencoder import (
    Autoencoder,
    _Batches,
    bernoulli_nll,
    pixel_entropy,
    train,
    visualize,
)
from glyphnb.denoise import SaltAndPepper
from glyphnb.latent import NumpyVAE, normal_grid, sample_glyphs, traverse, viz_decoded
from glyphnb.likelihood import Estimate
from glyphnb.objectives import compare_objectives, objectives
from glyphnb.pictures import Picture, _draw_history, plot_codes, tile_images
from glyphnb.vae import VAE, CyclicalWarmUp, _objective, load_pretrained

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


# Training


class Rates(keras.callbacks.Callback):
    "The learning rate before each step."

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


def test_the_rate_rises_for_a_tenth_of_the_steps_and_falls_to_zero(images):
    model, rates = small(), Rates()
    train(model, images, epochs=10, batch_size=8, learning_rate=0.01, callbacks=(rates,))
    assert len(rates.seen) == 50  # no image is left out: five batches an epoch
    assert np.argmax(rates.seen) == 5
    np.testing.assert_allclose([rates.seen[0], max(rates.seen)], [0.001, 0.01], rtol=1e-4)
    assert (np.diff(rates.seen[5:]) < 0).all()
    np.testing.assert_allclose(rates.seen[27], 0.005, rtol=0.05)  # half way down
    assert float(model.optimizer.learning_rate) == 0


def test_the_last_partial_batch_is_learned_from(images):
    rates = Rates()
    train(small(), images[:9], epochs=2, batch_size=8, callbacks=(rates,))
    assert len(rates.seen) == 4


def test_validation_is_looked_at_and_not_learned_from(images):
    blank = np.zeros_like(images)
    with_it, without = small(), small()
    history = train(with_it, images, blank, epochs=3, batch_size=8, seed=5)
    train(without, images, epochs=3, batch_size=8, seed=5)
    for a, b in zip(with_it.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    on_blank = float(np.mean(bernoulli_nll(blank, with_it(blank))))
    np.testing.assert_allclose(history["val_loss"][-1], on_blank, rtol=1e-4)
    assert abs(history["loss"][-1] - on_blank) > 0.1


def test_validation_counts_every_image_once(images):
    x = images[:13]
    history = train(small(), x, x, epochs=1, batch_size=5, learning_rate=1e-9)
    each = bernoulli_nll(x, small()(x))
    np.testing.assert_allclose(history["val_loss"][-1], np.mean(each), rtol=1e-4)


def test_the_seed_chooses_the_order(images):
    losses = [train(small(), images, epochs=2, batch_size=8, seed=s)["loss"] for s in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_the_order_of_images_is_new_in_each_epoch_and_none_is_missing():
    "Keras moves whole batches about by itself; who shares a batch has to change, too."
    batches, epochs = _Batches((np.arange(12),), 4, seed=0), []
    for _ in range(2):
        epochs.append({frozenset(batches[i][0].tolist()) for i in range(len(batches))})
        batches.on_epoch_end()
    assert all(frozenset().union(*epoch) == set(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_the_corruption_is_stored_with_its_rate_and_dirties_training_alone(tmp_path, images):
    model = small(corrupt=SaltAndPepper(0.3, seed=1))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert isinstance(loaded.corrupt, SaltAndPepper) and loaded.corrupt.rate == 0.3
    clean, dirty = (np.asarray(loaded(images, training=t)) for t in (False, True))
    np.testing.assert_array_equal(clean, loaded(images))
    assert abs(clean - dirty).max() > 1e-4


def test_the_optimizer_is_stored_where_it_was(tmp_path, images):
    model = small()
    train(model, images, epochs=2, batch_size=8)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert int(loaded.optimizer.iterations) == 10
    before = loaded.get_weights()
    loaded.fit(images, batch_size=8, verbose=0)  # at a rate of zero
    for a, b in zip(before, loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_arrays_of_any_length_pass_in_order(images):
    model, many = small(), np.tile(images, (26, 1, 1, 1))[:1031]
    assert model.encode(many).shape == (1031, 2)
    np.testing.assert_allclose(model.encode(many)[-7:], model.encode(many[-7:]), atol=1e-6)
    np.testing.assert_allclose(model.predict(many)[:40], model.predict(images), atol=1e-6)


def test_entropy_is_per_image_and_spares_ink_and_paper():
    x = np.zeros((2, 2, 2, 1), "float32")
    x[0] = 0.5
    x[1, 0] = 1
    np.testing.assert_allclose(pixel_entropy(x), 4 * np.log(2) / 2)


def test_visualize_puts_an_image_above_its_reconstruction():
    class Invert:
        def predict(self, x, verbose=0):
            return 1 - x

    x = np.random.default_rng(0).integers(0, 2, (9, 4, 4, 1)).astype("float32")
    sheet = np.asarray(visualize(Invert(), x, 5, seed=1).image)
    assert sheet.shape == (10, 28)
    above, below = sheet[:4], sheet[6:]
    for place in range(5):
        cell = slice(6 * place, 6 * place + 4)
        np.testing.assert_array_equal(above[:, cell], 255 - below[:, cell])
    others = [np.asarray(visualize(Invert(), x, 5, seed=s).image) for s in (1, 2)]
    assert (others[0] == sheet).all() and (others[1] != sheet).any()


# The loss of a VAE and its options


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


def test_a_label_stands_beside_the_code_in_its_own_place():
    vae = small(VAE, labels=4)
    given = np.asarray(vae.condition(np.float32([[7, 8], [5, 6]]), [0, 3]))
    np.testing.assert_array_equal(given, [[7, 8, 1, 0, 0, 0], [5, 6, 0, 0, 0, 1]])
    code = np.float32([[0.3, -0.2]])
    by_hand = vae.decoder(np.float32([[0.3, -0.2, 0, 0, 1, 0]]))
    np.testing.assert_allclose(vae.decode(code, [2]), by_hand, atol=1e-6)


def test_mean_first_and_log_variance_second(images):
    vae = small(VAE)
    vae.posterior.layers[-1].bias.assign([1.0, 2.0, -30.0, 30.0])
    vae.posterior.layers[-1].kernel.assign(0 * vae.posterior.layers[-1].kernel)
    mean, log_var = vae.split(vae.posterior(images[:3]))
    np.testing.assert_allclose(mean, [[1, 2]] * 3)
    np.testing.assert_allclose(log_var, [[-16, 8]] * 3)  # within bounds
    np.testing.assert_allclose(vae.encode(images[:3]), [[1, 2]] * 3)


def test_every_objective_is_measured_with_the_same_ruler(images):
    "Nothing is trained to speak of, so bent losses must report the same bound."
    names = ("VAE", "beta-VAE, beta 4", "free bits, 0.5", "IWAE, 8 samples")
    table = compare_objectives(images[:8], images[8:], 2, epochs=1, k=20, names=names)
    bounds = [table[name]["elbo"] for name in names]
    assert np.ptp(bounds) < 0.5
    for row in table.values():
        assert row["nll"] <= row["elbo"] + 0.5


def test_objectives_are_measured_on_images_not_trained_on(images):
    dark = 1 - images  # paper and ink exchanged: dear for a model of the others
    rows = [
        compare_objectives(images, test, 2, epochs=4, k=20, names=("VAE",))["VAE"]
        for test in (images, dark)
    ]
    assert rows[1]["elbo"] > 2 * rows[0]["elbo"] and rows[1]["nll"] > 2 * rows[0]["nll"]


def test_each_model_learns_the_training_images_and_its_units_are_counted_on_the_others(
    images, monkeypatch
):
    learned, counted = [], []
    monkeypatch.setattr("glyphnb.objectives.train", lambda vae, x, *_, **__: learned.append(x))
    monkeypatch.setattr(
        "glyphnb.objectives.active_units", lambda vae, x: counted.append(x) or np.ones(2)
    )
    compare_objectives(images[:30], images[30:], 2, epochs=1, k=2, names=("VAE",))
    np.testing.assert_array_equal(learned[0], images[:30])
    np.testing.assert_array_equal(counted[0], images[30:])


def test_the_error_of_a_row_is_that_of_a_mean(images, monkeypatch):
    nats = np.array([-3.0, -5.0, -7.0, -9.0])
    monkeypatch.setattr("glyphnb.objectives.train", lambda *_, **__: None)
    monkeypatch.setattr(
        "glyphnb.objectives.log_likelihood", lambda *_, **__: Estimate(nats, np.zeros(4))
    )
    row = compare_objectives(images[:8], images[:4], 2, epochs=1, k=2, names=("VAE",))["VAE"]
    np.testing.assert_allclose([row["nll"], row["error"]], [6, 5**0.5 / 2])  # deviation over root 4


def test_schedules_of_objectives_are_shares_of_the_training():
    listed = objectives(120)
    warm = listed["warm-up"]["beta"]
    assert [float(warm(step)) for step in (0, 20, 40, 119)] == [0, 0.5, 1, 1]
    assert listed["cyclical warm-up"]["beta"].period == 30


# Codes and drawings


def itself(codes):
    "A decoder that draws the two numbers of a code as two pixels."
    return np.asarray(codes, "float32").reshape(-1, 1, 2, 1)


def test_the_grid_runs_to_the_right_and_downwards():
    grid = normal_grid(3, tail=0.025)
    far = 1.959964
    expected = [[x, y] for y in (far, 0, -far) for x in (-far, 0, far)]
    np.testing.assert_allclose(grid, expected, atol=1e-5)


def test_samples_are_normal_and_follow_the_seed():
    codes = sample_glyphs(itself, 4000, seed=1).reshape(-1, 2)
    assert (codes == sample_glyphs(itself, 4000, seed=1).reshape(-1, 2)).all()
    assert (codes != sample_glyphs(itself, 4000, seed=2).reshape(-1, 2)).any()
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(2), atol=0.08)


@pytest.mark.parametrize("axis, moved", [(0, 0), (1, 1), (-1, 1)])
def test_a_walk_moves_one_axis_upwards_and_holds_the_other(axis, moved):
    walk = traverse(itself, [0.3, -0.4], axis, n=5, tail=0.1).reshape(5, 2)
    np.testing.assert_allclose(walk[[0, 2, 4], moved], [-1.28155, 0, 1.28155], atol=1e-4)
    np.testing.assert_allclose(walk[:, 1 - moved], [0.3, -0.4][1 - moved], rtol=1e-6)


def test_a_sheet_of_data_has_its_marks_at_their_quantiles():
    seen = []

    def decoder(codes):
        seen.append(codes)
        return np.zeros((len(codes), 4, 4, 1))

    codes = np.stack([np.arange(101.0), 1000 + np.arange(101.0) ** 2], axis=1)
    viz_decoded(lambda x: codes, decoder, np.zeros((101, 1)), n=3, tail=0.1)
    across, upwards = [10, 50, 90], [1100, 3500, 9100]
    expected = [[x, y] for y in upwards[::-1] for x in across]
    np.testing.assert_allclose(seen[0], expected)


def test_the_model_without_keras_is_the_model():
    plain, vae = NumpyVAE(), load_pretrained()
    codes = np.float32([[0.5, -1], [2, 3]])
    np.testing.assert_allclose(plain.decode(codes), vae.decode(codes), atol=1e-5)
    x = vae.decode(codes)
    np.testing.assert_allclose(plain.encode(x), vae.encode(x), atol=1e-4)
    with np.load(files("glyphnb") / "static" / "vae.npz") as stored:
        weights = [stored[f"arr_{i}"] for i in range(14)]
    for stored_one, own in zip(weights, vae.trainable_weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(own), stored_one.astype("float32"))


# Pictures


def test_tiles_lie_row_by_row_with_their_gaps():
    ink = np.arange(1, 6, dtype=np.uint8)[:, None, None]
    expected = [[1, 0, 2, 0, 3], [0, 0, 0, 0, 0], [4, 0, 5, 0, 0]]
    np.testing.assert_array_equal(tile_images(ink, n_cols=3, gap=1), expected)
    assert tile_images(ink, gap=0).shape == (2, 3)


def test_ink_is_dark_and_colours_stay():
    ink = np.uint8([[0, 255], [200, 0]])
    np.testing.assert_array_equal(np.asarray(Picture(ink).image), 255 - ink)
    zoomed = np.asarray(Picture(ink, zoom=3).image)
    np.testing.assert_array_equal(zoomed, np.kron(255 - ink, np.ones((3, 3), np.uint8)))
    colours = np.random.default_rng(0).integers(0, 256, (2, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Picture(colours).image), colours)


def test_a_curve_is_drawn_above_its_own_floor():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    history = {"loss": [9.0, 8.0], "val_loss": [7.0, 6.0], "nll": [5.0, 4.0]}
    _draw_history(axes, history, ("loss", "nll"), (1.0, 2.0), None)
    drawn = {line.get_label(): line for line in axes.lines}
    for name, values in (("loss", [8, 7]), ("val_loss", [5, 4]), ("nll", [4, 3])):
        np.testing.assert_allclose(drawn[name].get_ydata(), values)
        np.testing.assert_array_equal(drawn[name].get_xdata(), [1, 2])
    styles = [drawn[name].get_linestyle() for name in ("loss", "val_loss")]
    assert styles == ["-", "--"]
    assert "above the entropy" in axes.get_ylabel()


def test_an_icon_lies_on_a_code_of_its_letter(monkeypatch):
    from glyphnb import pictures

    placed = []
    real = pictures.AnnotationBbox
    monkeypatch.setattr(
        pictures, "AnnotationBbox", lambda box, at, **k: placed.append(at) or real(box, at, **k)
    )
    codes = np.array([[0, 0], [1, 0], [9, 0], [5, 5], [5, 6], [5, 9]], float)
    icons = {"a": np.zeros((2, 2), np.uint8), "b": np.zeros((2, 2), np.uint8)}
    plot_codes(codes, list("aaabbb"), icons)
    np.testing.assert_array_equal(placed, [[1, 0], [5, 6]])
