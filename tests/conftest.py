"""What several tests look at: made once a session, and never changed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

GLYPHNB = str(Path(sys.executable).with_name("glyphnb"))


@pytest.fixture(scope="session")
def run():
    "Run `glyphnb` as a user does: in a process of its own, in a folder."

    def run(*words, cwd, timeout=600, **environment):
        return subprocess.run(
            [GLYPHNB, *map(str, words)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "TQDM_DISABLE": "1", **environment},
        )

    return run


@pytest.fixture(scope="session")
def letters():
    "The 21 letters, as the shipped model knows them."
    from glyphnb import render_glyphs

    return render_glyphs("arabic", size=64)


@pytest.fixture(scope="session")
def images(letters):
    "256 distorted letters, `(256, 64, 64, 1)`."
    from glyphnb import augment

    return augment(letters, 256, seed=0).images


@pytest.fixture(scope="session")
def shapes():
    "Six glyphs that need no font: bars and boxes, a to f."
    from glyphnb import GlyphSet

    ink = np.zeros((6, 48, 48), np.uint8)
    for i in range(6):
        ink[i, 8 : 40 - 3 * i, 20 : 26 + 2 * i] = 255
        ink[i, 30:36, 8 : 30 + i] = 200
    return GlyphSet(ink, list("abcdef"), ["bars"] * 6, {"bars": {"family": "Bars"}})


@pytest.fixture(scope="session")
def blots():
    "Forty grey squares on 8 x 8 pixels, each in a place of its own, `(40, 8, 8, 1)`."
    rng = np.random.default_rng(0)
    images = np.zeros((40, 8, 8, 1), "float32")
    for image, (row, column) in zip(images, rng.integers(0, 6, (40, 2)), strict=True):
        image[row : row + 3, column : column + 3] = rng.uniform(0.6, 1)
    return images


@pytest.fixture(scope="session")
def bits():
    "Six binary images of 2 x 3 pixels, `(6, 2, 3, 1)`."
    return np.random.default_rng(1).integers(0, 2, (6, 2, 3, 1)).astype("float32")


@pytest.fixture(scope="session")
def shipped():
    "The model that ships with the package."
    from glyphnb import load_pretrained

    return load_pretrained()


@pytest.fixture(scope="session")
def tiny():
    "Make a VAE of images of 2 x 3 pixels, with strong opinions and posteriors away from the prior."

    def tiny(kind=None, **options):
        from glyphnb import VAE

        vae = (kind or VAE)(latent_dim=2, shape=(2, 3, 1), seed=3, **options)
        for weight in vae.trainable_weights:
            weight.assign(1.3 * weight)
        vae.encoder.get_layer("z_mean").bias.assign([0.6, -0.4])
        vae.encoder.get_layer("z_log_var").bias.assign([0.5, 1.0])
        return vae

    return tiny
