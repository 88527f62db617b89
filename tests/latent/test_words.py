"""latent.words."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from glyphnb.latent.words import (
    film_word,
    morph_words,
    pair_letters,
    path_by_name,
    spell,
    steps_for,
)
from glyphnb.letters.glyphs import GlyphnbError, GlyphSet
from glyphnb.vae.pretrained import NumpyVAE


@pytest.fixture(scope="module")
def shipped():
    return NumpyVAE()


class Plain:
    "Each image is its own code: a morph in the codes is a mix of pixels."

    prior, latent_dim = None, 4096

    def encode(self, images):
        return np.asarray(images).reshape(len(images), -1)

    def decode(self, codes):
        return np.asarray(codes).reshape(-1, 64, 64, 1)


@pytest.mark.parametrize("loop", ["back", "round", "once"])
@pytest.mark.parametrize("seconds, n_letters", [(8.5, 2), (3, 5), (20, 4)])
def test_a_film_is_as_long_as_it_should_be(shipped, letters, loop, seconds, n_letters):
    steps = steps_for(seconds, n_letters, 25, loop)
    word = letters.letters[3 : 3 + n_letters].tolist()
    film = film_word(word, letters, shipped, steps, loop=loop)
    segments = (n_letters - (loop != "round")) * (2 if loop == "back" else 1)
    assert abs(len(film.frames) / 25 - seconds) <= (1.2 * segments + n_letters) / 25


def test_two_letters_take_ninety_steps():
    assert steps_for(8.48, 2) == 90
    with pytest.raises(GlyphnbError, match="seconds"):
        steps_for(0, 2)


def test_letters_are_found_in_words():
    assert spell(["lam", "ab"], ["lam", "a", "b"]) == ["lam", "a", "b"]
    assert spell("a", ["a", "b"], at_least=1) == ["a"]
    for words, named in (("ax", "got x"), ("aa", "2 different"), ("", "2 different")):
        with pytest.raises(GlyphnbError, match=named):
            spell(words, ["a", "b"])
    with pytest.raises(GlyphnbError, match="a letter"):
        spell(" ", ["a", "b"], at_least=1)


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_letters_are_paired_at_least_cost(seed, n, m):
    costs = np.random.default_rng(seed).integers(0, 9, (n, m)).astype(float)
    pairs = pair_letters(costs)
    long, short = max(n, m), min(n, m)
    by_long = sorted((i, j) if n >= m else (j, i) for i, j in pairs)
    assert [i for i, _ in by_long] == list(range(long)) and pairs == sorted(pairs)
    assert {j for _, j in by_long} == set(range(short))
    assert all(0 <= b - a <= 1 for (_, a), (_, b) in zip(by_long, by_long[1:], strict=False))
    table = costs if n >= m else costs.T
    least = min(
        sum(table[i, j] for i, j in enumerate(places))
        for steps in product((0, 1), repeat=long - 1)
        if (places := np.cumsum([0, *steps]))[-1] == short - 1
    )
    assert sum(costs[pair] for pair in pairs) == least


def boxes(frame, n):
    "Columns of the ink of a frame, from gap to gap: `n` letters."
    labels, count = ndimage.label(frame.max(axis=0) > 60)
    assert count == n
    return [frame[:, part[0]] for part in ndimage.find_objects(labels)]


def trimmed(ink):
    return ink[:, np.flatnonzero(ink.max(axis=0) > 60)]


class TestWordToWord:
    def test_both_words_are_there_in_their_own_direction(self, letters):
        ink = dict(zip(letters.letters, letters.ink, strict=True))
        film = morph_words(["ملا", "مبلر"], letters, Plain(), 9, loop="once", hold=1)
        assert film.right_to_left and film.letters == ["ملا", "مبلر"] and len(film.frames) == 9
        for frame, word in ((film.frames[0], "ملا"), (film.frames[-1], "مبلر")):
            for box, letter in zip(boxes(frame, len(word)), reversed(word), strict=True):
                wanted = trimmed(ink[letter])
                assert abs(box.shape[1] - wanted.shape[1]) <= 1
                assert box.sum() == pytest.approx(wanted.sum(), rel=0.05)

    def test_letters_move_to_their_places_and_those_that_stay_do_not_change(self, letters):
        film = morph_words(["لا", "لاب"], letters, Plain(), 9, loop="once", hold=1)
        sums = [boxes(frame, 2)[1].sum() for frame in film.frames[:1]]
        sums += [boxes(film.frames[-1], 3)[2].sum()]
        assert sums[0] == pytest.approx(sums[1], rel=0.05)
        rights = [np.flatnonzero(frame.max(axis=0) > 60)[-1] for frame in film.frames]
        steps = np.diff(rights)
        assert (steps >= 0).all() and steps.max() <= 2 * steps.mean() + 1  # no leap

    def test_a_smooth_film_without_cuts(self, letters, shipped):
        for path in ("lerp", "transport"):
            film = morph_words(["سلام", "قلب"], letters, shipped, 40, path, loop="once", hold=1)
            steps = np.linalg.norm(np.diff(film.frames / 255, axis=0), axis=(1, 2))
            assert steps.max() < 3 * np.median(steps)

    @pytest.mark.parametrize("loop, n", [("back", 2 * 8), ("round", 3 * 8), ("once", 9)])
    def test_loops(self, letters, loop, n):
        words = ["لا", "قل"] if loop != "round" else ["لا", "قل", "بم"]
        film = morph_words(words, letters, Plain(), 9, loop=loop, hold=1)
        assert len(film.frames) == n

    @pytest.mark.parametrize(
        "words, named",
        [(["لا"], "different word"), (["لا", "لا"], "different word"), (["لا", "x"], "got x")],
    )
    def test_what_is_no_morph_of_words(self, letters, words, named):
        with pytest.raises(GlyphnbError, match=named):
            morph_words(words, letters, Plain(), 9)

    def test_a_round_ends_where_it_began(self, letters):
        with pytest.raises(GlyphnbError, match="different word"):
            morph_words(["لا", "قل", "لا"], letters, Plain(), 9, loop="round")


def test_paths_by_their_names(shipped, letters):
    codes = shipped.encode(letters.images[:2])
    for name in ("lerp", "slerp", "spline", "dense"):
        ends = path_by_name(name, shipped)(codes, np.array([0.0, 1.0]))
        np.testing.assert_allclose(ends, codes, atol=1e-3)
    with pytest.raises(GlyphnbError, match="path.*circle"):
        path_by_name("circle", shipped)


def test_transport_needs_no_model(letters):
    film = film_word("بلق", letters, None, 9, "transport", loop="once", hold=1)
    assert len(film.frames) == 17
    for frame, letter in zip(film.frames[::8], "بلق", strict=True):
        ink = letters.ink[letters.letters == letter][0] / 255
        assert np.abs(frame / 255 - ink).mean() < 0.15 * ink.mean()
    with pytest.raises(GlyphnbError, match="n_steps"):
        film_word("بل", letters, None, 1, "transport")


def test_coloured_letters_turn_into_one_another(shipped):
    class Coloured(Plain):
        latent_dim = 3 * 4096

        def decode(self, codes):
            return np.asarray(codes).reshape(-1, 64, 64, 3)

    grey = shipped.letters[:3]
    ink = np.stack([grey.ink, grey.ink // 2, 0 * grey.ink], axis=-1)
    known = GlyphSet(ink, list("abc"), grey.faces)
    film = film_word("ab", known, Coloured(), 5, loop="once", hold=1)
    assert film.frames.shape == (5, 64, 64, 3)
    assert np.array_equal(film.frames[0], ink[0]) and not film.frames[..., 2].any()
    words = morph_words(["ab", "c"], known, Coloured(), 5, loop="once", hold=1)
    plain = morph_words(
        ["ab", "c"], GlyphSet(grey.ink, list("abc"), grey.faces), Plain(), 5, hold=1
    )
    assert words.frames.shape[1:] == (*plain.frames.shape[1:], 3)
    off = words.frames[..., 0].astype(int) - plain.frames[: len(words.frames)]
    assert abs(off).mean() < 1
    with pytest.raises(GlyphnbError, match="transport moves ink of one tone"):
        film_word("ab", known, Coloured(), 5, "transport")
