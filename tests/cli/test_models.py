"""cli.models."""

import html.parser
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs
from PIL import Image

from glyphnb.letters.files import save_glyphs
from glyphnb.letters.folders import load_image
from glyphnb.letters.typefaces import find_fonts, render_glyphs

GLYPHNB = str(Path(sys.executable).with_name("glyphnb"))


FEW = ["--samples", "120"]


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


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    "Two runs of the demo with one seed."
    place = tmp_path_factory.mktemp("demo")
    for out in ("one", "two"):
        done = run("demo", "--out", out, "--seed", "3", *FEW, cwd=place)
        assert done.returncode == 0, done.stderr
        assert "Done. Open" in done.stdout and "[8/8]" in done.stdout
        assert "port.cc" not in done.stderr and "Warning" not in done.stderr
    return place


def test_the_demo_repeats(demo):
    for name in ("metrics.json", "morph.gif", "latent_grid.png", "samples.png", "codes.png"):
        assert (demo / "one" / name).read_bytes() == (demo / "two" / name).read_bytes(), name


def test_the_demo_writes_what_it_promises(demo):
    made = demo / "one"
    folders = ("originals", "converted", "augmented/train", "augmented/fresh", "augmented/unseen")
    counts = [len(list((made / name).iterdir())) for name in folders]
    assert counts == [21, 21, 96, 12, 12]
    paper, ink = (
        load_image(made / "originals/original_3.png"),
        load_image(made / "converted/original_3.png"),
    )
    assert paper.shape == (1000, 1000) and (paper == 255 - ink).all() and np.median(paper) == 255
    assert load_image(made / "augmented/train/train_00000.png").shape == (64, 64)
    for name in ("autoencoder", "denoiser", "vae"):
        assert list((made / "logs" / name).rglob("events*"))
    for path in made.glob("*.png"):
        with Image.open(path) as image:
            image.load()
            assert np.asarray(image.convert("L")).std() > 1, path
    with Image.open(made / "morph.gif") as film:
        assert film.is_animated
    assert count_frames_and_secs(str(made / "morph.mp4"))[0] == 2 * 90 - 2 + 2 * 17


def test_the_metrics_tell_the_questions_apart(demo):
    metrics = json.loads((demo / "one" / "metrics.json").read_text())
    assert metrics["seed"] == 3 and sum(metrics["images"].values()) == 120
    known, held_out = (metrics["letters"][key] for key in ("known", "held_out"))
    assert len(known) == 17 and len(held_out) == 4 and not set(known) & set(held_out)
    assert set(metrics["morph"]) <= set(known)
    for losses in metrics["nats_per_glyph"].values():
        for nats in losses.values():
            assert nats["entropy"] < nats["loss"]


def test_the_models_open(demo):
    import keras

    import glyphnb.vae  # noqa: F401  registers the classes

    for name, latent_dim in (("autoencoder", 128), ("vae", 2)):
        model = keras.saving.load_model(demo / "one" / f"{name}.keras")
        assert model.encode(np.zeros((3, 64, 64, 1))).shape == (3, latent_dim)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.images, self.outside = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            self.images.append(attributes)
        for key in ("src", "srcset", "href"):
            if key in attributes and not attributes[key].startswith("data:"):
                self.outside.append(attributes[key])


def test_the_report_stands_alone(demo):
    page = Page((demo / "one" / "index.html").read_text(encoding="utf-8"))
    assert len(page.images) == 8 and not page.outside
    assert all(image["alt"] for image in page.images)


def test_a_second_run_replaces_the_first_and_nothing_else(demo):
    (demo / "two" / "my notes.txt").write_text("mine")
    done = run("demo", "--out", "two", "--seed", "4", "--letters", "digits", *FEW, cwd=demo)
    assert done.returncode == 0, done.stderr
    assert (demo / "two" / "my notes.txt").read_text() == "mine"
    assert len(list((demo / "two" / "originals").iterdir())) == 10
    assert json.loads((demo / "two" / "metrics.json").read_text())["seed"] == 4


def test_a_folder_of_one_bit_scans_of_all_sizes(tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    drawn = render_glyphs("abcdefg", "STIX Italic", size=90)
    for i, (ink, letter) in enumerate(zip(drawn.ink, drawn.letters, strict=True)):
        image = Image.fromarray(255 - ink).point(lambda v: 255 * (v > 127)).convert("1")
        image.resize((90 + 13 * i, 120 - 7 * i)).save(scans / f"{letter}.png")
    done = run("demo", "--images", "scans", "--out", "out", *FEW, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert sorted(metrics["letters"]["known"] + metrics["letters"]["held_out"]) == list("abcdefg")
    assert sorted(path.name for path in scans.iterdir()) == [f"{c}.png" for c in "abcdefg"]
    (scans / "bad.png").write_bytes(b"oops")
    fails_with_one_line(
        run("demo", "--images", "scans", "--out", "new", *FEW, cwd=tmp_path), "bad.png"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "scans"]


def test_a_typeface_without_arabic(tmp_path):
    font = find_fonts()["Computer Modern Typewriter"]
    done = run("demo", "--font", font, "--out", "out", *FEW, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert "A" in metrics["letters"]["known"] + metrics["letters"]["held_out"]
    done = run("demo", "--font", font, "--letters", "abج", "--out", "x", *FEW, cwd=tmp_path)
    fails_with_one_line(done, "ج")


def test_an_interrupt_leaves_nothing(tmp_path):
    process = subprocess.Popen(
        [GLYPHNB, "demo", "--out", "out"],
        cwd=tmp_path,
        # A shell makes its background jobs ignore interrupts, and CI may be one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "[3/8]" in line:
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    assert not list(tmp_path.iterdir())


def test_the_doctor_writes_one_page_and_refuses_what_is_no_model(tmp_path):
    done = run("doctor", "-k", "20", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "doctor.html").read_text(encoding="utf-8")
    assert "2 of 2 latent axes" in page and 'src="data:image/png' in page and "$" not in page
    for examined in (
        "price of each axis",
        "holes",
        "copies",
        "0% of the images are training images",
    ):
        assert examined in page
    save_glyphs(render_glyphs("arabic", size=64), tmp_path / "letters")
    both = "--images", "letters", "--train", "letters"  # its own page is replaced
    assert run("doctor", "-k", "20", *both, cwd=tmp_path).returncode == 0
    assert "100% of the images are training" in (tmp_path / "doctor.html").read_text("utf-8")
    (tmp_path / "letter.keras").write_text("Dear sir")
    fails_with_one_line(run("doctor", "nowhere.keras", cwd=tmp_path), "nowhere.keras")
    fails_with_one_line(run("doctor", "letter.keras", cwd=tmp_path), "letter.keras")
    fails_with_one_line(run("doctor", "--out", "letter.keras", cwd=tmp_path), "letter.keras")
    assert (tmp_path / "letter.keras").read_text() == "Dear sir"
