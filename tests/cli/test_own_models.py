"""cli.own_models: a VAE of one's own letters by command, and what it draws."""

import numpy as np
import pytest
from PIL import Image

from glyphnb import ConditionalVAE, open_model, render_glyphs
from glyphnb.cli.models import images_of
from glyphnb.cli.own_models import names_or_number
from glyphnb.letters.files import save_glyphs

QUICK = ["--samples", 100, "--epochs", 2, "--arch", "dense", "--size", 32]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    "A model of five letters in a folder, and what was said."
    from glyphnb.cli.main import main

    place = tmp_path_factory.mktemp("trained")
    save_glyphs(render_glyphs("abcde", size=90), place / "scans")
    words = ["train", "--images", place / "scans", "--out", place / "vae.keras", *QUICK]
    assert main([str(word) for word in words]) == 0
    return place / "vae.keras"


def test_the_file_is_all_that_a_film_needs(trained, here, glyphnb, refused):
    (here / "sent.keras").write_bytes(trained.read_bytes())
    done = glyphnb("morph", "decade", "--model", "sent.keras", "--steps", 5)
    assert done.status == 0 and "d e c a d e" in done.out
    refused(["morph", "fade", "--model", "sent.keras"], "knows a b c d e", "got f")


def test_the_file_tells_how_it_was_made(trained):
    model = open_model(trained)
    assert model.letters.letters.tolist() == list("abcde") and model.shape == (32, 32, 1)
    assert model.recipe["samples"] == 100 and model.recipe["source"].endswith("scans")
    assert model.prior.sample(3).shape == (3, 16)
    known, fresh = images_of(model)  # made again by the recipe
    assert len(known) == 90 and set(known.letters) == set("abcde") == set(fresh.letters)


def size_of(path):
    with Image.open(path) as image:
        return image.size


@pytest.mark.parametrize("model", [[], ["own"]])
def test_it_draws(trained, here, glyphnb, model):
    model, side = ([trained], 32) if model else ([], 64)
    assert glyphnb("sample", *model, "--samples", 30).status == 0
    assert glyphnb("grid", *model, "--samples", 4).status == 0
    assert glyphnb("reconstruct", *model).status == 0
    assert size_of("grid.png") == (4 * side + 3 * 2, 4 * side + 3 * 2)
    n = 5 if model else 12
    assert size_of("samples.png")[0] == 12 * side + 11 * 2
    width, height = size_of("reconstructions.png")
    assert width == n * side + (n - 1) * 2 and height == (2 if model else 4) * (side + 2) - 2
    before = Image.open("samples.png").tobytes()
    assert glyphnb("sample", *model, "--samples", 30).status == 0
    assert Image.open("samples.png").tobytes() == before
    assert glyphnb("sample", *model, "--samples", 30, "--seed", 1).status == 0
    assert Image.open("samples.png").tobytes() != before


def test_reconstructions_of_a_folder(trained, here, glyphnb, refused):
    save_glyphs(render_glyphs("xyz", size=50), "others")
    assert glyphnb("reconstruct", trained, "--images", "others").status == 0
    assert size_of("reconstructions.png")[0] == 3 * 32 + 2 * 2
    bare = open_model(trained)
    bare.save("bare.keras")
    refused(["reconstruct", "bare.keras"], "bare.keras carries no letters", "--images")
    refused(["morph", "ab", "--model", "bare.keras"], "carries no letters")
    refused(["doctor", "bare.keras"], "carries no letters")


def test_letters_that_are_held_out(here, glyphnb):
    words = ["train", "--letters", "a-f", "--out", "m.keras", *QUICK, "--hold-out", "b,e"]
    done = glyphnb(*words)
    assert done.status == 0 and "it knows a c d f" in done.out and "unseen" in done.out
    assert open_model("m.keras").letters.letters.tolist() == list("acdf")


def test_a_run_goes_on_after_a_stop(here, glyphnb):
    words = ["train", "--letters", "a-d", *QUICK[:2], *QUICK[4:], "--resume", "epochs"]
    assert glyphnb(*words, "--epochs", 3, "--out", "one.keras").status == 0
    again = glyphnb(*words, "--epochs", 3, "--out", "two.keras")  # nothing is left to train
    assert again.status == 0, again.err
    one, two = (open_model(f"{name}.keras") for name in ("one", "two"))
    probe = np.random.default_rng(0).random((2, 32, 32, 1))
    np.testing.assert_allclose(one.encode(probe), two.encode(probe), atol=1e-6)


@pytest.mark.parametrize(
    "words, named",
    [
        (["--letters", "a"], "at least 2"),
        (["--letters", "abc", "--hold-out", "x"], "--hold-out .*got x"),
        (["--letters", "abc", "--hold-out", "abc"], "--hold-out must leave"),
        (["--letters", "abc", "--hold-out", "3"], "--hold-out must leave"),
        (["--samples", "7"], "--samples must be at least 100"),
        (["--arch", "deep"], "conv"),
        (["--size", "30", "--letters", "abc", *QUICK[:4]], "divisible by 4"),
        (["--latent-dim", "0", "--letters", "abc", *QUICK[:4]], "--latent-dim must be at least 1"),
        (["--images", "nowhere"], "nowhere"),
        (["--images", "nowhere", "--font", "STIX"], "--images comes instead"),
    ],
)
def test_a_training_that_cannot_be_is_refused(here, refused, words, named):
    refused(["train", *words], named)


def test_what_cannot_draw_is_refused(here, refused):
    ConditionalVAE(n_classes=3, shape=(32, 32, 1)).save("labelled.keras")
    for command in ("sample", "grid", "reconstruct"):
        refused([command, "labelled.keras"], "without labels")
        refused([command, "nowhere.keras"], "nowhere.keras")
    refused(["sample", "--samples", "0"], "--samples must be at least 1")
    refused(["grid", "--samples", "0"], "at least 1")
    (here / "mine.png").write_bytes(b"mine")
    refused(["sample", "--out", "mine.png"], "mine.png")
    refused(["sample", "--out", "s.jpg"], ".png")


def test_names_or_a_number():
    glyphs = render_glyphs("abc3", size=32)
    for text, found in ((None, 0), ("2", 2), ("a,b", ["a", "b"]), ("ab", ["a", "b"]), ("3", ["3"])):
        assert names_or_number(text, glyphs) == found
