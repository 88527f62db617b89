"""latent.morph."""

from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from networks import network, step_lengths

from glyphnb.latent.morph import (
    ease_in_out,
    generate_morph_images,
    lerp,
    piecewise,
    sample_path,
    slerp,
    spline,
)
from glyphnb.letters.glyphs import GlyphnbError


@given(st.integers(2, 128), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_paths_begin_and_end_where_they_should(dim, seed):
    a, b = np.random.default_rng(seed).normal(size=(2, dim))
    for path in (lerp, slerp):
        np.testing.assert_allclose(path(a, b, [0, 1]), [a, b], atol=1e-6)
    radii = sorted([np.linalg.norm(a), np.linalg.norm(b)])
    along = np.linalg.norm(slerp(a, b, np.linspace(0, 1, 9)), axis=1)
    assert (along > radii[0] - 1e-6).all() and (along < radii[1] + 1e-6).all()


@pytest.mark.parametrize("n_steps", [-1, 0, 1])
def test_a_morph_of_less_than_two_steps(n_steps):
    with pytest.raises(GlyphnbError, match="n_steps"):
        generate_morph_images(
            np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), None, None, n_steps
        )


seeds = st.integers(0, 10**6)


class TestPaths:
    @given(
        seeds,
        st.integers(2, 5),
        st.integers(1, 4),
        st.integers(2, 20),
        st.booleans(),
        st.booleans(),
        st.sampled_from([piecewise, spline, partial(piecewise, interpolate=slerp)]),
        st.sampled_from([None, ease_in_out]),
    )
    @settings(max_examples=80, deadline=None)
    def test_the_count_is_exact_and_every_waypoint_is_met(
        self, seed, k, latent_dim, n_steps, closed, constant_speed, path, ease
    ):
        waypoints = np.random.default_rng(seed).normal(size=(k, latent_dim))
        decode = network(seed, latent_dim)
        codes, at = sample_path(waypoints, decode, n_steps, path, closed, constant_speed, ease)
        assert len(codes) == (n_steps - 1) * (k - (not closed)) + (not closed)
        assert len(at) == k and at[0] == 0 and (np.diff(at) > 0).all()
        np.testing.assert_allclose(codes[at], waypoints, atol=1e-5)
        if not closed:
            assert at[-1] == len(codes) - 1
        if n_steps > 2 or not closed:  # no code beside its equal, the seam included
            ring = np.concatenate([codes, codes[:1]]) if closed else codes
            assert np.linalg.norm(np.diff(ring, axis=0), axis=1).min() > 0

    @given(seeds, st.integers(2, 4), st.sampled_from([piecewise, spline]))
    @settings(max_examples=20, deadline=None)
    def test_the_pace_is_steady_through_all_waypoints(self, seed, k, path):
        rng = np.random.default_rng(seed)
        waypoints = rng.normal(size=(k, 2))
        assume(np.linalg.norm(np.diff(waypoints, axis=0), axis=1).min() > 0.3)

        def stretched(codes):  # nine times as fast at the right as at the left
            x, y = np.asarray(codes, "float64").T
            return np.stack([np.exp(1.1 * x), np.exp(1.1 * x) * y], axis=1).reshape(-1, 1, 2, 1)

        steps = step_lengths(stretched, sample_path(waypoints, stretched, 100, path)[0])
        # The path is followed steadily: only at a sharp turn is the distance across a step shorter.
        assert steps.max() / steps.mean() < 1.05 and np.quantile(steps, 0.05) / steps.mean() > 0.75
        uneven = step_lengths(
            stretched, sample_path(waypoints, stretched, 100, path, constant_speed=False)[0]
        )
        assert steps.std() <= uneven.std() + 1e-9

    def test_an_ease_is_slow_at_the_letters_and_fast_between(self):
        waypoints = np.array([[0.0, 0], [1, 0], [1, 2]])
        codes, at = sample_path(waypoints, lambda z: z, 41, ease=ease_in_out)
        speed = np.linalg.norm(np.diff(codes, axis=0), axis=1)
        for i in at:
            assert speed[max(i - 1, 0) : i + 1].max() < 0.2 * speed.max()
        assert ease_in_out([0, 0.5, 1]) == pytest.approx([0, 0.5, 1])
        share = ease_in_out(np.linspace(0, 1, 9))
        np.testing.assert_allclose(share + share[::-1], 1)

    def test_equal_letters_cost_a_frame_and_no_division_by_nothing(self):
        waypoints = np.array([[0.0, 0], [0, 0], [1, 0]])
        for path in (piecewise, spline, partial(piecewise, interpolate=slerp)):
            codes, at = sample_path(waypoints, lambda z: z, 11, path)
            assert np.isfinite(codes).all() and at.tolist() == [0, 1, 20]
        image = np.zeros((4, 4), np.uint8)
        encode = lambda images: np.ones((len(images), 2))  # noqa: E731
        morph = generate_morph_images(image, image, encode, network(0, 2), 7, constant_speed=True)
        assert len(morph) == 7

    @pytest.mark.parametrize("waypoints", [np.zeros((1, 2)), np.zeros(2), np.zeros((0, 2))])
    def test_one_waypoint_is_no_path(self, waypoints):
        with pytest.raises(GlyphnbError, match="waypoints"):
            sample_path(waypoints, lambda z: z)

    def test_too_few_steps(self):
        with pytest.raises(GlyphnbError, match="n_steps.*1"):
            sample_path(np.eye(2), lambda z: z, 1)


class TestSpline:
    @given(seeds, st.integers(2, 6), st.integers(1, 4), st.booleans())
    @settings(max_examples=40, deadline=None)
    def test_it_meets_its_waypoints_without_corners_and_moves_with_them(self, seed, k, dim, closed):
        rng = np.random.default_rng(seed)
        waypoints = rng.normal(size=(k, dim))
        assume(
            k < 3 or np.linalg.norm(waypoints - np.roll(waypoints, 1, axis=0), axis=1).min() > 0.05
        )
        last = k if closed else k - 1
        met = spline(waypoints, np.arange(last + 1), closed)
        np.testing.assert_allclose(
            met, np.concatenate([waypoints, waypoints[:1]])[: last + 1], atol=1e-9
        )
        t = rng.uniform(0, last, 20)
        turn, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
        moved = spline(3 * waypoints @ turn + 1, t, closed)
        np.testing.assert_allclose(moved, 3 * spline(waypoints, t, closed) @ turn + 1, atol=1e-9)
        for knot in range(1, last if k > 2 else 0):  # the direction just before is that just after
            near = spline(waypoints, [knot - 1e-5, knot, knot + 1e-5], closed)
            before, after = near[1] - near[0], near[2] - near[1]
            cosine = before @ after / (np.linalg.norm(before) * np.linalg.norm(after) + 1e-30)
            assert dim == 1 or cosine > 0.999

    def test_a_round_trip_may_begin_anywhere(self):
        waypoints = np.random.default_rng(0).normal(size=(5, 2))
        t = np.linspace(0, 4, 30)
        rolled = spline(np.roll(waypoints, -1, axis=0), t, closed=True)
        np.testing.assert_allclose(spline(waypoints, t + 1, closed=True), rolled, atol=1e-9)

    def test_waypoints_on_a_line_at_equal_distances_give_the_line(self):
        waypoints = np.arange(5)[:, None] * np.array([[1.0, 2]])
        t = np.linspace(0, 4, 33)
        np.testing.assert_allclose(spline(waypoints, t), t[:, None] * [1, 2], atol=1e-12)

    def test_a_short_segment_beside_a_long_one_makes_no_loop(self):
        waypoints = np.array([[0.0, 0], [10, 0], [10.2, 0.1], [20, 0]])
        speed = np.diff(spline(waypoints, np.linspace(0, 3, 400))[:, 0])
        assert (speed > 0).all()  # the same with evenly spaced knots turns back
