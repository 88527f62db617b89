"""Pixels come back bit by bit, on every machine, in few bytes and in a bounded time."""

import hashlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from glyphnb.autoencoders.lossless import (
    ContextModel,
    _batches,
    decode_pixels,
    encode_pixels,
)
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.letters.typefaces import render_glyphs

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
BITS, BYTES = (st.lists(arrays(kind, SHAPES), max_size=4) for kind in (bool, np.uint8))


def sent(*groups):
    "What a receiver gets, and the bytes on the way."
    packed = encode_pixels(*groups)
    received = [[np.ones_like(plane) for plane in group] for group in groups]
    decode_pixels(packed, *received)
    return received, packed


@given(BITS, BYTES)
@settings(max_examples=12, deadline=None)
def test_every_pixel_comes_back(bits, levels):
    for before, after in zip([bits, levels], sent(bits, levels)[0], strict=True):
        for one, two in zip(before, after, strict=True):
            assert one.dtype == two.dtype
            np.testing.assert_array_equal(one, two)


def test_pixels_at_borders_and_in_large_images_come_back(monkeypatch):
    monkeypatch.setattr("glyphnb.autoencoders.lossless._MOST", 500)  # pixels coded together
    rng = np.random.default_rng(0)
    ramps = [
        np.add.outer(np.arange(h), 3 * np.arange(w)).astype(np.uint8)
        for h, w in [(1, 90), (70, 2), (40, 30)]
    ]
    large = np.zeros((45, 30), bool)
    large[::7, 5:] = large[3:40, 29] = True
    for group in ([*ramps, rng.integers(0, 256, (9, 9)).astype(np.uint8)], [large, ~large[:3]]):
        (received,), _ = sent(group)
        for one, two in zip(group, received, strict=True):
            np.testing.assert_array_equal(one, two)


def test_one_bit_drawings_take_fewer_bytes_than_a_fax():
    ink = render_glyphs("abcdefghijklm", "STIX", size=105).ink > 127
    buffer = io.BytesIO()
    Image.fromarray(~np.concatenate(ink)).save(buffer, "TIFF", compression="group4")
    packed = encode_pixels(list(ink))
    assert len(packed) < 0.6 * buffer.tell()
    assert len(packed) < len(encode_pixels([ink[0]])) + len(encode_pixels(list(ink[1:])))


def test_grey_levels_take_fewer_bytes_than_webp():
    rng = np.random.default_rng(0)
    letters = render_glyphs("abcdefgh", size=64).ink
    paper = np.clip(40 + 0.7 * letters + rng.normal(0, 2, letters.shape), 0, 255).astype(np.uint8)
    for greys in (letters, paper):
        buffer = io.BytesIO()
        sheet = Image.fromarray(np.concatenate(greys)).convert("RGB")
        sheet.save(buffer, "WEBP", lossless=True, quality=100, method=6)
        assert len(encode_pixels(list(greys))) < 0.97 * buffer.tell()


def test_noise_costs_hardly_more_than_its_bits():
    rng = np.random.default_rng(0)
    bits = [rng.random((50, 50)) < 0.5 for _ in range(8)]
    assert 2500 <= len(encode_pixels(bits)) < 1.06 * 2500
    assert len(encode_pixels([np.zeros((200, 200), bool)] * 9)) < 60


def test_the_bytes_are_those_of_any_machine():
    "No table is near a tie of rounding, where another library of mathematics may round otherwise."
    counts = 256 * np.log(np.arange(1 << 21, dtype=np.longdouble) + 0.4)
    odds = np.exp(np.arange(-3072, 3073, dtype=np.longdouble) / 256)
    for exact in (counts, 65536 * odds / (1 + odds)):
        assert abs(exact % 1 - 0.5).min() > 1e-8
    ink = [plane > 127 for plane in render_glyphs("ab", size=24).ink]
    steps = [np.add.outer(np.arange(9), np.arange(9) ** 2).astype(np.uint8)]
    drawn = [np.add.outer(np.arange(20), np.arange(30)) % 7 < 3]
    digest = hashlib.sha256(encode_pixels(drawn, steps)).hexdigest()
    assert digest[:16] == "7bf719d71de87eab"  # as archives have it that are out there
    assert sent(ink)[1] == encode_pixels(ink)


def test_a_model_learns_what_a_context_says():
    model = ContextModel([1.0])
    contexts = np.tile(np.uint64([3, 9]), 50)[None]
    bits = (contexts[0] == 9).astype(np.int64)
    assert (model.predict(contexts, np.zeros(100, np.uint64)) == 32768).all()
    model.learn(bits)
    p = model.predict(contexts, np.zeros(100, np.uint64)) / 65536
    assert (p[bits == 1] > 0.95).all() and (p[bits == 0] < 0.05).all()
    assert (model.predict(contexts, np.ones(100, np.uint64)) == 32768).all()  # another question


def test_a_model_forgets():
    "After 20,000 zeros, 3,000 ones are enough to expect a one."
    model = ContextModel([1.0])
    contexts, node = np.full((1, 100), np.uint64(7)), np.zeros(100, np.uint64)
    for bit, steps in ((0, 200), (1, 30)):
        for _ in range(steps):
            p = model.predict(contexts, node)
            model.learn(np.full(100, bit))
    assert (p > 60_000).all()


def test_few_small_images_come_before_many():
    digits = [np.add.outer(np.arange(8), np.arange(8) + i % 5).astype(np.uint8) for i in range(300)]
    assert [len(batch) for batch in _batches(digits)][:4] == [2, 4, 8, 16]
    assert len(encode_pixels(digits)) < 400  # the first ones teach what the others look like


def test_what_is_no_code_of_pixels_is_refused():
    planes = [np.zeros((9, 9), np.uint8)]
    with pytest.raises(GlyphnbError, match="4 bytes, got 3"):
        decode_pixels(b"abc", planes)
    with pytest.raises(GlyphnbError, match="one type"):
        encode_pixels([np.zeros((2, 2), bool), np.zeros((2, 2), np.uint8)])
    refused = 0
    for seed in range(40):  # a range coder notices some bytes that no sender writes
        noise = np.random.default_rng(seed).integers(0, 256, 40).astype(np.uint8).tobytes()
        try:
            decode_pixels(noise, planes)
        except GlyphnbError:
            refused += 1
    assert refused < 40
