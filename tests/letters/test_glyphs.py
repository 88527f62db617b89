"""Two doors between ink and images, and letters chosen by set, range or text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glyphnb.letters.glyphs import (
    GLYPH_SETS,
    GlyphnbError,
    GlyphSet,
    as_images,
    fit_square,
    split_letters,
    to_float,
    to_uint8,
)
from glyphnb.letters.typefaces import render_glyphs


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=8)))
def test_doors_are_inverses(ink):
    images = to_float(ink)
    assert images.shape == (*ink.shape, 1) and images.dtype == np.float32
    assert np.array_equal(to_uint8(images), ink)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_fitting_keeps_the_aspect(height, width, size):
    fitted = fit_square(np.full((height, width), 255, np.uint8), size)
    assert fitted.shape == (size, size)
    expected = min(height, width) / max(height, width)
    assert abs((fitted / 255).mean() - expected) <= 0.5 / size + 1 / max(height, width) + 0.06


@pytest.mark.parametrize(
    "choice, wanted",
    [
        ("digits", list("0123456789")),
        ("а-я", list("абвгдежзийклмнопрстуфхцчшщъыьэюя")),
        ("U+0410-U+0412", list("АБВ")),
        ("U+0410-U+0412,ё", list("АБВё")),
        ("U+0041", ["A"]),
        ("a-", ["a", "-"]),
        ("-", ["-"]),
        ("hello", list("helo")),
        ("e\u0301a", ["e\u0301", "a"]),
        ("का", ["का"]),  # the sign of a vowel has no combining class, and belongs to its letter
        ("ب\u200d \u200dب\u200d \u200dب", ["ب\u200d", "\u200dب\u200d", "\u200dب"]),
        ("\u0600-\u0605", None),  # invisible signs only
        ("z-a", None),
        ("U+0000-U+FFFFF", None),
    ],
)
def test_letters_are_chosen_by_set_range_or_text(choice, wanted):
    if wanted is None:
        with pytest.raises(ValueError, match="`letters`"):
            render_glyphs(choice)
    else:
        assert split_letters(choice) == wanted


@given(st.text(st.characters(codec="utf-8"), max_size=12))
@settings(max_examples=200, deadline=None)
def test_splitting_loses_nothing_and_repeats_nothing(text):
    try:
        found = split_letters(text)
    except ValueError:
        return
    assert len(found) == len(set(found)) and all(part and not part.isspace() for part in found)
    assert split_letters(text, repeat=True) and set(split_letters(text, repeat=True)) == set(found)
    if "-" not in text and "U+" not in text and text not in GLYPH_SETS:
        assert set("".join(found)) <= set(text)


@pytest.mark.parametrize("shape", [(2, 5, 4), (2, 5, 4, 1), (2, 5, 4, 3)])
def test_images_are_taken_in_any_form_and_the_type_tells_which(shape):
    ink = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    wanted = (ink / 255).reshape(*shape[:3], -1).astype("float32")
    forms = [ink, ink / 255, (ink / 255).astype("float32")]
    forms += [GlyphSet(ink, ["a", "b"], ["x", "x"])] if ink.ndim == 3 else []
    for form in forms:
        images = as_images(form)
        assert images.dtype == np.float32 and np.allclose(images, wanted, atol=1e-7)
    assert np.allclose(as_images((ink / 255).astype("float16")), wanted, atol=1e-3)
    assert as_images(ink > 127).dtype == np.float32
    assert as_images(wanted) is wanted  # nothing is copied


@pytest.mark.parametrize(
    "images, found",
    [
        (np.full((1, 4, 4, 1), 255.0), "255"),
        (np.full((1, 4, 4, 1), -0.5), "-0.5"),
        (np.full((1, 4, 4, 1), np.nan), "nan"),
        (np.zeros((4, 4)), "(4, 4)"),
        (np.zeros((0, 4, 4, 1)), "(0, 4, 4, 1)"),
        (np.zeros((1, 5, 4, 1)), "(1, 5, 4, 1)"),
        (np.full((1, 4, 4, 1), "a"), "<U1"),
    ],
)
def test_what_is_not_an_image_is_refused_with_what_was_found(images, found):
    with pytest.raises(GlyphnbError) as error:
        as_images(images, (4, 4, 1), "pictures")
    assert found in str(error.value) and "`pictures`" in str(error.value)


def test_images_of_a_set_are_made_once(shapes):
    assert shapes.images is shapes.images
    assert shapes.images.shape == (6, 48, 48, 1) and shapes.families.tolist() == ["Bars"] * 6
