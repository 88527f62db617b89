"""judge.comparison."""

import numpy as np

from glyphnb.judge.comparison import compare_objectives, contestants
from glyphnb.judge.likelihood import Estimate


def test_every_objective_is_measured_with_the_same_ruler(blots):
    "Nothing is trained to speak of, so changed losses must report the same bound."
    names = ("VAE", "beta-VAE, beta 4", "free bits, 0.5", "IWAE, 8 samples")
    table = compare_objectives(blots[:8], blots[8:], 2, epochs=1, k=20, names=names)
    bounds = [table[name]["elbo"] for name in names]
    assert np.ptp(bounds) < 0.5
    for row in table.values():
        assert row["nll"] <= row["elbo"] + 0.5


def test_objectives_are_measured_on_images_not_trained_on(blots):
    dark = 1 - blots  # paper and ink exchanged: dear for a model of the others
    rows = [
        compare_objectives(blots, test, 2, epochs=4, k=20, names=("VAE",))["VAE"]
        for test in (blots, dark)
    ]
    assert rows[1]["elbo"] > 2 * rows[0]["elbo"] and rows[1]["nll"] > 2 * rows[0]["nll"]


def test_each_model_learns_the_training_images_and_its_units_are_counted_on_the_others(
    blots, monkeypatch
):
    learned, counted = [], []
    monkeypatch.setattr(
        "glyphnb.judge.comparison.train", lambda vae, x, *_, **__: learned.append(x)
    )
    monkeypatch.setattr(
        "glyphnb.judge.comparison.active_units", lambda vae, x: counted.append(x) or np.ones(2)
    )
    compare_objectives(blots[:30], blots[30:], 2, epochs=1, k=2, names=("VAE",))
    np.testing.assert_array_equal(learned[0], blots[:30])
    np.testing.assert_array_equal(counted[0], blots[30:])


def test_the_error_of_a_row_is_that_of_a_mean(blots, monkeypatch):
    nats = np.array([-3.0, -5.0, -7.0, -9.0])
    monkeypatch.setattr("glyphnb.judge.comparison.train", lambda *_, **__: None)
    monkeypatch.setattr(
        "glyphnb.judge.comparison.log_likelihood", lambda *_, **__: Estimate(nats, np.zeros(4))
    )
    row = compare_objectives(blots[:8], blots[:4], 2, epochs=1, k=2, names=("VAE",))["VAE"]
    np.testing.assert_allclose([row["nll"], row["error"]], [6, 5**0.5 / 2])  # deviation over root 4


def test_schedules_of_objectives_are_shares_of_the_training():
    listed = contestants(120)
    warm = listed["warm-up"].beta
    assert [float(warm(step)) for step in (0, 20, 40, 119)] == [0, 0.5, 1, 1]
    assert listed["cyclical warm-up"].beta.period == 30
