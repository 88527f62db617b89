"""cli.pages: a page of a model, and files for other programs, by command."""

import numpy as np
import pytest

from glyphnb import VAE, GlyphSet, save_model
from glyphnb.letters.files import save_glyphs


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    "Files of small models: with letters, without, with labels, and with a layer of one's own."
    import keras

    from glyphnb import ConditionalVAE

    place = tmp_path_factory.mktemp("models")
    ink = np.zeros((3, 8, 8), np.uint8)
    ink[0, 2:6, 3], ink[1, 3, 2:6], ink[2, 2:6, 2:6] = 255, 255, 255
    save_model(
        VAE(3, shape=(8, 8, 1)), place / "named.keras", GlyphSet(ink, list("abc"), ["me"] * 3)
    )
    save_model(VAE(2, shape=(8, 8, 1)), place / "bare.keras")
    save_model(ConditionalVAE(2, shape=(8, 8, 1)), place / "labels.keras")
    x = keras.Input((2,))
    turned = keras.layers.Reshape((8, 8, 1))(keras.layers.RandomFlip()(keras.layers.Reshape(
        (8, 8, 1))(keras.layers.Dense(64)(x))))  # fmt: skip
    own = VAE(2, shape=(8, 8, 1), decoder=keras.Model(x, turned))
    save_model(own, place / "own.keras")
    return place


def test_a_page_of_the_shipped_model_needs_no_keras(here, run):
    done = run("explore", "-o", "page.html", cwd=here, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0 and done.stdout.startswith("Wrote page.html, 1,")
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "glyphnb.latent.explorer" in loaded and not {"keras", "tensorflow"} & loaded
    assert "21 letters on a plane" in (here / "page.html").read_text("utf-8")


def test_a_page_of_a_file(here, glyphnb, files, letters, refused):
    done = glyphnb("explore", files / "named.keras")
    assert done.status == 0 and done.out.startswith("Wrote explore.html, "), done.err
    whole = (here / "explore.html").read_text("utf-8")
    assert "named.keras: 3 letters in 3 numbers" in whole
    assert glyphnb("explore", files / "named.keras", "--half").status == 0  # it replaces its own
    assert len((here / "explore.html").read_text("utf-8")) < 0.75 * len(whole)
    done = glyphnb("explore", files / "bare.keras", "-o", "bare.html")
    assert "no letters" in done.out and "--images" in done.out
    done = glyphnb("explore", files / "bare.keras", "--letters", "xyz", "-o", "xyz.html")
    assert "no letters" not in done.out
    assert "bare.keras: 3 letters on a plane" in (here / "xyz.html").read_text("utf-8")
    save_glyphs(letters[:3], here / "scans")
    (here / "scans" / "bad.png").write_bytes(b"oops")
    own = ["explore", files / "bare.keras", "--images", "scans", "-o", "own.html"]
    refused(own, "bad.png")
    refused([*own, "--paper", "grey"], "white.*black")
    assert glyphnb(*own, "--skip-unreadable").status == 0
    assert "bare.keras: 3 letters on a plane" in (here / "own.html").read_text("utf-8")
    refused([*own, "--max-pixels", "9"], "--max-pixels, 9")


def test_what_cannot_be_a_page_is_said_in_one_line(here, files, refused):
    refused(["explore", "none.keras"], "none.keras")
    refused(["explore", files / "labels.keras"], "labels")
    refused(["explore", files / "own.keras"], "random_flip", "RandomFlip", "browser")
    refused(["explore", "--letters", "abc"], "--model")
    (here / "mine.html").write_text("my page")
    refused(["explore", "-o", "mine.html"], "mine.html")
    assert (here / "mine.html").read_text() == "my page"


def test_an_export_says_in_one_line_what_it_wrote(here, glyphnb, files, refused):
    done = glyphnb("export", files / "named.keras", "--format", "onnx,javascript")
    assert done.status == 0 and done.out.startswith("Wrote exported: onnx (checked: "), done.err
    assert done.out.count("\n") == 1 and "savedmodel" not in done.out and not done.err
    assert "3: a b c" in (here / "exported" / "README.md").read_text("utf-8")
    refused(["export", files / "named.keras", "--format", "tflite"], "--format", "onnx", "tflite")
    refused(["export", files / "named.keras", "--format", ","], "--format")
    refused(["export", "none.keras"], "none.keras")
    refused(["export", files / "own.keras", "--format", "onnx"], "RandomFlip", "ONNX")
    (here / "exported" / "README.md").write_text("my words")
    refused(["export", files / "named.keras"], "was changed")


def test_a_format_that_cannot_be_written_is_left_out(here, glyphnb, files):
    done = glyphnb("export", files / "own.keras")
    first, *others = done.out.splitlines()
    assert done.status == 0 and first.startswith("Wrote exported: savedmodel, README.md"), done.err
    assert [line.split(":")[0] for line in others] == ["Left out onnx", "Left out javascript"]
    names = sorted(path.name for path in (here / "exported").iterdir())
    assert names == [".glyphnb.json", "README.md", "savedmodel"]


def test_the_shipped_model_is_exported_without_keras(here, run):
    words = ("export", "--format", "javascript,onnx", "--out", "o")
    done = run(*words, cwd=here, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0 and done.stdout.startswith("Wrote o: "), done.stderr
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "onnxruntime" in loaded and not {"keras", "tensorflow"} & loaded
