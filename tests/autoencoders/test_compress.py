"""Codes come back bit by bit, and a file notices damage and refuses what a stranger crafted."""

import io
import json
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from glyphnb.autoencoders.compress import (
    QuantizedCodes,
    compress_codes,
    decompress_codes,
    dequantize_codes,
    quantize_codes,
    seal,
    squeeze,
    unseal,
    unsqueeze,
)
from glyphnb.letters.files import MARK
from glyphnb.letters.glyphs import GlyphnbError

CODES = arrays(
    "float32",
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.floats(-1e6, 1e6, width=32),
)


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


@given(st.binary(max_size=300), st.binary(max_size=30))
@settings(max_examples=40, deadline=None)
def test_a_file_gives_its_parts_back_and_notices_a_flipped_bit(one, two):
    packed = seal({"a": [1, "ك"]}, one, two)
    assert unseal(packed) == ({"a": [1, "ك"]}, [one, two])
    damaged = bytearray(packed)
    damaged[zlib.crc32(one) % len(packed)] ^= 1 << len(two) % 8
    for broken in (damaged, packed[:-1], packed + b"x", packed[: len(packed) // 2], b""):
        with pytest.raises(GlyphnbError, match="`packed`"):
            unseal(bytes(broken))


def craft(text, *parts):
    "A file with a right checksum and any header."
    squeezed = squeeze(text if isinstance(text, bytes) else json.dumps(text).encode())
    body = len(squeezed).to_bytes(4, "little") + squeezed + b"".join(parts)
    return seal({})[: len(MARK) + 2] + zlib.crc32(body).to_bytes(4, "little") + body


@pytest.mark.parametrize(
    "packed",
    [
        craft(b""),
        craft(b"{"),
        craft(b"[" * 100_000),
        craft(b"9" * 10_000),
        craft([3]),
        craft([[], []]),
        craft([{}, 7]),
        craft([{}, [-1, 1]]),
        craft([{}, [1.0]], b"x"),
        craft([{}, [True]], b"x"),
        craft([{}, ["1"]], b"x"),
        craft([{}, [10**30]]),
        craft([{}, [2]], b"x"),
        craft([{}, [1] * 9], b"x" * 9),
    ],
    ids=range(14),
)
def test_a_crafted_header_is_refused_in_one_line(packed):
    with pytest.raises(GlyphnbError, match="`packed`") as error:
        unseal(packed)
    assert "\n" not in str(error.value)
    assert unseal(craft([{}, [1]], b"x")) == ({}, [b"x"])  # and a right one is not


def test_a_bomb_does_not_go_off():
    bomb = squeeze(bytes(1 << 26))
    assert len(bomb) < 20_000
    with pytest.raises(GlyphnbError, match="more than 100 bytes"):
        unsqueeze(bomb, 100)
    with pytest.raises(GlyphnbError, match="more than"):
        unseal(craft(bytes(1 << 25)))
    assert unsqueeze(squeeze(b"poem"), 4) == b"poem"
    with pytest.raises(GlyphnbError, match="more than 3 bytes"):
        unsqueeze(squeeze(b"poem"), 3)


def test_an_archive_of_the_first_form_is_named_as_such():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = MARK.encode()
        archive.writestr("header", "{}")
    with pytest.raises(GlyphnbError, match="earlier glyphnb"):
        unseal(buffer.getvalue())


@pytest.mark.parametrize(
    "header, parts",
    [
        ({}, ()),
        ({"n": 1, "latent_dim": 2.0}, (bytes(16), squeeze(bytes(2)))),
        ({"n": True, "latent_dim": 2}, (bytes(16), squeeze(bytes(2)))),
        ({"n": 0, "latent_dim": 2}, (bytes(16), squeeze(b""))),
        ({"n": 1, "latent_dim": 2}, (bytes(12), squeeze(bytes(2)))),
        ({"n": 1, "latent_dim": 2}, (bytes(16), squeeze(bytes(1)))),
        ({"n": 1, "latent_dim": 2}, (bytes(16), squeeze(bytes(3)))),
        ({"n": 1, "latent_dim": 2}, (bytes(16), b"no LZMA")),
        ({"n": 1, "latent_dim": 2}, (b"\xff" * 16, squeeze(bytes(2)))),  # not a number
        ({"n": 1, "latent_dim": 2}, (bytes(16),)),
    ],
    ids=range(10),
)
def test_codes_that_do_not_fit_are_refused(header, parts):
    with pytest.raises(GlyphnbError, match="`packed`"):
        decompress_codes(seal(header, *parts))


def test_codes_that_fit_are_not_refused():
    found = decompress_codes(seal({"n": 1, "latent_dim": 2}, bytes(16), squeeze(b"\1\2")))
    assert isinstance(found, QuantizedCodes) and found.integers.tolist() == [[1, 2]]
