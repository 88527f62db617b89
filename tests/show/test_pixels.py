"""show.pixels: an image is whole, its white is white, and a folder knows its paper."""

import io
import re
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from glyphnb.letters.folders import load_data
from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.show.pixels import full_scale, load_image, open_image, read_images, read_inks

LETTERS = render_glyphs("ABR", "DejaVu Sans Bold", size=80)
PAGE = 255 - LETTERS.ink[2]


def png(width, height, raw, bits=8, colour=0, interlace=0):
    "A PNG file of any header and any data."
    parts = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")):
        check = struct.pack(">I", zlib.crc32(kind + content))
        parts += struct.pack(">I", len(content)) + kind + content + check
    return parts


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def rows(page, n):
    return b"".join(b"\0" + row.tobytes() for row in page[:n])


RGB = np.stack([PAGE] * 3, axis=-1)
DEEP = PAGE.astype(">u2") * 257
JPEG = saved(Image.fromarray(PAGE), "JPEG", quality=90)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8))
SHORT = {
    "grey.png": png(80, 80, rows(PAGE, 50)),
    "colour.png": png(80, 80, rows(RGB, 79), colour=2),
    "deep.png": png(80, 80, rows(DEEP, 20), bits=16),
    "interlaced.png": png(80, 80, b"\0" + bytes(10), interlace=1),
    "grey.jpg": JPEG[: len(JPEG) * 2 // 3] + b"\xff\xd9",
    "progressive.jpg": saved(NOISE, "JPEG", progressive=True)[:4000] + b"\xff\xd9",
    "restarts.jpg": saved(NOISE, "JPEG", restart_marker_blocks=4)[:3000] + b"\xff\xd9",
}


@pytest.mark.parametrize("name", SHORT)
def test_an_image_whose_rows_are_missing_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(SHORT[name])
    Image.open(tmp_path / name).load()  # Pillow takes it
    with pytest.raises(GlyphnbError, match=f"{name}: its data ends before the last row"):
        open_image(tmp_path / name)


@pytest.mark.parametrize("ink", [False, True])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize(
    "kind, options",
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("GIF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("ICO", {"sizes": [(80, 80)]}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_a_whole_image_is_not_refused(tmp_path, mode, kind, options, ink):
    page = Image.fromarray(255 - PAGE if ink else PAGE)
    page = (
        Image.fromarray(np.asarray(page, np.uint16) * 257) if mode == "I;16" else page.convert(mode)
    )
    path = tmp_path / f"a.{kind.lower()}"
    if kind in ("GIF", "WEBP") and mode in ("CMYK", "I;16"):
        pytest.skip("Pillow writes another image")
    try:
        page.save(path, kind, **options)
    except OSError:
        pytest.skip("there is no such file")
    assert open_image(path).image.size == (80, 80)
    assert abs(load_image(path).astype(int) - (255 - PAGE if ink else PAGE)).mean() < 6


@pytest.mark.parametrize(
    "content, words",
    [
        (
            png(12000, 12000, bytes(99)) + bytes(1900),
            "12,000 x 12,000 pixels, more than its 1,9.. bytes",
        ),
        (png(50000, 90, bytes(99)), r"50,000 x 90 pixels, more than its \d+ bytes can hold"),
        (png(11000, 11000, bytes(30_000_000)), r"more than `max_pixels`, 120,000,000"),
    ],
    ids=["tiny", "wide", "honest"],
)
def test_a_header_that_asks_for_too_much_is_refused_before_memory_is_taken(
    tmp_path, monkeypatch, content, words
):
    (tmp_path / "a.png").write_bytes(content)
    monkeypatch.setattr(Image.core, "new", None)  # memory for pixels
    with pytest.raises(GlyphnbError, match=r"a\.png: its header tells of .*" + words):
        load_image(tmp_path / "a.png")


def test_the_limit_is_an_argument(tmp_path):
    Image.fromarray(PAGE).save(tmp_path / "a.png")
    with pytest.raises(GlyphnbError, match="80 x 80 pixels, more than `max_pixels`, 6,399"):
        load_data(tmp_path, max_pixels=6399)
    assert len(load_data(tmp_path, max_pixels=6400)) == 1
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = 100  # Pillow's own limit is another one, and stays
    try:
        assert len(load_data(tmp_path)) == 1 and Image.MAX_IMAGE_PIXELS == 100
    finally:
        Image.MAX_IMAGE_PIXELS = limit


SHARE = PAGE / np.float32(255)
SCALES = {
    "u16_8.png": PAGE.astype(np.uint16),
    "u16_10.tif": (SHARE * 1023).astype(np.uint16),
    "u16_12.png": (SHARE * 4095).astype(np.uint16),
    "u16_14.tif": (SHARE * 16383).astype(np.uint16),
    "u16_16.png": PAGE.astype(np.uint16) * 257,
    "i32_10.tif": (SHARE * 1023).astype(np.int32),
    "i32_24.tif": (SHARE * (2**24 - 1)).astype(np.int32),
    "float.tif": SHARE,
    "float_over.tif": SHARE * np.float32(1.001),
    "float_sharpened.tif": SHARE * np.float32(1.2) - np.float32(0.1),
    "float_255.tif": PAGE.astype(np.float32),
    "float_12.tif": SHARE * np.float32(4095),
    "mask.png": (PAGE > 127).astype(np.uint8),
}


@pytest.mark.parametrize("name", SCALES)
def test_white_is_white(tmp_path, name):
    Image.fromarray(SCALES[name]).save(tmp_path / name)
    levels = load_image(tmp_path / name).astype(int)
    assert levels[PAGE == 255].min() >= 254 and levels[PAGE == 0].max() <= 1
    if "mask" not in name and "sharpened" not in name:
        assert abs(levels - PAGE).max() <= 1
    ink = load_data(tmp_path, 80).ink[0]
    assert ink[PAGE == 0].min() >= 254 and ink[PAGE == 255].max() <= 1


@pytest.mark.parametrize(
    "values, words",
    [
        (np.where(SHARE > 0.5, np.nan, SHARE), "not numbers"),
        (np.where(SHARE > 0.5, np.inf, SHARE), "not numbers"),
        (SHARE * 2 - 1, "expected grey levels from 0, found -1 to 1"),
        (SHARE * 7, "expected floats up to 1 or 255, found up to 7"),
        (PAGE.astype(np.int32) - 128, "expected grey levels from 0, found -128 to 127"),
    ],
)
def test_values_that_are_no_levels_get_one_line(tmp_path, values, words):
    kind = np.int32 if values.dtype == np.int32 else np.float32
    Image.fromarray(values.astype(kind)).save(tmp_path / "a.tif")
    for read in (load_image, lambda path: load_data(path.parent)):
        with warnings.catch_warnings(), pytest.raises(GlyphnbError, match=rf"a\.tif: .*{words}"):
            read(tmp_path / "a.tif")


def test_the_folder_tells_the_scale(tmp_path):
    for name, top in {"dark": 900, "white": 4095}.items():
        Image.fromarray((SHARE * top).astype(np.uint16)).save(tmp_path / f"{name}.png")
    Image.fromarray(PAGE).save(tmp_path / "eight.png")  # of 8 bits: none of their business
    most = {r.path.stem: int(r.levels.max()) for r in read_images(sorted(tmp_path.iterdir()))}
    assert most == {"dark": 56, "white": 255, "eight": 255}
    Image.fromarray(PAGE.astype(np.uint16) * 257).save(tmp_path / "other.png")
    with pytest.raises(
        GlyphnbError, match=r"dark\.png: .* found at most 900, where white is 65535"
    ):
        load_data(tmp_path)
    with pytest.warns(GlyphnbWarning, match=r"skipped .*dark\.png"):
        assert len(load_data(tmp_path, 32, skip_unreadable=True)) == 3
    assert [full_scale([most], True) for most in (0.2, 1.3, 255.4, 60000)] == [1, 1, 255, 65535]


def test_sixteen_bits_a_channel_that_are_not_used_are_refused(tmp_path):
    twelve = np.stack([SHARE * 4095] * 3, axis=-1).astype(">u2")
    (tmp_path / "a.png").write_bytes(png(80, 80, rows(twelve, 80), bits=16, colour=2))
    with pytest.raises(GlyphnbError, match=r"a\.png: 16 bits a channel, of which the highest"):
        load_image(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(
        png(80, 80, rows((twelve * 16).astype(">u2"), 80), bits=16, colour=2)
    )
    assert abs(load_image(tmp_path / "a.png").astype(int) - PAGE).max() <= 1


@pytest.mark.parametrize("kind, options", [("tiff", {}), ("gif", {}), ("png", {})])
def test_pages_beyond_the_first_are_named(tmp_path, kind, options):
    pages = [Image.fromarray(page) for page in (PAGE, 255 - PAGE, PAGE // 2)]
    pages[0].save(tmp_path / f"a.{kind}", save_all=True, append_images=pages[1:], **options)
    with pytest.warns(GlyphnbWarning, match="took the first of 3 frames"):
        assert np.array_equal(load_image(tmp_path / f"a.{kind}"), PAGE)
    with pytest.warns(GlyphnbWarning, match=f"^a.{kind}: several pages or frames") as warned:
        load_data(tmp_path)
    assert len(warned) == 1


def test_blank_images_are_named_and_a_folder_of_them_is_refused(tmp_path):
    Image.fromarray(PAGE).save(tmp_path / "a.png")
    for name, level in (("b", 255), ("c", 0), ("d", 90)):
        Image.new("L", (30, 30), level).save(tmp_path / f"{name}.png")
    Image.new("RGBA", (30, 30)).save(tmp_path / "e.png")  # all of it transparent
    words = r"^b\.png, c\.png, d\.png, e\.png: expected a letter, found one tone all over$"
    with pytest.warns(GlyphnbWarning, match=words):
        assert len(load_data(tmp_path)) == 5
    (tmp_path / "a.png").unlink()
    with pytest.raises(GlyphnbError, match="expected letters, found blank images alone"):
        load_data(tmp_path)


def test_a_program_is_not_an_image(tmp_path):
    Image.fromarray(PAGE).save(tmp_path / "a.eps")
    with pytest.raises(GlyphnbError, match="a.eps: expected an image, found a program"):
        load_image(tmp_path / "a.eps")


def cropped(ink):
    return ink[ink.any(axis=1)][:, ink.any(axis=0)]


@pytest.mark.parametrize("light", [True, False])
def test_cropped_letters_of_a_folder_have_one_paper(tmp_path, light):
    inks = [cropped(np.where(i > 127, 255, 0).astype(np.uint8)) for i in LETTERS.ink]
    for name, ink in zip("ABR", inks, strict=True):
        Image.fromarray(255 - ink if light else ink).convert("1").save(tmp_path / f"{name}.png")
    for ink, found in zip(inks, load_data(tmp_path, 64).ink, strict=True):
        assert abs(ink.mean() * ink.size / max(ink.shape) ** 2 - found.mean()) < 6


def test_paper_that_is_told_is_obeyed(tmp_path):
    for name, ink in zip("ABR", LETTERS.ink, strict=True):
        Image.fromarray(255 - ink).save(tmp_path / f"{name}.png")
    assert np.array_equal(load_data(tmp_path, 80, paper="white").ink, LETTERS.ink)
    assert np.array_equal(load_data(tmp_path, 80, paper="black").ink, 255 - LETTERS.ink)


def test_an_image_on_another_paper_is_named(tmp_path):
    for name, ink in zip("ABR", LETTERS.ink, strict=True):
        Image.fromarray(ink if name == "B" else 255 - ink).save(tmp_path / f"{name}.png")
    with pytest.warns(GlyphnbWarning, match=r"^B\.png: taken for dark paper, unlike most; set"):
        assert np.array_equal(load_data(tmp_path, 80).ink, LETTERS.ink)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_data(tmp_path, paper="white")  # whoever says it need not be warned


def test_a_folder_that_does_not_tell_is_named():
    half = np.full((40, 20), 255, np.uint8)
    half[:20] = 0
    with pytest.warns(GlyphnbWarning, match="^images: letters and paper are hard to tell"):
        assert read_inks({"a": half})[0][0, 0] == 255  # dark is ink, in doubt
    box = np.pad(np.full((20, 20), 255, np.uint8), 3)
    crops = {f"{k}": 255 - cropped(i) for k, i in enumerate(LETTERS.ink)} | {"box": box}
    with pytest.warns(GlyphnbWarning, match="^box: looks like dark paper, but is taken for light"):
        assert read_inks(crops)[3][0, 0] == 255


def test_messages_keep_to_one_line(tmp_path):
    for name, content in SHORT.items():
        (tmp_path / name).write_bytes(content)
    for reading in read_images(sorted(tmp_path.iterdir())):
        assert reading.levels is None and not re.search(r"[\x00-\x1f]", str(reading.error))
