"""cli.models: the demo as a user runs it, from a font and from images, and the doctor."""

import html.parser
import json
import signal
import subprocess
import time
from types import SimpleNamespace

import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs
from PIL import Image
from waiting import until

from glyphnb.cli.films import model_and_letters
from glyphnb.cli.models import images_of
from glyphnb.letters.files import read_provenance, save_glyphs
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.show.pixels import load_image
from glyphnb.vae.pretrained import open_model, save_model
from glyphnb.vae.vae import VAE


def test_the_demo_announces_its_steps_and_says_nothing_else(demo):
    said = [line for line in demo.said.stdout.splitlines() if line]
    assert [line[:5] for line in said[:-1]] == [f"[{n}/8]" for n in range(1, 9)]
    assert said[-1] == "Done. Open made/index.html" and demo.said.stderr == ""


def test_the_demo_writes_what_it_promises(demo):
    folders = ("originals", "converted", "augmented/train", "augmented/fresh")
    counts = [len(list((demo.out / name).glob("*.png"))) for name in folders]
    assert counts == [10, 10, 108, 12]
    paper, ink = (load_image(demo.out / name / "d.png") for name in folders[:2])
    assert paper.shape == (1000, 1000) and (paper == 255 - ink).all() and np.median(paper) == 255
    assert load_image(demo.out / "augmented/train/train_00000.png").shape == (64, 64)
    for name in ("autoencoder", "denoiser", "vae"):
        assert list((demo.out / "logs" / name).rglob("events*"))
    for path in demo.out.glob("*.png"):
        with Image.open(path) as image:
            assert np.asarray(image.convert("L")).std() > 1, path
    with Image.open(demo.out / "morph.gif") as film:
        assert film.is_animated
    assert count_frames_and_secs(str(demo.out / "morph.mp4"))[0] == 2 * 90 - 2 + 2 * 17


def test_the_metrics_tell_the_questions_apart(demo):
    metrics = json.loads((demo.out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["seed"] == 3 and sum(metrics["images"].values()) == 120
    assert sorted(metrics["letters"]["known"]) == list("abcdefghij")
    assert metrics["letters"]["held_out"] == []  # the models that are kept have learned them all
    assert set(metrics["morph"]) <= set("abcdefghij") and metrics["source"] == "DejaVu Sans"
    for losses in metrics["nats_per_glyph"].values():
        for nats in losses.values():
            assert nats["entropy"] < nats["loss"]
    assert list(metrics["nats_per_glyph"]["vae without them"]) == ["fresh", "unseen"]
    assert metrics["held_out"]["letters"]["held_out"] == ["c"]
    assert {"samples", "sheet", "morphs", "copies"} <= set(metrics["drawing"])


def test_the_models_open(demo):
    for name, latent_dim in (("autoencoder", 128), ("denoiser", 128), ("vae", 16)):
        model = open_model(demo.out / f"{name}.keras")
        assert model.encode(np.zeros((3, 64, 64, 1))).shape == (3, latent_dim)
        assert sorted(model.letters.letters) == list("abcdefghij")
        assert model.recipe["samples"] == 120
    assert model.prior.sample(4).shape == (4, 16)


def test_a_model_of_the_demo_knows_its_letters(here, demo, glyphnb, refused):
    path = demo.out / "vae.keras"
    drawn, (_, glyphs) = render_glyphs("a-j", size=64), model_and_letters(path, *[None] * 3)
    (here / "alone.keras").write_bytes(path.read_bytes())  # the file is enough
    done = glyphnb("morph", "badhi", "--model", "alone.keras", "--steps", 5)
    assert "b a d h i, " in done.out, done.err
    refused(["morph", "hello", "--model", path], "got l o")
    # What is filmed is the letter of that name.
    for name, ink in zip(glyphs.letters, glyphs.ink, strict=True):
        np.testing.assert_array_equal(ink, drawn.ink[drawn.letters == name][0])


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
    text = (demo.out / "index.html").read_text(encoding="utf-8")
    places = [text.index(word) for word in ('class="film"', "<h2>Explore", "What to type next")]
    assert places == sorted(places)
    page = Page(text)
    assert len(page.images) == 8 and not page.outside
    assert all(image["alt"] for image in page.images)


def test_the_report_holds_an_explorer(demo, new_page):
    page = new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.goto((demo.out / "index.html").as_uri())
    page.wait_for_selector(".glyphnb-pad .plane")
    page.select_option(".glyphnb-pad select", label="d")
    until(page, lambda: page.inner_text(".near") == "at d")
    ink = page.evaluate("""() => { const pad = document.querySelector(".glyphnb-pad").glyphnb;
        return Array.from(pad.backend.decode(pad.code)); }""")
    model = open_model(demo.out / "vae.keras")
    wanted = model.decode(model.encode(model.letters[model.letters.letters == "d"]))
    assert abs(np.reshape(ink, wanted.shape) - wanted).max() < 0.02  # of half precision
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_second_run_gives_the_same_bytes_and_keeps_what_is_yours(demo, glyphnb, monkeypatch):
    "The first run was in a process of its own; this one is in a process that has trained before."
    names = ("metrics.json", "morph.gif", "latent_grid.png", "samples.png", "codes.png")
    before = {name: (demo.out / name).read_bytes() for name in names}
    (demo.out / "my notes.txt").write_text("mine")
    (demo.out / "metrics.json").unlink()
    monkeypatch.chdir(demo.out.parent)
    again = glyphnb(*demo.words)
    assert again.status == 0, again.err
    for name in names:
        assert (demo.out / name).read_bytes() == before[name], name
    assert (demo.out / "my notes.txt").read_text() == "mine"
    (demo.out / "my notes.txt").unlink()


def test_one_bit_scans_of_all_sizes_become_a_demo(glyphnb, here):
    drawn = render_glyphs("abcdefg", "STIX Italic", size=90)
    (here / "scans").mkdir()
    for i, (ink, letter) in enumerate(zip(drawn.ink, drawn.letters, strict=True)):
        image = Image.fromarray(255 - ink).point(lambda v: 255 * (v > 127)).convert("1")
        image.resize((90 + 13 * i, 120 - 7 * i)).save(here / "scans" / f"{letter}.png")
    (here / "scans" / "bad.png").write_bytes(b"oops")
    words = ["demo", "--images", "scans", "--out", "out", "--samples", "100", "--epochs", "2"]
    refused = glyphnb(*words)
    assert refused.status == 2 and "bad.png" in refused.err
    assert [path.name for path in here.iterdir()] == ["scans"]
    done = glyphnb(*words, "--skip-unreadable")
    assert done.status == 0 and "bad.png" in done.err, done.err
    metrics = json.loads((here / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert sorted(metrics["letters"]["known"]) == list("abcdefg")
    assert len(list((here / "scans").iterdir())) == 8
    assert read_provenance(here / "out")


@pytest.mark.parametrize(
    "words, named",
    [
        (["--images", "absent"], "absent"),
        (["--images", "empty"], "empty"),
        (["--images", "file.txt"], "file.txt"),
        (["--font", "file.txt"], "file.txt"),
        (["--font", "absent.ttf"], "absent.ttf"),
        (["--letters", "中"], "中"),
        (["--letters", "a"], "at least 2"),
        (["--hold-out", "Q"], "--hold-out"),
        (["--font", "Computer Modern Typewriter", "--letters", "abج"], "ج"),
        (["--samples", "5"], "--samples"),
        (["--images", "empty", "--letters", "ab"], "--images"),
        (["--out", "file.txt"], "file.txt"),
        (["--out", "theirs"], "theirs"),
        (["--out", "file.txt/inside"], "file.txt"),
    ],
)
def test_a_demo_that_cannot_be_is_refused(here, refused, words, named):
    (here / "empty").mkdir()
    (here / "theirs").mkdir()
    (here / "theirs" / "thesis.tex").write_text("years of work")
    (here / "file.txt").write_text("text")
    refused(["demo", *words], named)


def test_an_interrupt_leaves_nothing(here):
    process = subprocess.Popen(
        ["glyphnb", "demo", "--out", "out"],
        # A shell makes its background jobs ignore interrupts, and CI may be one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "[3/7]" in line:
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    assert not list(here.iterdir())


def test_the_doctor_writes_one_page(here, glyphnb, refused):
    done = glyphnb("doctor", "--importance-samples", "20")
    assert done.status == 0, done.err
    page = (here / "doctor.html").read_text(encoding="utf-8")
    assert "2 of 2 latent axes" in page and 'src="data:image/png' in page and "{" not in page[5000:]
    for question in ("divergence of each latent axis", "holes", "copies", "0% of the examined"):
        assert question in page and question in done.out
    letters = render_glyphs("a-j", size=32)
    save_glyphs(letters, "letters")
    save_model(VAE(2, arch="dense", shape=(32, 32, 1)), "small.keras", letters)
    words = ["doctor", "small.keras", "--images", "letters", "--train", "letters"]
    (here / "letters" / "bad.png").write_bytes(b"oops")
    refused(words, "bad.png")
    words += ["--importance-samples", "20", "--skip-unreadable"]
    done = glyphnb(*words)  # its own page is replaced
    assert done.status == 0 and "skipped letters/bad.png" in done.err
    assert "100% of the examined images are training" in (here / "doctor.html").read_text("utf-8")


def test_the_doctor_refuses_what_is_no_model(here, refused):
    (here / "letter.keras").write_text("Dear sir")
    refused(["doctor", "nowhere.keras"], "nowhere.keras")
    refused(["doctor", "letter.keras"], "letter.keras")
    refused(["doctor", "--out", "letter.keras"], "letter.keras")


def test_the_doctor_of_a_damaged_model_says_so(here, glyphnb):
    model = VAE(2, shape=(32, 32, 1))
    weights = model.encoder.get_weights()
    weights[0][:] = np.nan
    model.encoder.set_weights(weights)
    save_model(model, "damaged.keras", render_glyphs("abc", size=32))
    done = glyphnb("doctor", "damaged.keras")
    assert done.status == 0 and "weights of the encoder are not finite" in done.out, done.err
    assert "not finite" in (here / "doctor.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("recipe", [{"samples": 10**12, "seed": 0}, {"samples": 9}, {"seed": 1}])
def test_a_recipe_that_nobody_can_follow_is_left_out(shapes, recipe):
    "The first one would fill the memory."
    known, fresh = images_of(SimpleNamespace(letters=shapes, shape=(8, 8, 1), recipe=recipe))
    assert known is None and len(fresh) == 1000
