"""Roads and films: every letter is met, no frame is lost, files keep time and repeat."""

import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from imageio_ffmpeg import count_frames_and_secs
from moviepy import VideoFileClip
from PIL import Image

from glyphnb.cli import main, run_demo
from glyphnb.film import check_film, loop_frames, save_animation, save_strip, to_clip
from glyphnb.glyphs import render_glyphs, save_glyphs
from glyphnb.latent import NumpyVAE
from glyphnb.morph import ease_in_out, generate_morph_images, legs, lerp, slerp, spline, tour
from glyphnb.roads import geodesic, measure_road, pull_tight
from glyphnb.vae import VAE

ENDINGS = (".gif", ".apng", ".mp4", ".webm", ".png")
seeds = st.integers(0, 10**6)


def pictures(seed, n, height=6, width=8):
    "Random ink; some neighbours are equal."
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (n, height, width)).astype(np.uint8)
    for k in range(1, n):
        if rng.random() < 0.3:
            frames[k] = frames[k - 1]
    return frames


def network(seed, latent_dim, pixels=12):
    "A smooth decoder with random weights."
    rng = np.random.default_rng(seed)
    first, last = rng.normal(size=(latent_dim, 16)), rng.normal(size=(16, pixels)) / 4

    def decode(codes):
        return (np.tanh(np.asarray(codes, "float64") @ first) @ last).reshape(-1, 3, 4, 1)

    return decode


def step_lengths(decode, codes):
    return np.linalg.norm(np.diff(decode(codes).reshape(len(codes), -1), axis=0), axis=1)


class TestLoops:
    @given(
        st.integers(2, 30),
        st.integers(1, 5),
        st.booleans(),
        st.lists(st.integers(0, 29), max_size=4),
    )
    @settings(max_examples=60, deadline=None)
    def test_each_visit_of_a_stop_rests_and_nothing_else_does(self, n, hold, back, inner):
        stops = sorted({0, n - 1, *(stop % n for stop in inner)})
        shown = loop_frames(np.arange(n)[:, None, None], hold, stops, back).ravel()
        runs = np.split(shown, np.flatnonzero(np.diff(shown)) + 1)
        for run in runs:
            assert len(run) == (hold if run[0] in stops else 1)
        visits = [run[0] for run in runs]
        assert visits == [*range(n), *(range(n - 2, 0, -1) if back else [])]
        if back:
            assert visits[-1] != visits[0]  # the seam
        assert len(shown) == len(visits) + (hold - 1) * sum(v in stops for v in visits)

    def test_a_rest_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="hold.*0"):
            loop_frames(np.zeros((3, 2, 2)), hold=0)

    def test_a_default_rest_is_a_fifth_of_a_leg(self):
        frames = np.arange(51)[:, None, None]
        assert (loop_frames(frames).ravel() == 0).sum() == 10
        assert (loop_frames(frames, stops=[0, 25, 50]).ravel() == 0).sum() == 5


def timeline(path):
    with Image.open(path) as film:
        for k in range(film.n_frames):
            film.seek(k)
            yield np.asarray(film.convert("RGB")), film.info["duration"]


class TestFilesOfStills:
    @given(seeds, st.integers(2, 12), st.floats(1, 50), st.sampled_from([".gif", ".apng"]))
    @settings(max_examples=40, deadline=None)
    def test_each_frame_is_shown_in_the_middle_of_its_time(self, folder, seed, n, fps, ending):
        frames = pictures(seed, n)
        assume(np.ptp(frames, axis=0).any())  # one picture all the time makes a still
        path = save_animation(frames, folder / f"film{ending}", fps, zoom=1, levels=256)
        shown = list(timeline(path))
        ends = np.cumsum([duration for _, duration in shown])
        np.testing.assert_allclose(
            ends[-1], 1000 * n / fps, atol=5.01 if ending == ".gif" else 0.51
        )
        for k in range(n):
            at = np.searchsorted(ends, (k + 0.5) * 1000 / fps)
            np.testing.assert_array_equal(255 - shown[at][0][..., 0], frames[k])

    @pytest.mark.parametrize("ending", [".gif", ".apng"])
    def test_colours_and_levels_are_exact(self, tmp_path, ending):
        ramp = np.linspace(0, 255, 64).astype(np.uint8).reshape(1, 8, 8)
        frames = np.concatenate([ramp, 255 - ramp])
        options = {"zoom": 3, "ink": "#1b3a6b", "paper": "#fff8e7", "levels": 4}
        path = save_animation(frames, tmp_path / f"film{ending}", **options)
        (first, _), _ = timeline(path)
        assert first.shape == (24, 24, 3)
        palette = {(255, 248, 231), (179, 185, 190), (103, 121, 148), (27, 58, 107)}
        assert {tuple(c) for c in first.reshape(-1, 3).tolist()} == palette
        assert tuple(first[0, 0]) == (255, 248, 231) and tuple(first[-1, -1]) == (27, 58, 107)

    def test_soft_edges_have_tones_between_and_square_ones_have_not(self, tmp_path):
        frames = np.zeros((2, 4, 4), np.uint8)
        frames[0, 1:3, 1:3] = frames[1, :2, :2] = 255
        for smooth, more in ((False, False), (True, True)):
            path = save_animation(frames, tmp_path / "f.apng", zoom=4, smooth=smooth)
            (first, _), *_ = timeline(path)
            assert (len(np.unique(first)) > 2) == more

    @pytest.mark.parametrize("ending, once", [(".gif", None), (".apng", 1)])
    def test_it_plays_for_ever_or_once(self, tmp_path, ending, once):
        frames = pictures(0, 4)
        for repeat, loop in ((True, 0), (False, once)):
            path = save_animation(frames, tmp_path / f"f{ending}", repeat=repeat)
            with Image.open(path) as film:
                assert film.info.get("loop") == loop

    def test_a_rest_too_long_for_the_format_is_one_line(self, tmp_path):
        frames = np.repeat(np.array([0, 9], np.uint8), 80)[:, None, None]
        with pytest.raises(ValueError, match="rest"):
            save_animation(frames, tmp_path / "f.apng", fps=1)
        assert not list(tmp_path.iterdir())

    def test_a_strip_keeps_the_ends_and_the_order(self, tmp_path):
        frames = (
            np.full((40, 5, 5), 0, np.uint8) + np.arange(0, 240, 6, dtype=np.uint8)[:, None, None]
        )
        strip = (
            255 - np.asarray(Image.open(save_animation(frames, tmp_path / "s.png", zoom=1)))[..., 0]
        )
        tones = strip[2, 2::7]
        assert len(tones) == 12 and (np.diff(tones.astype(int)) > 0).all()
        assert tones[0] == frames[0, 0, 0] and tones[-1] == frames[-1, 0, 0]
        path = save_strip(frames[:4], tmp_path / "r.png", right_to_left=True)
        assert (255 - np.asarray(Image.open(path))[2, 2::7, 0]).tolist() == [18, 12, 6, 0]


def described(path):
    "What ffmpeg says about a film."
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True).stderr


class TestVideos:
    @pytest.mark.parametrize("ending", [".mp4", ".webm"])
    @pytest.mark.parametrize("fps", [1, 7, 12, 23.98, 25, 30, 60])
    def test_no_frame_is_lost(self, tmp_path, ending, fps):
        frames = pictures(1, 9, 16, 16)
        path = save_animation(frames, tmp_path / f"film{ending}", fps, zoom=1)
        count, seconds = count_frames_and_secs(str(path))
        assert count == 9 and abs(seconds - 9 / fps) < 0.02

    def test_it_opens_with_a_double_click(self, tmp_path):
        frames = pictures(1, 9, 16, 16)
        mp4 = save_animation(frames, tmp_path / "f.mp4")
        data = mp4.read_bytes()
        assert 0 < data.index(b"moov") < data.index(b"mdat")  # it plays while it loads
        assert re.search(r"Video: h264.* yuv420p", described(mp4))
        webm = save_animation(frames, tmp_path / "f.webm")
        assert re.search(r"Video: vp9.* yuv420p", described(webm))
        for path in (mp4, webm):
            assert "creation_time" not in described(path)

    @pytest.mark.parametrize("ending", [".mp4", ".webm"])
    def test_odd_sides_get_a_line_of_paper(self, tmp_path, ending):
        frames = np.full((3, 31, 33), 255, np.uint8)
        path = save_animation(frames, tmp_path / f"f{ending}", zoom=1, ink="navy", paper="yellow")
        with VideoFileClip(str(path)) as clip:
            assert tuple(clip.size) == (34, 32)
            picture = clip.get_frame(0).astype(int)
        assert picture[:24, :24, 0].mean() < 20 and picture[-1, :24, 0].mean() > 120

    @given(st.integers(2, 120), st.floats(1, 120))
    @settings(max_examples=60, deadline=None)
    def test_a_clip_shows_each_frame_once(self, n, fps):
        shown = to_clip(np.arange(n, dtype=np.uint8)[:, None, None], fps).iter_frames()
        assert [255 - int(frame[0, 0, 0]) for frame in shown] == list(range(n))

    def test_a_clip_is_of_moviepy_and_has_the_colours(self):
        frames = np.array([[[0, 255]], [[255, 0]]], np.uint8)
        clip = to_clip(frames, 10, "#102030", "#f0e0d0")
        first, last = clip.iter_frames()
        assert first.tolist() == [[[240, 224, 208], [16, 32, 48]]]
        assert (last == first[:, ::-1]).all() and clip.fps == 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("films")


class TestAllFiles:
    def test_the_same_frames_give_the_same_bytes(self, tmp_path):
        frames = pictures(2, 20, 16, 16)
        made = [
            [
                save_animation(frames, tmp_path / name / f"f{ending}").read_bytes()
                for ending in ENDINGS
            ]
            for name in ("one", "two")
            if not time.sleep(1.1)  # a date in the file would differ by now
        ]
        assert made[0] == made[1]
        other = save_animation(255 - frames, tmp_path / "f.mp4").read_bytes()
        assert other != made[0][2]

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_a_file_is_replaced_only_when_the_new_one_is_complete(
        self, tmp_path, monkeypatch, ending
    ):
        def half(*arguments, **_):
            path = next(a for a in arguments if isinstance(a, (Path, str)) and "film" in str(a))
            Path(path).write_bytes(b"half")
            raise OSError("no space left")

        path = save_animation(pictures(0, 3), tmp_path / f"film{ending}")
        before = path.read_bytes()
        monkeypatch.setattr("PIL.Image.Image.save", half)
        monkeypatch.setattr("moviepy.VideoClip.write_videofile", half)
        with pytest.raises(OSError, match="no space"):
            save_animation(pictures(1, 3), path)
        assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(
        "wrong, named",
        [
            ({"path": "film.avi"}, "film.avi"),
            ({"path": "film"}, "film"),
            ({"fps": 0}, "fps"),
            ({"fps": 51}, "fps"),
            ({"fps": float("nan")}, "fps"),
            ({"path": "film.mp4", "fps": 121}, "fps"),
            ({"zoom": 0}, "zoom"),
            ({"zoom": 1.5}, "zoom"),
            ({"ink": "blueish"}, "ink"),
            ({"paper": "#12"}, "paper"),
            ({"paper": ""}, "paper"),
            ({"ink": None}, "ink"),
            ({"ink": "white"}, "differ"),
            ({"levels": 1}, "levels"),
            ({"levels": 257}, "levels"),
            ({"frames": np.zeros((1, 4, 4), np.uint8)}, "frames"),
            ({"frames": np.zeros((3, 4, 4))}, "frames"),
            ({"frames": np.zeros((3, 4, 4, 3), np.uint8)}, "frames"),
        ],
    )
    def test_what_cannot_be_done_is_refused_and_leaves_nothing(self, tmp_path, wrong, named):
        options = {"frames": pictures(0, 3, 4, 4), "path": "film.gif", **wrong}
        options["path"] = tmp_path / "new" / options["path"]
        with pytest.raises(ValueError, match=named):
            save_animation(**options)
        assert not list(tmp_path.iterdir())
        if "frames" not in wrong:
            del options["frames"]
            with pytest.raises(ValueError, match=named):
                check_film(**options)

    def test_places_that_cannot_be_written(self, tmp_path):
        frames = pictures(0, 3)
        (tmp_path / "folder.gif").mkdir()
        with pytest.raises(IsADirectoryError, match="folder.gif"):
            save_animation(frames, tmp_path / "folder.gif")
        (tmp_path / "file").write_text("mine")
        for path in (tmp_path / "file" / "f.gif", tmp_path / "file" / "deep" / "f.mp4"):
            with pytest.raises(OSError, match="file"):
                save_animation(frames, path)
        assert (tmp_path / "file").read_text() == "mine"
        if os.geteuid():
            (tmp_path / "locked").mkdir(mode=0o500)
            with pytest.raises(PermissionError):
                save_animation(frames, tmp_path / "locked" / "f.gif")


class TestTours:
    @given(
        seeds,
        st.integers(2, 5),
        st.integers(1, 4),
        st.integers(2, 20),
        st.booleans(),
        st.booleans(),
        st.sampled_from([legs, spline, partial(legs, road=slerp)]),
        st.sampled_from([None, ease_in_out]),
    )
    @settings(max_examples=80, deadline=None)
    def test_the_count_is_exact_and_every_stop_is_met(
        self, seed, k, latent_dim, n_steps, closed, even, path, ease
    ):
        stops = np.random.default_rng(seed).normal(size=(k, latent_dim))
        decode = network(seed, latent_dim)
        codes, at = tour(stops, decode, n_steps, path, closed, even, ease)
        assert len(codes) == (n_steps - 1) * (k - (not closed)) + (not closed)
        assert len(at) == k and at[0] == 0 and (np.diff(at) > 0).all()
        np.testing.assert_allclose(codes[at], stops, atol=1e-5)
        if not closed:
            assert at[-1] == len(codes) - 1
        if n_steps > 2 or not closed:  # no code beside its equal, the seam included
            ring = np.concatenate([codes, codes[:1]]) if closed else codes
            assert np.linalg.norm(np.diff(ring, axis=0), axis=1).min() > 0

    @given(seeds, st.integers(2, 4), st.sampled_from([legs, spline]))
    @settings(max_examples=20, deadline=None)
    def test_the_pace_is_steady_through_all_stops(self, seed, k, path):
        rng = np.random.default_rng(seed)
        stops = rng.normal(size=(k, 2))
        assume(np.linalg.norm(np.diff(stops, axis=0), axis=1).min() > 0.3)

        def stretched(codes):  # nine times as fast at the right as at the left
            x, y = np.asarray(codes, "float64").T
            return np.stack([np.exp(1.1 * x), np.exp(1.1 * x) * y], axis=1).reshape(-1, 1, 2, 1)

        steps = step_lengths(stretched, tour(stops, stretched, 100, path)[0])
        # The road itself is walked steadily: only at a sharp turn is the way across a step shorter.
        assert steps.max() / steps.mean() < 1.05 and np.quantile(steps, 0.05) / steps.mean() > 0.75
        uneven = step_lengths(stretched, tour(stops, stretched, 100, path, even=False)[0])
        assert steps.std() <= uneven.std() + 1e-9

    def test_an_ease_is_slow_at_the_letters_and_fast_between(self):
        stops = np.array([[0.0, 0], [1, 0], [1, 2]])
        codes, at = tour(stops, lambda z: z, 41, ease=ease_in_out)
        speed = np.linalg.norm(np.diff(codes, axis=0), axis=1)
        for stop in at:
            assert speed[max(stop - 1, 0) : stop + 1].max() < 0.2 * speed.max()
        assert ease_in_out([0, 0.5, 1]) == pytest.approx([0, 0.5, 1])
        share = ease_in_out(np.linspace(0, 1, 9))
        np.testing.assert_allclose(share + share[::-1], 1)

    def test_equal_letters_cost_a_frame_and_no_division_by_nothing(self):
        stops = np.array([[0.0, 0], [0, 0], [1, 0]])
        for path in (legs, spline, partial(legs, road=slerp)):
            codes, at = tour(stops, lambda z: z, 11, path)
            assert np.isfinite(codes).all() and at.tolist() == [0, 1, 20]
        image = np.zeros((4, 4), np.uint8)
        encode = lambda images: np.ones((len(images), 2))  # noqa: E731
        morph = generate_morph_images(image, image, encode, network(0, 2), 7, even=True)
        assert len(morph) == 7

    @pytest.mark.parametrize("stops", [np.zeros((1, 2)), np.zeros(2), np.zeros((0, 2))])
    def test_one_stop_is_no_tour(self, stops):
        with pytest.raises(ValueError, match="stops"):
            tour(stops, lambda z: z)

    def test_too_few_steps(self):
        with pytest.raises(ValueError, match="n_steps.*1"):
            tour(np.eye(2), lambda z: z, 1)


class TestSpline:
    @given(seeds, st.integers(2, 6), st.integers(1, 4), st.booleans())
    @settings(max_examples=40, deadline=None)
    def test_it_meets_its_stops_without_corners_and_moves_with_them(self, seed, k, dim, closed):
        rng = np.random.default_rng(seed)
        stops = rng.normal(size=(k, dim))
        assume(k < 3 or np.linalg.norm(stops - np.roll(stops, 1, axis=0), axis=1).min() > 0.05)
        last = k if closed else k - 1
        met = spline(stops, np.arange(last + 1), closed)
        np.testing.assert_allclose(met, np.concatenate([stops, stops[:1]])[: last + 1], atol=1e-9)
        t = rng.uniform(0, last, 20)
        turn, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
        moved = spline(3 * stops @ turn + 1, t, closed)
        np.testing.assert_allclose(moved, 3 * spline(stops, t, closed) @ turn + 1, atol=1e-9)
        for knot in range(1, last if k > 2 else 0):  # the direction just before is that just after
            near = spline(stops, [knot - 1e-5, knot, knot + 1e-5], closed)
            before, after = near[1] - near[0], near[2] - near[1]
            cosine = before @ after / (np.linalg.norm(before) * np.linalg.norm(after) + 1e-30)
            assert dim == 1 or cosine > 0.999

    def test_a_round_trip_may_begin_anywhere(self):
        stops = np.random.default_rng(0).normal(size=(5, 2))
        t = np.linspace(0, 4, 30)
        rolled = spline(np.roll(stops, -1, axis=0), t, closed=True)
        np.testing.assert_allclose(spline(stops, t + 1, closed=True), rolled, atol=1e-9)

    def test_stops_on_a_line_at_equal_distances_give_the_line(self):
        stops = np.arange(5)[:, None] * np.array([[1.0, 2]])
        t = np.linspace(0, 4, 33)
        np.testing.assert_allclose(spline(stops, t), t[:, None] * [1, 2], atol=1e-12)

    def test_a_short_leg_beside_a_long_one_makes_no_loop(self):
        stops = np.array([[0.0, 0], [10, 0], [10.2, 0.1], [20, 0]])
        speed = np.diff(spline(stops, np.linspace(0, 3, 400))[:, 0])
        assert (speed > 0).all()  # the same with evenly spaced knots turns back


class TestGeodesics:
    @given(seeds, st.integers(1, 4))
    @settings(max_examples=25, deadline=None)
    def test_the_energy_falls_and_the_road_gets_no_longer(self, seed, dim):
        decode = network(seed, dim)
        ends = np.random.default_rng(seed + 1).normal(size=(2, dim))
        straight, _ = tour(ends, decode, 24)
        tight, energies = pull_tight(straight, decode)
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

    def test_a_bent_start_is_pulled_straight(self):
        t = np.linspace(0, 1, 20)
        bowed = np.stack([t, np.sin(np.pi * t)], axis=1)
        tight, energies = pull_tight(bowed, lambda z: z)
        np.testing.assert_allclose(tight, np.stack([t, 0 * t], axis=1), atol=2e-3)
        assert energies[-1] == pytest.approx(1 / 19, rel=1e-3)  # length squared over steps

    def test_a_decoder_that_ignores_the_code_moves_nothing(self):
        codes = lerp(np.zeros(2), np.ones(2), np.linspace(0, 1, 5))
        tight, energies = pull_tight(codes, lambda z: np.ones((len(z), 4)))
        np.testing.assert_array_equal(tight, codes)
        assert energies == [0.0]

    def test_the_shipped_model(self):
        vae, letters = NumpyVAE(), render_glyphs("arabic", size=64)
        a, b = (vae.encode(letters.images[letters.letters == name])[0] for name in "سم")
        codes = geodesic(a, b, np.linspace(0, 1, 200), vae.decode)
        straight = lerp(a, b, np.linspace(0, 1, 200))
        found, plain = (measure_road(c, vae.decode, letters.images) for c in (codes, straight))
        assert found.length < 0.9 * plain.length and found.code_length > plain.code_length
        np.testing.assert_allclose(codes[[0, -1]], [a, b], atol=1e-5)


class TestMeasures:
    @given(seeds, st.integers(1, 4), st.integers(3, 12))
    @settings(max_examples=20, deadline=None)
    def test_the_way_back_measures_the_same(self, seed, dim, n):
        codes = np.random.default_rng(seed).normal(size=(n, dim))
        decode = network(seed, dim)
        known = decode(codes[:2] + 0.1)
        there, back = (measure_road(c, decode, known) for c in (codes, codes[::-1]))
        np.testing.assert_allclose(there, back, rtol=1e-6)
        chord = np.linalg.norm(decode(codes[-1:]) - decode(codes[:1]))
        assert there.length >= chord - 1e-5 and there.burst >= 1 - 1e-9 and there.stray >= 0

    def test_known_numbers(self):
        measured = measure_road([[0.0, 0], [3, 4], [3, 4.5]], lambda z: z, np.array([[3, 4]]))
        length, code_length, burst, roughness, log_prior, stray = measured
        assert (length, code_length, burst) == pytest.approx((5.5, 5.5, 5 / 2.75))
        assert roughness == pytest.approx(3**2 + 3.5**2)
        squares = (0 + 25 + 9 + 4.5**2) / 3
        assert log_prior == pytest.approx(-squares / 2 - np.log(2 * np.pi))
        assert stray == pytest.approx((5 + 0 + 0.5) / 3)

    def test_without_letters_nothing_strays(self):
        assert np.isnan(measure_road(np.zeros((3, 2)), network(0, 2)).stray)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def morph(*words):
    return main(["morph", *map(str, words)])


class TestCommand:
    def test_a_word_there_and_back(self, here, capsys):
        assert morph("سلام", "--steps", 12, "--hold", 3, "--fps", 20) == 0
        frames = 2 * (3 * 11 + 1) - 2 + (2 + 2 * 2) * 2
        assert f"س ل ا م, {frames} frames, {frames / 20:.2f} s" in capsys.readouterr().out
        shown = list(timeline(here / "morph.gif"))
        assert sum(duration for _, duration in shown) == pytest.approx(1000 * frames / 20)
        letters = render_glyphs("arabic", size=64)
        first = 255 - shown[0][0][::4, ::4, 0]
        nearest = ((letters.ink.astype(float) - first) ** 2).sum(axis=(1, 2)).argmin()
        assert letters.letters[nearest] == "س"

    @pytest.mark.parametrize("loop, legs_, visits", [("round", 3, 3), ("once", 2, 3)])
    def test_round_and_once(self, here, loop, legs_, visits):
        words = ("ب", "ق", "م", "--steps", 8, "--hold", 2, "--loop", loop, "--out", "f.mp4")
        assert morph(*words) == 0
        count, _ = count_frames_and_secs("f.mp4")
        assert count == 7 * legs_ + (loop == "once") + visits

    def test_every_option_together(self, here):
        for road in ("lerp", "slerp", "spline", "geodesic"):
            words = ["سمم ع", "--road", road, "--ease", "smooth", "--steps", 6, "--zoom", 2]
            words += ["--ink", "#1b3a6b", "--paper", "#fff8e7", "--smooth", "--levels", 8]
            assert morph(*words, "--out", f"{road}.gif", "--strip", f"{road}.png") == 0
            (first, _), *_ = timeline(f"{road}.gif")
            assert first.shape == (128, 128, 3) and tuple(first[0, 0]) == (255, 248, 231)
        films = {
            Path(f"{road}.gif").read_bytes() for road in ("lerp", "slerp", "spline", "geodesic")
        }
        assert len(films) == 4

    def test_a_strip_is_read_as_the_word_is(self, here):
        vae, letters = NumpyVAE(), render_glyphs("arabic", size=64)
        assert morph("بق", "--out", "film.png", "--zoom", 1, "--steps", 30) == 0
        strip = 255 - np.asarray(Image.open("film.png"))[..., 0].astype(float)
        assert strip.shape == (64, 13 * 66 - 2)
        first, last = (vae.decode(vae.encode(letters.images[letters.letters == c])) for c in "بق")
        assert np.abs(strip[:, -64:] - 255 * first[0, ..., 0]).max() < 1
        assert np.abs(strip[:, :64] - 255 * last[0, ..., 0]).max() < 1

    @pytest.mark.parametrize(
        "words, named",
        [
            (["سلQم"], "ا ب ج د .*got Q"),
            (["سَلام"], "got"),
            (["لل ل"], "2 different"),
            (["ق"], "2 different"),
            ([" "], "2 different"),
            (["بق", "--steps", 1], "n_steps"),
            (["بق", "--hold", 0], "hold"),
            (["بق", "--fps", 0], "fps"),
            (["بق", "--out", "film.avi"], "film.avi"),
            (["بق", "--strip", "film.jpg"], "film.jpg"),
            (["بق", "--ink", "blueish"], "ink"),
            (["بق", "--paper", "black"], "differ"),
            (["بق", "--zoom", 0], "zoom"),
            (["بق", "--levels", 999], "levels"),
            (["بق", "--model", "nowhere.keras"], "nowhere.keras"),
            (["ab", "--letters", "abc"], "model"),
            (["ab", "--images", "scans"], "model"),
        ],
    )
    def test_what_is_wrong_is_said_in_one_line(self, here, capsys, words, named):
        assert morph(*words) == 2
        said = capsys.readouterr()
        assert re.fullmatch(rf"glyphnb: error: .*{named}.*\n", said.err) and not said.out
        assert not list(here.iterdir())

    def test_a_wrong_colour_is_refused_before_anything_takes_time(self, here, capsys, monkeypatch):
        monkeypatch.setattr("glyphnb.morph.tour", None)
        for words in (("--ink", "blueish"), ("--out", "f.avi"), ("--strip", "f.gif")):
            assert morph("بق", *words) == 2

    def test_the_shipped_model_needs_neither_keras_nor_scipy(self, here):
        code = (
            "import sys; from glyphnb.cli import main; main(['morph', 'بق', '--steps', '5']);"
            "print(sorted({'keras', 'tensorflow', 'scipy', 'moviepy'} & set(sys.modules)))"
        )
        out = subprocess.check_output([sys.executable, "-c", code], text=True)
        assert out.splitlines()[-1] == "[]"

    def test_help_has_examples_and_names_every_option(self, capsys):
        with pytest.raises(SystemExit):
            morph("--help")
        text = capsys.readouterr().out
        options = "out strip road loop ease steps hold fps zoom smooth ink paper levels"
        options += " model images font letters"
        assert all(f"--{option}" in text for option in options.split()) and "examples:" in text


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(0)
    place = tmp_path_factory.mktemp("models")
    VAE(latent_dim=3, shape=(32, 32, 1), seed=0).save(place / "vae.keras")
    return place / "vae.keras"


class TestOwnModels:
    def test_letters_of_a_typeface(self, here, model, capsys):
        words = ("fig", "--model", model, "--steps", 5, "--zoom", 1)
        assert morph(*words, "--font", "STIX Italic", "--letters", "fghij") == 0
        assert "f i g" in capsys.readouterr().out
        with Image.open("morph.gif") as film:
            assert film.size == (32, 32)
        assert morph(*words, "--letters", "latin", "--out", "x.gif") == 2
        assert re.search("knows A B C .*got f i g", capsys.readouterr().err)

    def test_letters_in_a_folder_by_their_file_names(self, here, model, capsys):
        save_glyphs(render_glyphs("xyz", size=90), here / "scans", stem="hand")
        words = ("--model", model, "--images", "scans", "--steps", 5)
        assert morph("xz", *words) == 0  # as the folder's own record has it
        assert "x z" in capsys.readouterr().out
        (here / "scans" / "provenance.json").unlink()
        assert morph("hand_0", "hand_2", *words, "--road", "geodesic") == 0
        assert "hand_0 hand_2" in capsys.readouterr().out
        assert morph("hand_0", "hand_7", *words) == 2
        assert "knows hand_0 hand_1 hand_2" in capsys.readouterr().err
        assert morph("hand_0", "hand_2", *words, "--font", "STIX") == 2

    def test_a_model_of_the_demo_knows_its_letters(self, here, capsys):
        metrics = run_demo("demo", letters="abcdefghij", samples=100)
        known, held_out = metrics["letters"]["known"], metrics["letters"]["held_out"]
        assert sorted(known + held_out) == sorted(metrics["letters"]["all"]) == list("abcdefghij")
        capsys.readouterr()
        assert morph(known[0] + known[3], "--model", "demo/vae.keras", "--steps", 5) == 0
        assert f"{known[0]} {known[3]}" in capsys.readouterr().out
        assert morph(known[0] + held_out[0], "--model", "demo/vae.keras") == 2
        assert f"got {held_out[0]}" in capsys.readouterr().err
        # What is filmed is the letter of that name: its picture is among those beside the model.
        from glyphnb.cli import _model_and_letters

        _, glyphs = _model_and_letters("demo/vae.keras", None, None, None)
        drawn = render_glyphs("abcdefghij", size=64)
        for name, ink in zip(glyphs.letters, glyphs.ink, strict=True):
            np.testing.assert_array_equal(ink, drawn.ink[drawn.letters == name][0])
