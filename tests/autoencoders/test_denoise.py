"""Corruptions that repeat, in training alone; and decibels of every type of image."""

import keras
import numpy as np
import pytest
from keras import ops
from skimage.metrics import peak_signal_noise_ratio

from glyphnb.autoencoders.autoencoder import Autoencoder
from glyphnb.autoencoders.denoise import (
    AddGaussian,
    ErodeStrokes,
    Grey,
    Occlude,
    SaltAndPepper,
    psnr,
)
from glyphnb.letters.glyphs import GlyphnbError, to_uint8

KINDS = [AddGaussian(0.3, 1), SaltAndPepper(0.3, 1), Occlude(3, 1), ErodeStrokes(3, 0.5, 1)]


@pytest.mark.parametrize("corruption", KINDS, ids=lambda c: type(c).__name__)
def test_a_corruption_is_stored_and_touches_training_alone(tmp_path, blots, corruption):
    kind = type(corruption)
    model = Autoencoder(2, shape=(8, 8, 1), corrupt=kind.from_config(corruption.get_config()))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert isinstance(loaded.corrupt, kind)
    assert loaded.corrupt.get_config() == model.corrupt.get_config()
    clean, dirty = (ops.convert_to_numpy(loaded(blots, training=t)) for t in (False, True))
    np.testing.assert_array_equal(clean, ops.convert_to_numpy(loaded(blots)))
    assert abs(clean - dirty).max() > 1e-4


@pytest.mark.parametrize("corruption", KINDS, ids=lambda c: type(c).__name__)
def test_the_seed_fixes_the_sequence(corruption, blots):
    one, two = (type(corruption).from_config(corruption.get_config()) for _ in range(2))
    first, second = one.dirty(blots), one.dirty(blots)
    assert np.array_equal(first, two.dirty(blots)) and not np.array_equal(first, second)
    assert 0 <= first.min() <= first.max() <= 1 and first.shape == blots.shape


def test_grey_is_the_mean_of_the_channels():
    colours = np.random.default_rng(0).random((2, 4, 4, 3), "float32")
    grey = Grey().dirty(colours)
    np.testing.assert_allclose(grey, np.repeat(colours.mean(-1, keepdims=True), 3, -1), rtol=1e-6)


@pytest.mark.parametrize(
    "make, named",
    [
        (lambda: AddGaussian(-1), "stddev"),
        (lambda: SaltAndPepper(1.5), "rate"),
        (lambda: Occlude(0), "size"),
        (lambda: Occlude(9).dirty(np.zeros((1, 8, 8, 1))), "size"),
        (lambda: ErodeStrokes(2), "width"),
        (lambda: ErodeStrokes(3, 2), "share"),
    ],
)
def test_what_cannot_be_is_named(make, named):
    with pytest.raises(GlyphnbError, match=f"`{named}`"):
        make()


def test_decibels_are_the_same_for_ink_and_for_images(blots):
    dirty = SaltAndPepper(0.1, 0).dirty(blots)
    ink = [to_uint8(images) for images in (blots, dirty)]
    by_library = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(*ink, strict=True)]
    np.testing.assert_allclose(psnr(*ink), by_library, rtol=1e-6)
    np.testing.assert_allclose(psnr(blots, dirty), by_library, rtol=1e-2)
    assert psnr(blots, blots).tolist() == [np.inf] * 40
    with pytest.raises(GlyphnbError, match="`images`"):
        psnr(blots, dirty[:5])
