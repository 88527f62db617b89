"""judge.report: what is measured and chosen for a page, and what stands on it."""

import numpy as np
import pytest

from glyphnb import Autoencoder, GlyphSet, make_dataset, pixel_entropy, render_glyphs
from glyphnb.judge.report import demo_models, epochs_for, fill_page, film_best_pair, measure_models


@pytest.fixture(scope="module")
def data():
    return make_dataset(render_glyphs("abcdefgh"), 80, seed=1)


def test_losses_are_those_of_the_models(data):
    model = Autoencoder(16)
    found = measure_models({"a": model}, data)
    for question in ("fresh", "unseen"):
        images, nats = getattr(data, question).images, found["nats_per_glyph"]["a"][question]
        assert nats["entropy"] == pytest.approx(pixel_entropy(images))
        assert nats["loss"] == pytest.approx(model.evaluate(images, verbose=0), rel=1e-6)
    assert sum(found["images"].values()) == 80
    assert not set(found["letters"]["known"]) & set(found["letters"]["held_out"])


def test_a_model_compiled_with_another_loss_is_measured_in_nats(data):
    model = Autoencoder(16)
    nats = measure_models({"a": model}, data)["nats_per_glyph"]
    model.compile(loss="mse")
    assert measure_models({"a": model}, data)["nats_per_glyph"] == nats


def test_the_same_seed_builds_the_same_models(data):
    models = (demo_models(80, 3, seed=4).values() for _ in range(2))
    for one, two in zip(*models, strict=True):
        assert (one.model.encode(data.fresh) == two.model.encode(data.fresh)).all()
        assert one.epochs == two.epochs


class Perfect:
    "Reconstructs everything but one letter; images are their own codes."

    def __init__(self, spoiled):
        self.spoiled = spoiled

    def predict(self, images, verbose=0):
        return np.stack([0.5 + 0 * x if (x == self.spoiled).all() else x for x in images])

    def encode(self, images):
        return np.asarray(images, "float32").reshape(len(images), -1)

    def decode(self, codes):
        return np.asarray(codes).reshape(len(codes), 64, 64, 1)


def test_the_film_is_of_two_letters_that_come_back():
    letters = render_glyphs("abcdefgh", size=64)
    hands = GlyphSet(  # the first letter in two hands: they are not a pair to morph
        letters.ink[[0, 0, 1, 2]], letters.letters[[0, 0, 1, 2]], np.array(list("xyxx"))
    )
    film = film_best_pair(Perfect(hands.images[3]), hands, 5)
    assert set(film.letters) == set(hands.letters[[0, 2]]) and film.frames.shape == (5, 64, 64)


def test_the_film_is_of_letters_that_differ():
    letters = render_glyphs("lIbmw", size=64)
    flat = letters.images.reshape(5, -1)
    apart = ((flat[:, None] - flat) ** 2).sum(axis=2)
    widest = letters.letters[list(np.unravel_index(apart.argmax(), apart.shape))]
    film = film_best_pair(Perfect(0 * letters.images[0]), letters[[*range(5)] * 3], 5)
    assert set(film.letters) == set(widest) and set(widest) != {"l", "I"}


def test_names_cannot_write_html():
    values = {"name": "<script>alert(1)</script>", "count": 3, "source": "a & b"}
    page = fill_page("doctor.html", findings=[], figures=[], **values)
    assert "<script>" not in page and "a &amp; b" in page


@pytest.mark.parametrize("n, epochs", [(9000, 22), (1000, 188), (64, 3000), (10, 3000), (10**6, 1)])
def test_fewer_images_get_more_epochs(n, epochs):
    assert epochs_for(n) == epochs
