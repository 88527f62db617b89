"""autoencoders.compress."""

import struct
import zlib

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


NEW = render_glyphs("QRG", size=70)


def letters():
    "Names and grey levels: known letters dark on light and light on dark, and unknown ones."
    known = [(f"{i}.png", ink if i % 2 else 255 - ink) for i, ink in enumerate(KNOWN.ink)]
    return dict(known + [(f"new/{i}.png", 255 - ink[4:]) for i, ink in enumerate(NEW.ink)])


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


def test_every_glyph_is_the_letter_it_was():
    glyphs, vae = letters(), NumpyVAE()
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


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_damage_is_noticed(data):
    packed = pack_glyphs(letters(), NumpyVAE()).packed if "packed" not in CACHE else CACHE["packed"]
    CACHE["packed"] = packed
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    damaged = bytearray(packed)
    damaged[bit // 8] ^= 1 << bit % 8
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    for broken in (bytes(damaged), cut, packed + b"\0", packed + packed, b"GLA1" + bytes(4)):
        with pytest.raises(ValueError, match="`packed`"):
            unpack_glyphs(broken, NumpyVAE())


CACHE = {}


def test_a_crafted_archive_cannot_write_elsewhere():
    for name in ("../evil.png", "/etc/evil.png", "a/../../evil.png", ""):
        with pytest.raises(ValueError, match="relative"):
            pack_glyphs({name: KNOWN.ink[0]})
    packed = pack_glyphs({"aa/evil.png": KNOWN.ink[0]}).packed
    import lzma

    content = lzma.decompress(packed[12:]).replace(b"aa/evil", b"../evil")
    body = packed[8:12] + lzma.compress(content, format=lzma.FORMAT_ALONE)
    crafted = packed[:4] + struct.pack("<I", zlib.crc32(body)) + body
    with pytest.raises(ValueError, match="relative"):
        unpack_glyphs(crafted)


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


def test_what_rounding_spoils_is_stored():
    glyphs, vae = letters(), NumpyVAE()
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
