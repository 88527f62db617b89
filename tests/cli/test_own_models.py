"""cli.own_models: a VAE of one's own letters by command, and what it draws."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glyphnb import ConditionalVAE, GlyphnbError, open_model, render_glyphs
from glyphnb.autoencoders.colour import hue_error
from glyphnb.cli.models import images_of
from glyphnb.cli.own_models import names_or_number, own_letters
from glyphnb.letters.files import save_glyphs
from glyphnb.show.pixels import load_image

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
    by_two = render_glyphs("ab", ["STIX", "DejaVu Sans", "DejaVu Sans Bold"], size=32)
    for text in ("STIX", "DejaVu Sans", "DejaVu Sans Bold, STIX"):
        assert names_or_number(text, by_two) == text.split(", ")
    with pytest.raises(GlyphnbError, match="got anna; there are a b, drawn by DejaVu Sans,"):
        names_or_number("anna", by_two)


def test_a_hand_and_a_tree_of_folders(here, glyphnb, refused):
    for letter in "ab":
        for hand, face in (("anna", "DejaVu Sans"), ("ben", "STIX")):
            place = here / "tree" / f"{letter}x" / hand
            place.mkdir(parents=True)
            Image.fromarray(255 - render_glyphs(letter, face, 40).ink[0]).save(place / "07.png")
    refused(["train", "--images", "tree"], "which part of ax/anna/07 is the letter.* --label")
    words = ["train", "--images", "tree", "--label", "top", "--hold-out", "ben", "--out", "m.keras"]
    assert "Loss on unseen" in glyphnb(*words, *QUICK).out
    known = open_model("m.keras").letters
    assert known.letters.tolist() == ["ax", "bx"] and set(known.faces) == {"anna"}


def test_colours_are_learned_drawn_and_lent(here, glyphnb, refused):
    assert glyphnb("letters", "--letters", "ILO", "--size", 60, "--out", "black").status == 0
    assert glyphnb("tint", "black", "--style", "two-tone", "--out", "coloured").status == 0
    words = ["train", "--images", "coloured", "--samples", 100, "--size", 16, "--arch", "dense"]
    done = glyphnb(*words, "--epochs", 40, "--out", "m.keras")
    assert done.status == 0 and "--grey leaves this out" in done.out
    model = open_model("m.keras")
    assert model.shape == (16, 16, 3) and model.letters.ink.shape == (3, 16, 16, 3)
    assert glyphnb("reconstruct", "m.keras").status == 0
    image = load_image("reconstructions.png", colour=True).astype(int)
    for drawing in np.split(image[np.r_[:16, 18:34]], 2):  # images, and reconstructions
        for left in (0, 18, 36):
            glyph = drawing[:, left : left + 16].reshape(-1, 3)
            assert np.ptp(glyph[glyph.sum(axis=1).argmin()]) > 60  # in strong colours
    assert glyphnb("sample", "m.keras").status == 0
    assert load_image("samples.png", colour=True).std(axis=-1).max() > 60
    assert own_letters(Path("coloured"), None, None, "ink", 16).ink.ndim == 3  # as --grey does it
    words += ["--latent-dim", 8, "--epochs", 40, "--colorize", "--out", "painter.keras"]
    done = glyphnb(*words)
    assert done.status == 0 and int(done.out.split("off by ")[1].split()[0]) < 30
    save_glyphs(render_glyphs("ILOX", size=60), "more", stem=None)
    done = glyphnb("colorize", "painter.keras", "more", "--out", "painted")
    assert done.status == 0 and "only guessed: X" in done.out
    for letter in "ILO":
        drawn, true = (
            255.0 - load_image(f"{place}/{letter}.png", colour=True)
            for place in ("painted", "coloured")
        )
        ink = true.max(axis=-1, keepdims=True)[None]
        assert hue_error(true[None], drawn[None], ink) < 40
    refused(["colorize", "m.keras", "more", "--out", "p"], "m.keras: .*trained to colour")
    refused(["train", "--images", "black", "--colorize"], "--colorize need coloured --images")
    refused(["train", "--images", "black", "--colour"], "need coloured --images")
    refused(["train", "--images", "coloured", "--colour", "--grey"], "--grey")
