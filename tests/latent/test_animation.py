"""latent.animation."""

import os
import re
import subprocess
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from imageio_ffmpeg import count_frames_and_secs
from moviepy.video.io.VideoFileClip import VideoFileClip
from PIL import Image

from glyphnb.latent.animation import (
    _enlarge,
    check_film,
    loop_frames,
    save_animation,
    save_strip,
    to_clip,
)
from glyphnb.letters.glyphs import GlyphnbError


@pytest.mark.parametrize("n", [2, 3, 7, 90])
def test_a_loop_shows_no_end_twice_by_mistake(n):
    looped = loop_frames(np.arange(n)[:, None, None], hold=1).ravel()
    assert len(looped) == 2 * n - 2
    assert (np.diff(np.append(looped, looped[0])) != 0).all()


def test_a_film_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr("glyphnb.latent.animation._write_pillow", broken)
    with pytest.raises(OSError, match="no space"):
        save_animation(np.zeros((3, 4, 4), np.uint8), tmp_path / "film.gif")
    assert not list(tmp_path.iterdir())


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
        with pytest.raises(GlyphnbError, match="hold.*0"):
            loop_frames(np.zeros((3, 2, 2)), hold=0)

    def test_a_default_rest_is_a_fifth_of_a_leg(self):
        frames = np.arange(51)[:, None, None]
        assert (loop_frames(frames).ravel() == 0).sum() == 10
        assert (loop_frames(frames, waypoints=[0, 25, 50]).ravel() == 0).sum() == 5


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
        options = {"zoom": 3, "ink": "#1b3a6b", "paper": "#fff8e7", "levels": 4, "pixels": True}
        path = save_animation(frames, tmp_path / f"film{ending}", **options)
        (first, _), _ = timeline(path)
        assert first.shape == (24, 24, 3)
        palette = {(255, 248, 231), (179, 185, 190), (103, 121, 148), (27, 58, 107)}
        assert {tuple(c) for c in first.reshape(-1, 3).tolist()} == palette
        assert tuple(first[0, 0]) == (255, 248, 231) and tuple(first[-1, -1]) == (27, 58, 107)

    def test_pixels_are_squares_if_wanted(self, tmp_path):
        frames = np.zeros((2, 4, 4), np.uint8)
        frames[0, 1:3, 1:3] = frames[1, :2, :2] = 255
        for pixels in (True, False):
            path = save_animation(frames, tmp_path / "f.apng", zoom=4, pixels=pixels)
            (first, _), *_ = timeline(path)
            assert (len(np.unique(first)) == 2) == pixels

    @pytest.mark.parametrize("ending, once", [(".gif", None), (".apng", 1)])
    def test_it_plays_for_ever_or_once(self, tmp_path, ending, once):
        frames = pictures(0, 4)
        for repeat, loop in ((True, 0), (False, once)):
            path = save_animation(frames, tmp_path / f"f{ending}", repeat=repeat)
            with Image.open(path) as film:
                assert film.info.get("loop") == loop

    def test_a_rest_too_long_for_the_format_is_one_line(self, tmp_path):
        frames = np.repeat(np.array([0, 255], np.uint8), 80)[:, None, None]
        with pytest.raises(GlyphnbError, match="rest"):
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
        monkeypatch.setattr("moviepy.video.VideoClip.VideoClip.write_videofile", half)
        with pytest.raises(OSError, match="no space"):
            save_animation(pictures(1, 3), path)
        assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(
        "wrong, named",
        [
            ({"out": "film.avi"}, "film.avi"),
            ({"out": "film"}, "film"),
            ({"fps": 0}, "fps"),
            ({"fps": 51}, "fps"),
            ({"fps": float("nan")}, "fps"),
            ({"out": "film.mp4", "fps": 121}, "fps"),
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
            ({"frames": np.zeros((3, 4, 4, 2), np.uint8)}, "frames"),
        ],
    )
    def test_what_cannot_be_done_is_refused_and_leaves_nothing(self, tmp_path, wrong, named):
        options = {"frames": pictures(0, 3, 4, 4), "out": "film.gif", **wrong}
        options["out"] = tmp_path / "new" / options["out"]
        with pytest.raises(GlyphnbError, match=named):
            save_animation(**options)
        assert not list(tmp_path.iterdir())
        if "frames" not in wrong:
            del options["frames"]
            with pytest.raises(GlyphnbError, match=named):
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


@pytest.mark.parametrize("zoom", [1, 2, 8])
def test_zoom_redraws_outlines_where_they_are(tmp_path, zoom):
    "Discs with centres and radii between the pixels: the true picture at this size is known."
    y, x = np.mgrid[:32, :32]
    found = []
    for middle, radius in ((15.3, 9.4), (16.1, 4.7)):
        disc = np.clip(radius + 0.5 - np.hypot(y - middle, x - middle), 0, 1)
        found.append(np.rint(255 * disc).astype(np.uint8))
    path = save_strip(np.stack(found), tmp_path / "strip.png", zoom=zoom)
    drawn = 1 - np.asarray(Image.open(path))[..., 0] / 255
    if zoom == 1:
        np.testing.assert_allclose(drawn[:, :32], found[0] / 255)
    fine = (np.arange(32 * zoom) + 0.5) / zoom - 0.5
    for k, (middle, radius) in enumerate(((15.3, 9.4), (16.1, 4.7))):
        part = drawn[:, k * 34 * zoom :][:, : 32 * zoom]
        distance = zoom * (radius - np.hypot(fine[:, None] - middle, fine - middle))
        clear = np.abs(distance) > 1 + 0.1 * zoom  # pixels of the screen
        np.testing.assert_array_equal(part[clear] > 0.5, distance[clear] > 0)
        assert np.isin(part[clear], (0, 1)).all()  # the edge is as narrow as it was
        assert part.sum() / zoom**2 == pytest.approx(np.pi * radius**2, rel=0.03)


def test_letters_keep_their_ink_at_any_zoom(letters):
    from glyphnb.letters.typefaces import render_glyphs

    for glyphs in (
        letters,
        render_glyphs("latin-lower", "Computer Modern", 64),
    ):  # it has hairlines
        large = _enlarge(glyphs.ink, 4, pixels=False)
        kept = large.sum(axis=(1, 2)) / 16 / glyphs.ink.sum(axis=(1, 2))
        assert np.abs(kept - 1).max() < 0.06


def test_wide_frames_stand_below_one_another(tmp_path):
    frames = pictures(3, 3, 5, 20)
    for right_to_left in (False, True):
        path = save_strip(frames, tmp_path / "strip.png", right_to_left=right_to_left)
        strip = 255 - np.asarray(Image.open(path))[..., 0]
        np.testing.assert_array_equal(
            strip, np.concatenate(np.pad(frames, ((0, 0), (0, 2), (0, 0))))[:-2]
        )


def opened(path, frame=0):
    with Image.open(path) as image:
        image.seek(frame)
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("ending", ENDINGS)
def test_coloured_letters_keep_their_colours(tmp_path, ending):
    frames = np.zeros((3, 16, 16, 3), np.uint8)
    frames[0, 4:12, 2:8, 0] = 255  # takes red away: cyan
    frames[:, 4:12, 8:14, 1:] = 200  # red
    out = save_animation(frames, tmp_path / f"film{ending}", zoom=2)
    if ending in (".mp4", ".webm"):
        assert count_frames_and_secs(str(out))[0] == 3
        with VideoFileClip(str(out)) as clip:
            first = clip.get_frame(0).astype(int)
    else:
        first = opened(out)
    tolerance = 60 if ending in (".mp4", ".webm") else 12  # video has half of the colours
    for place, colour in (
        ((1, 1), [255] * 3),
        ((16, 10), [0, 255, 255]),
        ((16, 22), [255, 55, 55]),
    ):
        assert abs(first[place] - colour).max() <= tolerance, (place, first[place])
    if ending == ".gif":
        assert (opened(out, 1)[:4] == 255).all()  # two frames are equal, and Pillow merges them


def test_colours_on_paper_and_larger():
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    frames[:, 2:6, 2:6, 0] = 255
    clip = to_clip(frames, paper="#80ff40")
    assert clip.get_frame(0)[0, 0].tolist() == [128, 255, 64]
    assert clip.get_frame(0)[3, 3].tolist() == [0, 255, 64]
    with pytest.raises(GlyphnbError, match="these are coloured; got 'red'"):
        to_clip(frames, ink="red")
    grey = frames[..., 0]
    large, flat = (_enlarge(f, 4, pixels=False) for f in (frames, grey))
    assert not large[..., 1:].any()  # a pure ink stays pure
    assert abs(large[..., 0].astype(int) - flat).mean() < 8  # its outline is that of grey ink
    assert np.array_equal(_enlarge(frames, 3, pixels=True)[:, ::3, ::3], frames)
