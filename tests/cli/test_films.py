"""cli.films."""

import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs
from PIL import Image

from glyphnb.cli.main import main
from glyphnb.letters.files import save_glyphs
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.UNKNOWN import run_demo
from glyphnb.vae.pretrained import NumpyVAE
from glyphnb.vae.vae import VAE

GLYPHNB = str(Path(sys.executable).with_name("glyphnb"))


def run(*words, cwd, **environment):
    return subprocess.run(
        [GLYPHNB, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )


def fails_with_one_line(done, *words):
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("glyphnb: error: "), done.stderr
    for word in words:
        assert str(word) in lines[0]


def test_morph_from_the_shipped_model(tmp_path):
    done = run("morph", "ج", "ق", "--steps", "12", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "morph.gif") as film:
        assert film.is_animated and film.size == (256, 256)
    for words, named in (
        (["ج", "Q"], "Q"),
        (["ج", "ق", "--steps", "1"], "n_steps"),
        (["ج", "ق", "--fps", "0"], "fps"),
        (["ج", "ق", "--out", "film.avi"], "film.avi"),
    ):
        fails_with_one_line(run("morph", *words, cwd=tmp_path), named)
    assert [path.name for path in tmp_path.iterdir()] == ["morph.gif"]


def timeline(path):
    with Image.open(path) as film:
        for k in range(film.n_frames):
            film.seek(k)
            yield np.asarray(film.convert("RGB")), film.info["duration"]


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
