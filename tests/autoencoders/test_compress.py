"""Archives give every glyph back, notice damage, and refuse what a stranger crafted."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from glyphnb.autoencoders.compress import (
    compress_codes,
    decompress_codes,
    dequantize_codes,
    fingerprint,
    pack_glyphs,
    quantize_codes,
    unpack_glyphs,
)
from glyphnb.autoencoders.redraw import patch_error
from glyphnb.letters.files import MARK
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.pretrained import NumpyVAE

CODES = arrays(
    "float32",
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.floats(-1e6, 1e6, width=32),
)


GREYS = arrays("uint8", st.tuples(st.integers(1, 9), st.integers(1, 9)))


NAMES = st.text(min_size=1, max_size=8).filter(lambda t: not {"/", "\\", ":", "\0"} & set(t))


FOLDERS = st.dictionaries(NAMES.filter(lambda t: t != ".."), GREYS, min_size=1, max_size=5)


KNOWN = render_glyphs("arabic", size=64)


@given(CODES, st.integers(2, 256))
@settings(max_examples=60, deadline=None)
def test_no_number_moves_by_more_than_half_a_step(codes, levels):
    quantized = quantize_codes(codes, levels)
    moved = abs(dequantize_codes(quantized).astype("float64") - codes)
    assert (moved <= 0.5 * quantized.step + 1e-6 * np.abs(codes).max()).all()
    assert quantized.integers.max() <= levels - 1
    again = quantize_codes(dequantize_codes(quantized), levels)
    assert abs(again.integers.astype(int) - quantized.integers).max() <= 1


@given(CODES, st.integers(2, 256))
@settings(max_examples=60, deadline=None)
def test_codes_come_back_bit_by_bit(codes, levels):
    quantized = quantize_codes(codes, levels)
    for before, after in zip(quantized, decompress_codes(compress_codes(quantized)), strict=True):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)


@given(FOLDERS)
@settings(max_examples=60, deadline=None)
def test_without_a_model_everything_comes_back(glyphs):
    packing = pack_glyphs(glyphs)
    back = unpack_glyphs(packing.packed)
    assert list(back) == list(glyphs) and not packing.coded.any() and not packing.errors.any()
    for name, grey in glyphs.items():
        np.testing.assert_array_equal(back[name], grey)


@given(FOLDERS)
@settings(max_examples=30, deadline=None)
def test_pictures_that_are_no_letters_are_not_redrawn_badly(glyphs):
    vae = NumpyVAE()
    packing = pack_glyphs(glyphs, vae)
    back = unpack_glyphs(packing.packed, vae)
    assert list(back) == list(glyphs)
    assert len(packing.packed) <= len(pack_glyphs(glyphs).packed)
    for (name, grey), coded in zip(glyphs.items(), packing.coded, strict=True):
        assert back[name].shape == grey.shape
        assert coded or (back[name] == grey).all()


def test_every_glyph_is_the_letter_it_was(mixed_greys):
    glyphs, vae = mixed_greys, NumpyVAE()
    packing = pack_glyphs(glyphs, vae)
    back = unpack_glyphs(packing.packed, vae)
    assert list(back) == list(glyphs)
    assert packing.coded[:21].all() and not packing.coded[21:].any()
    for name, grey in glyphs.items():
        assert back[name].shape == grey.shape
        assert abs(back[name].astype(float) - grey).mean() < 3  # the same paper, the same letter
    distances = [
        [abs(back[name].astype(float) - grey).sum() for grey in list(glyphs.values())[:21]]
        for name in list(glyphs)[:21]
    ]
    assert (np.argmin(distances, axis=1) == np.arange(21)).all()
    lax = pack_glyphs(glyphs, vae, max_error=1)
    assert lax.coded.all() and lax.errors[21:].min() > 0.25
    assert not pack_glyphs(glyphs, vae, max_error=0).coded.any()


@pytest.fixture(scope="module")
def packed(mixed_greys):
    return pack_glyphs(mixed_greys, NumpyVAE()).packed


def unpacked(archive):
    "What comes out of an archive; nothing if it is refused."
    try:
        return unpack_glyphs(archive, NumpyVAE())
    except GlyphnbError as error:
        assert "`packed`" in str(error) or "`model`" in str(error)
        assert "\n" not in str(error)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damage_gives_no_letter_back_as_another(packed, data):
    "A flipped bit is noticed, or lies where it changes nothing, such as the date of a member."
    whole = unpack_glyphs(packed, NumpyVAE())
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    damaged = bytearray(packed)
    damaged[bit // 8] ^= 1 << bit % 8
    found = unpacked(bytes(damaged))
    assert found is None or all(np.array_equal(found[name], whole[name]) for name in whole)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_a_part_of_an_archive_is_refused(packed, data):
    cut = data.draw(st.integers(0, len(packed) - len(MARK) - 1))  # the mark stands at the end
    for broken in (packed[:cut], b"GLA1" + packed[4:40], b"PK" + bytes(100)):
        assert unpacked(broken) is None


def craft(header, **parts):
    "An archive with right checksums and any content."
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("header", header if isinstance(header, str) else json.dumps(header))
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


CODED = {"glyphs": [["a", 4, 4, 1]], "model": None}
CRAFTED = {
    "no header": craft(""),
    "not an object": craft("[3]"),
    "no rows": craft({"model": None}, pixels=b""),
    "rows of another kind": craft({"glyphs": [3], "model": None}, pixels=b""),
    "size 0": craft({"glyphs": [["a", 0, 4, 0]], "model": None}, pixels=b""),
    "negative sizes": craft({"glyphs": [["a", -2, -2, 0]], "model": None}, pixels=bytes(4)),
    "a size that is text": craft({"glyphs": [["a", "x", 4, 0]], "model": None}, pixels=b""),
    "more pixels than there are": craft({"glyphs": [["a", 99, 99, 0]], "model": None}, pixels=b"1"),
    "no pixels": craft({"glyphs": [["a", 2, 2, 0]], "model": None}),
    "codes without a model": craft(CODED, pixels=b"", codes=b"12"),
    "a name that leaves": craft({"glyphs": [["../a", 1, 1, 0]], "model": None}, pixels=b"1"),
    "an absolute name": craft({"glyphs": [["/a", 1, 1, 0]], "model": None}, pixels=b"1"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_archive_is_refused_in_one_line(name):
    with pytest.raises(GlyphnbError) as error:
        unpack_glyphs(CRAFTED[name], NumpyVAE())
    assert "\n" not in str(error.value)


def test_codes_that_do_not_fit_are_refused():
    name = fingerprint(NumpyVAE())
    for codes in (b"", b"1", b"12345"):
        header = {**CODED, "model": name, "n": 1, "low": [0, 0], "step": [1, 1]}
        with pytest.raises(GlyphnbError, match="codes"):
            unpack_glyphs(craft(header, pixels=b"", codes=codes), NumpyVAE())
        with pytest.raises(GlyphnbError, match="codes"):
            decompress_codes(craft(header, codes=codes))


def test_no_name_leaves_its_folder():
    for name in ("../evil.png", "/etc/evil.png", "a/../../evil.png", ""):
        with pytest.raises(GlyphnbError, match="relative"):
            pack_glyphs({name: KNOWN.ink[0]})


@pytest.mark.parametrize(
    "glyphs, options, named",
    [
        ({}, {}, "glyphs"),
        ({"a": KNOWN.ink[0]}, {"max_error": -1}, "max_error"),
        ({"a": KNOWN.ink[0]}, {"max_error": float("nan")}, "max_error"),
        ({"a": KNOWN.ink[0]}, {"levels": 1}, "levels"),
        ({"a": KNOWN.ink}, {}, "'a'"),
        ({"a": KNOWN.images[0, ..., 0]}, {}, "'a'"),
        ({"a": KNOWN.ink[0][:0]}, {}, "'a'"),
    ],
)
def test_bad_arguments_are_named(glyphs, options, named):
    with pytest.raises(ValueError, match=named):
        pack_glyphs(glyphs, NumpyVAE(), **options)


def test_a_fingerprint_is_of_the_weights():
    one, other = NumpyVAE(), NumpyVAE()
    assert fingerprint(one) == fingerprint(other) and len(fingerprint(one)) == 16
    other.decoder[0] = other.decoder[0].copy()
    other.decoder[0][1, 5] += 1e-4
    assert fingerprint(one) != fingerprint(other)
    one.encoder = []  # only the decoder unpacks
    assert fingerprint(one) == fingerprint(NumpyVAE())


def test_what_rounding_spoils_is_stored(mixed_greys):
    glyphs, vae = mixed_greys, NumpyVAE()
    packing = pack_glyphs(glyphs, vae, levels=12)
    back = unpack_glyphs(packing.packed, vae)
    assert 0 < packing.coded.sum() < 21 and packing.errors.max() <= 0.25
    for (name, grey), coded in zip(glyphs.items(), packing.coded, strict=True):
        if coded:
            sides = [
                255 - x if name[0] != "n" and int(name[:-4]) % 2 == 0 else x
                for x in (grey, back[name])
            ]
            assert patch_error(*sides) <= 0.26
        else:
            np.testing.assert_array_equal(back[name], grey)
