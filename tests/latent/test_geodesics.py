"""latent.geodesics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import network, step_lengths

from glyphnb.latent.geodesics import geodesic, measure_path, shorten_path
from glyphnb.latent.morph import lerp, sample_path
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.pretrained import NumpyVAE

seeds = st.integers(0, 10**6)


class TestGeodesics:
    @given(seeds, st.integers(1, 4))
    @settings(max_examples=25, deadline=None)
    def test_the_energy_falls_and_the_path_gets_no_longer(self, seed, dim):
        decode = network(seed, dim)
        ends = np.random.default_rng(seed + 1).normal(size=(2, dim))
        straight, _ = sample_path(ends, decode, 24)
        tight, energies = shorten_path(straight, decode)
        assert (np.diff(energies) < 0).all() and len(energies) <= 101
        steps = step_lengths(decode, tight)
        np.testing.assert_allclose((steps**2).sum(), energies[-1], rtol=1e-4)
        np.testing.assert_allclose(tight[[0, -1]], straight[[0, -1]])
        assert steps.sum() <= step_lengths(decode, straight).sum() * (1 + 1e-3)

    @given(seeds, st.integers(1, 5))
    @settings(max_examples=15, deadline=None)
    def test_under_a_linear_decoder_it_is_the_straight_line(self, seed, dim):
        rng = np.random.default_rng(seed)
        matrix, ends = rng.normal(size=(dim, dim + 3)), rng.normal(size=(2, dim))
        t = np.linspace(0, 1, 9)
        found = geodesic(*ends, t, lambda z: z @ matrix.astype(z.dtype), n_points=12)
        np.testing.assert_allclose(found, lerp(*ends, t), atol=1e-3)

    @given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.3, 2))
    @settings(max_examples=15, deadline=None)
    def test_on_a_globe_it_is_the_great_circle(self, south, north, apart):
        def globe(codes):
            x, y = np.asarray(codes, "float64").T
            return np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=1)

        ends = np.array([[0, south], [apart, north]])
        a, b = globe(ends)
        found = geodesic(*ends, np.linspace(0, 1, 200), globe)
        steps = np.linalg.norm(np.diff(globe(found), axis=0), axis=1)
        np.testing.assert_allclose(steps.sum(), np.arccos(a @ b), rtol=1e-3)
        assert steps.max() / steps.min() < 1.1  # at a steady pace

    def test_a_bent_start_is_shortened_to_a_line(self):
        t = np.linspace(0, 1, 20)
        bowed = np.stack([t, np.sin(np.pi * t)], axis=1)
        tight, energies = shorten_path(bowed, lambda z: z)
        np.testing.assert_allclose(tight, np.stack([t, 0 * t], axis=1), atol=2e-3)
        assert energies[-1] == pytest.approx(1 / 19, rel=1e-3)  # length squared over steps

    def test_a_decoder_that_ignores_the_code_moves_nothing(self):
        codes = lerp(np.zeros(2), np.ones(2), np.linspace(0, 1, 5))
        tight, energies = shorten_path(codes, lambda z: np.ones((len(z), 4)))
        np.testing.assert_array_equal(tight, codes)
        assert energies == [0.0]

    def test_the_shipped_model(self):
        vae, letters = NumpyVAE(), render_glyphs("arabic", size=64)
        a, b = (vae.encode(letters.images[letters.letters == name])[0] for name in "سم")
        codes = geodesic(a, b, np.linspace(0, 1, 200), vae.decode)
        straight = lerp(a, b, np.linspace(0, 1, 200))
        found, plain = (measure_path(c, vae.decode, letters.images) for c in (codes, straight))
        assert found.length < 0.9 * plain.length and found.code_length > plain.code_length
        assert found.largest_step < 1.5  # constant speed; 64 codes leap over edges, to 3.3
        np.testing.assert_allclose(codes[[0, -1]], [a, b], atol=1e-5)


class TestMeasures:
    @given(seeds, st.integers(1, 4), st.integers(3, 12))
    @settings(max_examples=20, deadline=None)
    def test_the_reverse_path_measures_the_same(self, seed, dim, n):
        codes = np.random.default_rng(seed).normal(size=(n, dim))
        decode = network(seed, dim)
        known = decode(codes[:2] + 0.1)
        there, back = (measure_path(c, decode, known) for c in (codes, codes[::-1]))
        np.testing.assert_allclose(there, back, rtol=1e-6)
        chord = np.linalg.norm(decode(codes[-1:]) - decode(codes[:1]))
        assert (
            there.length >= chord - 1e-5
            and there.largest_step >= 1 - 1e-9
            and there.distance_to_known >= 0
        )

    def test_known_numbers(self):
        measured = measure_path([[0.0, 0], [3, 4], [3, 4.5]], lambda z: z, np.array([[3, 4]]))
        length, code_length, largest_step, roughness, log_prior, distance = measured
        assert (length, code_length, largest_step) == pytest.approx((5.5, 5.5, 5 / 2.75))
        assert roughness == pytest.approx(3**2 + 3.5**2)
        squares = (0 + 25 + 9 + 4.5**2) / 3
        assert log_prior == pytest.approx(-squares / 2 - np.log(2 * np.pi))
        assert distance == pytest.approx((5 + 0 + 0.5) / 3)

    def test_without_images_there_is_no_distance_to_them(self):
        assert np.isnan(measure_path(np.zeros((3, 2)), network(0, 2)).distance_to_known)
