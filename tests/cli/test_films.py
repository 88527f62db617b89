"""cli.films: a word there and back, read again from the film."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs
from PIL import Image

from glyphnb.letters.files import save_glyphs
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.conditional import ConditionalVAE
from glyphnb.vae.pretrained import NumpyVAE
from glyphnb.vae.vae import VAE

PATHS = ("lerp", "slerp", "spline", "geodesic", "dense", "transport")


def timeline(path):
    with Image.open(path) as film:
        for k in range(film.n_frames):
            film.seek(k)
            yield np.asarray(film.convert("RGB")), film.info["duration"]


def test_the_plainest_call(here, run):
    done = run("morph", "ف", "ق", "--steps", "12", cwd=here)
    assert done.returncode == 0 and done.stderr == ""
    assert [path.name for path in here.iterdir()] == ["morph.gif"]
    with Image.open("morph.gif") as film:
        assert film.is_animated and film.size == (256, 256)


def test_a_letter_that_the_model_confuses_is_named(here, run):
    done = run("morph", "ج", "ق", "--steps", "4", cwd=here)
    assert done.returncode == 0 and done.stderr == "glyphnb: the model draws ج like ح\n"


def test_a_word_there_and_back(here, glyphnb, letters):
    done = glyphnb("morph", "سلام", "--steps", 12, "--hold", 3, "--fps", 20)
    frames = 2 * (3 * 11 + 1) - 2 + (2 + 2 * 2) * 2
    assert f"س ل ا م, {frames} frames, {frames / 20:.2f} s" in done.out
    shown = list(timeline("morph.gif"))
    assert sum(duration for _, duration in shown) == pytest.approx(1000 * frames / 20)
    first = 255 - shown[0][0][::4, ::4, 0]
    nearest = ((letters.ink.astype(float) - first) ** 2).sum(axis=(1, 2)).argmin()
    assert letters.letters[nearest] == "س"


@pytest.mark.parametrize("loop, segments, visits", [("round", 3, 3), ("once", 2, 3)])
def test_round_and_once(here, glyphnb, loop, segments, visits):
    words = ["ب", "ق", "م", "--steps", 8, "--hold", 2, "--loop", loop, "--out", "f.mp4"]
    assert glyphnb("morph", *words).status == 0
    count, _ = count_frames_and_secs("f.mp4")
    assert count == 7 * segments + (loop == "once") + visits


def test_every_option_together(here, glyphnb):
    for path in PATHS:
        word = "سم" if path == "geodesic" else "سمم ع"  # it takes seconds
        words = [word, "--path", path, "--ease", "smooth", "--steps", 6, "--zoom", 2]
        words += ["--ink", "#1b3a6b", "--paper", "#fff8e7", "--pixels", "--levels", 8]
        words += ["--out", f"{path}.gif", "--strip", f"{path}.png"]
        assert glyphnb("morph", *words).status == 0
        (first, _), *_ = timeline(f"{path}.gif")
        assert first.shape == (128, 128, 3) and tuple(first[0, 0]) == (255, 248, 231)
    assert len({Path(f"{path}.gif").read_bytes() for path in PATHS}) == len(PATHS)


def test_a_strip_is_read_as_the_word_is(here, glyphnb, letters):
    vae = NumpyVAE()
    words = ["بق", "--out", "film.png", "--zoom", 1, "--steps", 30]
    assert glyphnb("morph", *words).status == 0
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
        (["بق", "--steps", 1], "--steps"),
        (["بق", "--hold", 0], "--hold"),
        (["بق", "--fps", 0], "--fps"),
        (["بق", "--out", "film.avi"], "film.avi"),
        (["بق", "--strip", "film.jpg"], "film.jpg"),
        (["بق", "--ink", "blueish"], "--ink"),
        (["بق", "--paper", "black"], "differ"),
        (["بق", "--zoom", 0], "--zoom"),
        (["بق", "--levels", 999], "--levels"),
        (["بق", "--model", "nowhere.keras"], "nowhere.keras"),
        (["ab", "--letters", "abc"], "--model"),
        (["ab", "--images", "scans"], "--model"),
        (["سلام", "--into", "سلام"], "different word"),
        (["سلام", "--into", "سQ"], "got Q"),
        ([" ", "--into", "سلام"], "a letter"),
        (["سلام", "--path", "straight"], "--path"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(here, refused, words, named):
    refused(["morph", *words], named)


def test_a_wrong_colour_is_refused_before_anything_takes_time(here, refused, monkeypatch):
    monkeypatch.setattr("glyphnb.latent.words.film_word", None)
    for words in (("--ink", "blueish"), ("--out", "f.avi"), ("--strip", "f.gif")):
        refused(["morph", "بق", *words], words[1])


def test_an_interrupt_leaves_neither_film_nor_strip(here, glyphnb, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("glyphnb.latent.animation.Image.Image.save", interrupted)
    done = glyphnb("morph", "بق", "--steps", 5, "--strip", "strip.png")
    assert done.status == 130 and not list(here.iterdir())


def test_the_shipped_model_needs_neither_keras_nor_scipy(here):
    code = (
        "import sys; from glyphnb.cli.main import main; main(['morph', 'بق', '--steps', '5']);"
        "print(sorted({'keras', 'tensorflow', 'scipy', 'moviepy'} & set(sys.modules)))"
    )
    out = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert out.splitlines()[-1] == "[]"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    VAE(latent_dim=3, shape=(32, 32, 1)).save(place / "vae.keras")
    return place / "vae.keras"


class TestOwnModels:
    def test_letters_of_a_typeface(self, here, model, glyphnb, refused):
        words = ["morph", "fig", "--model", model, "--steps", 5, "--zoom", 1]
        done = glyphnb(*words, "--font", "STIX Italic", "--letters", "fghij")
        assert done.status == 0 and "f i g" in done.out
        with Image.open("morph.gif") as film:
            assert film.size == (32, 32)
        refused([*words, "--letters", "latin", "--out", "x.gif"], "knows A B C .*got f i g")

    def test_letters_in_a_folder_by_their_file_names(self, here, model, glyphnb, refused):
        save_glyphs(render_glyphs("xyz", size=90), here / "scans", stem="hand")
        words = ["--model", model, "--images", "scans", "--steps", 5]
        (here / "scans" / "bad.png").write_bytes(b"oops")
        refused(["morph", "xz", *words], "bad.png")
        done = glyphnb("morph", "xz", *words, "--skip-unreadable")
        assert "x z" in done.out and "bad.png" in done.err  # as the folder's own record has it
        (here / "scans" / "bad.png").unlink()
        (here / "scans" / "provenance.json").unlink()
        done = glyphnb("morph", "hand_0", "hand_2", *words, "--path", "geodesic")
        assert "hand_0 hand_2" in done.out
        refused(["morph", "hand_0", "hand_7", *words], "knows hand_0 hand_1 hand_2")
        refused(["morph", "hand_0", "hand_2", *words, "--font", "STIX"], "--images comes instead")

    def test_a_model_that_needs_a_label_is_refused(self, here, refused):
        ConditionalVAE(n_classes=3, shape=(32, 32, 1)).save("labelled.keras")
        refused(["morph", "ab", "--model", "labelled.keras", "--letters", "abc"], "with labels")


def test_a_word_lasts_seconds(here, glyphnb, refused):
    done = glyphnb("morph", "سلام", "--zoom", 1)
    assert 8 < float(re.search(r"([\d.]+) s$", done.out.strip())[1]) < 9
    done = glyphnb("morph", "سلام", "--zoom", 1, "--seconds", 3, "--out", "short.gif")
    assert 2.6 < float(re.search(r"([\d.]+) s$", done.out.strip())[1]) < 3.4
    refused(["morph", "سلام", "--seconds", 0, "--out", "none.gif"], "--seconds must be above 0")


@pytest.mark.parametrize("out", ["film.gif", "film.mp4", "film.png"])
def test_a_word_turns_into_another(here, glyphnb, refused, out):
    words = ["morph", "سلام", "--into", "قلب", "--out", out, "--zoom", 2, "--strip", "strip.png"]
    done = glyphnb(*words, "--seconds", 2, "--path", "transport")
    assert done.status == 0 and "سلام قلب" in done.out
    assert 1.8 < float(re.search(r"([\d.]+) s$", done.out.strip())[1]) < 2.2
    strip = 255 - np.asarray(Image.open("strip.png"))[..., 0]
    rows, gap = strip.shape[0] // 13, 4
    first, last = strip[: 128 - gap], strip[-128:]
    for row, word in ((first, "سلام"), (last, "قلب")):  # a gap of paper between two letters
        ink = np.flatnonzero(row.max(axis=0) > 127)
        assert (np.diff(ink) > 6).sum() == len(word) - 1
    assert rows == 128 + gap - 1 and strip.shape[1] > strip.shape[0] / 13
    if out == "film.gif":
        with Image.open(out) as film:
            assert film.size == (strip.shape[1], 128)
    if out == "film.mp4":
        assert count_frames_and_secs(out)[0] == int(re.search(r"(\d+) frames", done.out)[1])


def test_words_follow_words(here, glyphnb):
    words = ["سلام", "--into", "قلب", "--into", "ملك", "--loop", "round", "--steps", 6, "--hold", 2]
    done = glyphnb("morph", *words, "--zoom", 1)
    assert f"سلام قلب ملك, {3 * (5 + 1)} frames" in done.out
