"""vae.conditional."""

import keras
import numpy as np
import pytest

from glyphnb.autoencoders.autoencoder import Autoencoder
from glyphnb.letters.augment import augment
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.vae import VAE


@pytest.fixture(scope="module")
def images():
    return augment(render_glyphs("arabic", size=64), 256, seed=0).images


def test_a_label_changes_the_drawing_and_not_the_code(images):
    vae = VAE(labels=3, seed=0)
    codes = np.zeros((1, 2), "float32")
    drawn = [vae.decode(codes, [label]) for label in range(3)]
    assert np.ptp(drawn, axis=0).max() > 1e-4
    assert vae.encode(images[:2]).shape == (2, 2)


SHAPE = (8, 8, 1)


def small(kind=Autoencoder, seed=3, **options):
    keras.utils.set_random_seed(seed)
    options = {"latent_dim": 2, "shape": SHAPE} | options
    return kind(**options, seed=seed) if kind is VAE else kind(**options)


def test_a_label_stands_beside_the_code_in_its_own_place():
    vae = small(VAE, labels=4)
    given = np.asarray(vae.condition(np.float32([[7, 8], [5, 6]]), [0, 3]))
    np.testing.assert_array_equal(given, [[7, 8, 1, 0, 0, 0], [5, 6, 0, 0, 0, 1]])
    code = np.float32([[0.3, -0.2]])
    by_hand = vae.decoder(np.float32([[0.3, -0.2, 0, 0, 1, 0]]))
    np.testing.assert_allclose(vae.decode(code, [2]), by_hand, atol=1e-6)
