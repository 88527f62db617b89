"""Two doors between ink and images, and letters chosen by set, range or text."""

import pickle
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glyphnb.letters.glyphs import (
    GLYPH_SETS,
    GlyphnbError,
    GlyphnbWarning,
    GlyphSet,
    Paper,
    as_images,
    as_on_black,
    fit_square,
    paper_of,
    split_letters,
    to_float,
    to_ink,
    to_uint8,
    vote_on_paper,
)
from glyphnb.letters.typefaces import render_glyphs


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=8)))
def test_doors_are_inverses(ink):
    images = to_float(ink)
    assert images.shape == (*ink.shape, 1) and images.dtype == np.float32
    assert np.array_equal(to_uint8(images), ink)


@given(hnp.arrays(np.uint8, st.tuples(*[st.integers(1, 6)] * 3, st.just(3))))
def test_coloured_ink_goes_through_both_doors(ink):
    assert np.array_equal(to_uint8(to_float(ink)), ink)
    light = as_on_black(ink)
    assert np.array_equal(as_on_black(light), ink)
    assert np.array_equal(light.min(axis=-1), ink.min(axis=-1))


def test_coloured_ink_on_black_has_its_hue():
    red, grey = np.uint8([[[0, 200, 200]]]), np.uint8([[[90, 90, 90]]])  # what is not reflected
    assert as_on_black(red).tolist() == [[[200, 0, 0]]]
    assert np.array_equal(as_on_black(grey), grey)
    for ink in (np.uint8([[1, 2, 3]]), np.uint8([[[1, 2]]])):  # one tone, three pixels wide too
        assert np.array_equal(as_on_black(ink), ink)


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
        ("e\u0301a", ["\xe9", "a"]),
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
        assert set("".join(found)) <= set(unicodedata.normalize("NFC", text))


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
        (np.full((1, 4, 4, 1), 1.01), "1.01"),
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


@pytest.mark.parametrize(
    "choice, wanted",
    [
        ("क्ष", ["क्ष"]),  # a conjunct: rule GB9c
        ("क्ष्रकि", ["क्ष्र", "कि"]),
        ("\u1112\u1161\u11ab글", ["한", "글"]),  # as macOS writes it
        ("நிกำ", ["நி", "กำ"]),
        ("🇨🇳👍🏽", ["🇨🇳", "👍🏽"]),
        ("U+1100-U+1102", ["ᄀ", "ᄁ", "ᄂ"]),  # side by side in a text they would be one
        ("a,b", ["a", "b"]),
        ("а-в, ё,x", ["а", "б", "в", "ё", "x"]),
        ("a U+002C b", ["a", ",", "b"]),
        ("\u212b\xc5A\u030a", ["\xc5"]),  # three ways to write one letter
        ("\u200dب,ب\u200d", ["\u200dب", "ب\u200d"]),
    ],
)
def test_a_letter_is_what_a_reader_takes_for_one(choice, wanted):
    assert split_letters(choice) == wanted


def test_a_comma_alone_is_not_a_letter():
    with pytest.raises(GlyphnbError, match=r"got ','; for a comma, write U\+002C"):
        split_letters(",")


SIZES = (200, 28)  # pixels a side


@pytest.fixture(scope="session")
def bold():
    "Bold letters, which fill most of what they are cropped to."
    return [render_glyphs("latin", "DejaVu Sans Bold", size=size).ink for size in SIZES]


def cropped(ink):
    ink = np.where(ink > 127, 255, 0).astype(np.uint8)
    return ink[ink.any(axis=1)][:, ink.any(axis=0)]


def framed(ink):
    return np.pad(ink, 2, constant_values=255)


def vignette(ink):
    y, x = np.mgrid[-1 : 1 : len(ink) * 1j, -1 : 1 : len(ink) * 1j]
    return (255 - (255 - ink) * (1 - 0.33 * (x**2 + y**2))).astype(np.uint8)


def specks(ink):
    dust = np.random.default_rng(0).random(ink.shape)
    return np.where(dust < 0.1, 255 - ink, ink)


WAYS = {
    "plain": lambda ink: ink,
    "cropped": cropped,
    "cropped to the width": lambda ink: np.pad(cropped(ink), ((9, 9), (0, 0))),
    "framed": framed,
    "thick frame": lambda ink: np.pad(ink, len(ink) // 7, constant_values=255),
    "vignette": vignette,
    "specks": specks,
    "dim": lambda ink: 255 - ((255 - ink) * 0.45).astype(np.uint8),
    "weak": lambda ink: ink // 2,
    "shadow": lambda ink: np.maximum(ink, 250 * (np.indices(ink.shape).sum(0) < 9)).astype("uint8"),
}


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_a_folder_knows_its_paper(bold, way, light, size):
    inks = [WAYS[way](ink) for ink in bold[SIZES.index(size)]]
    pages = [255 - ink if light else ink for ink in inks]
    papers = [paper_of(page) for page in pages]
    vote = vote_on_paper(papers)
    assert {paper.heed(vote).light for paper in papers} == {light}
    for ink, page, paper in zip(inks, pages, papers, strict=True):
        assert np.array_equal(to_ink(page, paper.heed(vote)), ink)


@pytest.mark.parametrize("way", WAYS)
def test_a_page_alone_is_dark_on_light_in_doubt(bold, way):
    for ink in map(WAYS[way], bold[0]):
        assert np.array_equal(to_ink(255 - ink), ink)


def test_a_sure_image_keeps_its_paper_and_an_unsure_one_follows():
    dark, light, unsure, blank = Paper(-2.0), Paper(2.0), Paper(-0.5), Paper(0.0)
    vote = vote_on_paper([light, light, unsure, dark, blank])
    assert [paper.heed(vote).light for paper in (dark, light, unsure, blank)] == [0, 1, 1, 1]
    assert vote_on_paper([unsure, unsure, light]) == -3 and vote_on_paper([blank]) == 0
    assert not light.heed(-3).light  # the letters are cropped: an even edge is a stroke


def test_paper_of_colours_is_found_within_its_frame(bold):
    page = np.stack([255 - bold[0][0]] * 3, axis=-1) // np.array([1, 1, 2], np.uint8)  # yellow
    ink = to_ink(np.pad(page, ((3, 3), (3, 3), (0, 0))))
    assert ink[3:-3, 3:-3][bold[0][0] == 0].max() == 0 and ink[:3].min() == 255


def test_what_is_not_a_number_does_not_become_ink():
    images = np.full((2, 3, 3, 1), 0.5, "float32")
    images[1, 2, 2] = np.nan
    with pytest.raises(GlyphnbError, match="must be numbers, got NaN"):
        to_uint8(images)
    assert to_uint8(np.array([[[[np.inf], [-np.inf]]]])).tolist() == [[[255, 0]]]


@pytest.mark.parametrize("kind", [GlyphnbError, GlyphnbWarning])
def test_a_message_is_one_line_whatever_it_names(kind):
    assert str(kind("a\nb\x1b[2J\ud800é: empty")) == r"a b\x1b[2J\x00é: empty"
    assert str(pickle.loads(pickle.dumps(kind("a: empty")))) == "a: empty"  # between processes
