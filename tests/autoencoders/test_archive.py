"""Archives give every image back in its mode, notice damage, and refuse what a stranger crafted."""

import tracemalloc

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from glyphnb.autoencoders import archive
from glyphnb.autoencoders.archive import (
    as_storable,
    decoder_size,
    fingerprint,
    pack_glyphs,
    read_images,
    rival_sizes,
    unpack_glyphs,
)
from glyphnb.autoencoders.compress import compress_codes, quantize_codes, seal, squeeze, unseal
from glyphnb.autoencoders.lossless import encode_pixels
from glyphnb.autoencoders.redraw import patch_error
from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.vae.pretrained import NumpyVAE

KNOWN = render_glyphs("arabic", size=64)
SIDES = st.integers(1, 9)
IMAGES = st.one_of(
    arrays("uint8", st.tuples(SIDES, SIDES)),
    arrays(bool, st.tuples(SIDES, SIDES)),
    arrays("uint16", st.tuples(SIDES, SIDES)),
    arrays("uint8", st.tuples(SIDES, SIDES, st.integers(2, 4))),
)
STEMS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\:"),
    min_size=1,
    max_size=8,
)
FOLDERS = st.dictionaries(STEMS.map("{}.png".format), IMAGES, min_size=1, max_size=4)


def same(one, two):
    "Whether two images agree in mode, size, pixels and colours."
    two = Image.fromarray(two) if isinstance(two, np.ndarray) else two
    colours = one.mode != "P" or one.convert("RGBA").tobytes() == two.convert("RGBA").tobytes()
    shown = (one.mode, one.size, one.tobytes())
    return colours and shown == (two.mode, two.size, two.tobytes())


@given(FOLDERS)
@settings(max_examples=12, deadline=None)
def test_without_a_model_everything_comes_back(glyphs):
    packing = pack_glyphs(glyphs)
    back = unpack_glyphs(packing.packed)
    assert list(back) == list(glyphs) and not packing.coded.any() and not packing.errors.any()
    assert all(same(back[name], image) for name, image in glyphs.items())


def test_every_mode_of_pillow_comes_back_or_is_converted_as_promised():
    grey = np.add.outer(9 * np.arange(8), 11 * np.arange(12)).astype(np.uint8)
    colours = Image.fromarray(np.dstack([grey, grey // 2, 255 - grey]))
    palette = colours.quantize(20)
    clear = palette.copy()
    clear.info["transparency"] = 3
    keyed = Image.fromarray(grey)
    keyed.info["transparency"] = 30
    kept = {
        "1": colours.convert("1"),
        "L": colours.convert("L"),
        "LA": colours.convert("LA"),
        "P": palette,
        "RGB": colours,
        "RGBA": colours.convert("RGBA"),
        "I;16": Image.fromarray(grey.astype(np.uint16) * 257 - 3),
    }
    converted = {
        "P": (clear, clear),
        "RGB": (colours.convert("CMYK"), colours.convert("CMYK").convert("RGB")),
        "I;16": (Image.fromarray(grey.astype("int32") * 99), grey.astype(np.uint16) * 99),
        "LA": (keyed, keyed.convert("LA")),
        "RGBA": (colours.convert("RGBa"), colours.convert("RGBa").convert("RGBA")),
    }
    glyphs = {f"kept/{mode}.png": image for mode, image in kept.items()}
    glyphs |= {f"new/{mode}.png": image for mode, (image, _) in converted.items()}
    back = unpack_glyphs(pack_glyphs(glyphs).packed)
    for mode, image in kept.items():
        assert back[f"kept/{mode}.png"].mode == mode and same(back[f"kept/{mode}.png"], image)
    for mode, (_, right) in converted.items():
        assert back[f"new/{mode}.png"].mode == mode and same(back[f"new/{mode}.png"], right)
    for wide in (grey - 300.0, grey + 0.5, grey * 1e6):
        with pytest.raises(GlyphnbError, match=r"x\.png: .* 16 bits"):
            pack_glyphs({"x.png": Image.fromarray(wide.astype("float32"))})
    assert as_storable(colours) is colours


def test_dark_paper_costs_as_much_as_light_paper():
    glyphs = {f"{i}.png": ink for i, ink in enumerate(render_glyphs("abcdefgh", size=40).ink)}
    mixed = {name: ink if i % 2 else 255 - ink for i, (name, ink) in enumerate(glyphs.items())}
    assert len(pack_glyphs(mixed).packed) < len(pack_glyphs(glyphs).packed) + 20


def test_names_take_few_bytes():
    dot = np.zeros((1, 1), bool)
    few, many = ({f"hand/{i:03}.png": dot for i in range(n)} for n in (1, 500))
    assert len(pack_glyphs(many).packed) < len(pack_glyphs(few).packed) + 150
    odd = {"a.png": dot, f"{'b' * 200}.png": dot, "c/ü.png": dot, "d e.png": dot}
    assert list(unpack_glyphs(pack_glyphs(odd).packed)) == list(odd)


@given(FOLDERS)
@settings(max_examples=8, deadline=None)
def test_pictures_that_are_no_letters_are_not_redrawn_badly(glyphs):
    vae = NumpyVAE()
    packing = pack_glyphs(glyphs, vae)
    back = unpack_glyphs(packing.packed, vae)
    assert list(back) == list(glyphs)
    assert len(packing.packed) <= len(pack_glyphs(glyphs).packed)
    for (name, image), coded in zip(glyphs.items(), packing.coded, strict=True):
        assert same(back[name], image) or (coded and back[name].size == image.shape[1::-1])


def test_every_glyph_is_the_letter_it_was(mixed_greys):
    glyphs, vae = mixed_greys, NumpyVAE()  # 21 letters that it knows, and three others
    packing = pack_glyphs(glyphs, vae)
    back = {name: np.asarray(x) for name, x in unpack_glyphs(packing.packed, vae).items()}
    assert list(back) == list(glyphs)
    assert packing.coded[:21].sum() > 5 and not packing.coded[21:].any()
    for name, grey in glyphs.items():
        assert back[name].shape == grey.shape
        assert abs(back[name].astype(float) - grey).mean() < 5  # the same paper, the same letter
    distances = [
        [abs(back[name].astype(float) - grey).sum() for grey in list(glyphs.values())[:21]]
        for name in list(glyphs)[:21]
    ]
    assert (np.argmin(distances, axis=1) == np.arange(21)).all()
    lax = pack_glyphs(glyphs, vae, max_error=1)
    assert lax.coded.all() and lax.errors[21:].min() > 0.25
    assert not pack_glyphs(glyphs, vae, max_error=0).coded.any()


def test_a_model_draws_one_bit_letters_with_one_bit():
    glyphs, vae = {f"{i}.png": ink < 128 for i, ink in enumerate(KNOWN.ink)}, NumpyVAE()
    packing = pack_glyphs(glyphs, vae, max_error=0.4)
    back = unpack_glyphs(packing.packed, vae)
    assert packing.coded.sum() > 5 and {image.mode for image in back.values()} == {"1"}
    for (name, paper), coded, error in zip(
        glyphs.items(), packing.coded, packing.errors, strict=True
    ):
        drawn = np.asarray(back[name])
        ink = [255 * (~x).astype(np.uint8) for x in (paper, drawn)]
        np.testing.assert_allclose(patch_error(*ink), error, atol=1e-9)
        assert coded or (drawn == paper).all()


def test_a_model_draws_only_where_that_is_smaller_with_its_decoder(mixed_greys):
    vae, few = NumpyVAE(), dict(list(mixed_greys.items())[:5])
    free, exact = pack_glyphs(few, vae), pack_glyphs(few)
    saved = len(exact.packed) - len(free.packed)
    assert saved > 100 and free.coded.any()
    assert pack_glyphs(few, vae, decoder_bytes=saved - 1).coded.any()
    assert pack_glyphs(few, vae, decoder_bytes=saved).packed == exact.packed
    assert decoder_size(vae) == sum(np.float32(weight).nbytes for weight in vae.decoder)


@pytest.fixture(scope="module")
def packed(mixed_greys):
    few = dict(list(mixed_greys.items())[20:22])
    return pack_glyphs(few, NumpyVAE()).packed


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_damage_is_noticed(packed, data):
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    damaged = bytearray(packed)
    damaged[bit // 8] ^= 1 << bit % 8
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    for broken in (bytes(damaged), cut, b"GLA1" + packed[4:40], b"PK" + bytes(100)):
        with pytest.raises(GlyphnbError, match="`packed`") as error:
            unpack_glyphs(broken, NumpyVAE())
        assert "\n" not in str(error.value)


def craft(rows, names=None, palettes=(), model=None, pixels=None, codes=b"", **more):
    "An archive with right checksums and any content."
    names = [f"{i}" for i in range(len(rows))] if names is None else names
    pixels = encode_pixels([np.zeros((2, 2), np.uint8)] * 2) if pixels is None else pixels
    header = {"names": names, "rows": rows, "palettes": palettes, "model": model, **more}
    return seal(header, pixels, codes)


def describe_codes(n, latent_dim, axes=0.0, integers=b""):
    "Codes as `compress_codes` writes them, described as one likes."
    axes = np.full(2 * latent_dim, axes, "<f4").tobytes()
    return seal({"n": n, "latent_dim": latent_dim}, axes, squeeze(integers))


ROW = ["L", 2, 2, 0, 0]
DRAWN = ["L", 2, 2, 0, 1]
NAME = fingerprint(NumpyVAE())
CODES = compress_codes(quantize_codes(np.zeros((1, 2))))
CRAFTED = {
    "nothing": seal({}),
    "no rows": craft([]),
    "rows that are a number": seal({"names": [], "rows": 3}, b"", b""),
    "a row that is a number": craft([3]),
    "a short row": craft([ROW[:4]]),
    "a mode of its own": craft([["XYZ", 2, 2, 0, 0]]),
    "a mode that is a list": craft([[["L"], 2, 2, 0, 0]]),
    "size 0": craft([["L", 0, 2, 0, 0]]),
    "negative sizes": craft([["L", -2, -2, 0, 0]]),
    "a float": craft([["L", 2.0, 2, 0, 0]]),
    "a bool": craft([["L", True, 2, 0, 0]]),
    "a text": craft([["L", "2", 2, 0, 0]]),
    "infinity": craft([["L", float("inf"), 2, 0, 0]]),
    "a huge side": craft([["L", 10**30, 1, 0, 0]]),
    "more pixels than fit": craft([["L", 65535, 65535, 0, 0]]),
    "many that are too many together": craft([["RGB", 9000, 9000, 0, 0]] * 9),
    "a drawing whose square is too large": craft([["L", 1, 65535, 0, 1]], model=NAME, codes=CODES),
    "a drawing in colour": craft([["RGB", 2, 2, 0, 1]], model=NAME, codes=CODES),
    "light that is 2": craft([["L", 2, 2, 2, 0]]),
    "a name too few": craft([ROW, ROW], names=["a"]),
    "names that are numbers": craft([ROW], names=[7]),
    "names of another length": craft([ROW, ROW], names="abc"),
    "two of one name": craft([ROW, ROW], names=["a", "a"]),
    "a file that is a folder": craft([ROW, ROW], names=["a", "a.png/b"]),
    "a name that leaves": craft([ROW], names=["../a"]),
    "a name that leaves later": craft([ROW], names=["a/../../b"]),
    "an absolute name": craft([ROW], names=["/a"]),
    "an empty name": craft([ROW], names=[""]),
    "a deep name": craft([ROW], names=["a/" * 5000 + "b"]),
    "a long name": craft([ROW], names=["a" * 252]),
    "a long path": craft([ROW], names=["/".join(["a" * 200] * 12)]),
    "half a character": craft([ROW], names=["\ud800"]),
    "a name that clears the screen": craft([ROW], names=["a\x1b[2J"]),
    "no palette": craft([["P", 2, 2, 0, 0]]),
    "a palette that is no number": craft([["P", 2, 2, 0, 0]], palettes=[["RGB", "xyz"]]),
    "a palette too long": craft([["P", 2, 2, 0, 0]], palettes=[["RGB", "00" * 771]]),
    "palettes that are a number": craft([["P", 2, 2, 0, 0]], palettes=1),
    "a palette of a mode of its own": craft([["P", 2, 2, 0, 0]], palettes=[["CMYK", "00" * 4]]),
    "pixels of a broken length": craft([ROW], pixels=b"123"),
    "codes without a model": craft([DRAWN], codes=CODES),
    "a model that is a list": craft([DRAWN], model=["x"], codes=CODES),
    "no codes": craft([DRAWN], model=NAME),
    "codes that are something else": craft([DRAWN], model=NAME, codes=b"GIF89a"),
    "more codes than there are": craft([DRAWN], model=NAME, codes=describe_codes(10**30, 2)),
    "more codes than fit": craft([DRAWN], model=NAME, codes=describe_codes(1 << 30, 2)),
    "codes far out": craft([DRAWN], model=NAME, codes=describe_codes(1, 2, 3e38, b"ab")),
    "codes that are no numbers": craft(
        [DRAWN], model=NAME, codes=describe_codes(1, 2, np.nan, b"ab")
    ),
    "more pixels than its bytes": craft([["L", 9000, 9000, 0, 0]], pixels=b""),
    "a code too few": craft([DRAWN, DRAWN], model=NAME, codes=CODES),
    "codes of another length": craft(
        [DRAWN], model=NAME, codes=compress_codes(quantize_codes(np.zeros((1, 3))))
    ),
}


def test_sizes_are_checked_before_memory_is_taken(monkeypatch):
    "Nothing is decoded, and nothing of the size of the pixels is made."
    monkeypatch.setattr(archive, "decode_pixels", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(archive.np, "zeros", lambda *_: pytest.fail("made"))
    for name in ("more pixels than fit", "many that are too many together"):
        with pytest.raises(GlyphnbError, match="at most 134,217,728 bytes"):
            unpack_glyphs(CRAFTED[name])


def test_a_small_file_of_one_glyph_does_not_expand_to_gigabytes():
    bomb = seal({"n": 1 << 26, "latent_dim": 1}, bytes(8), squeeze(bytes(1 << 26)))
    archive = craft([["L", 8, 8, 0, 1]], model=NAME, codes=bomb)
    assert len(archive) < 20_000
    tracemalloc.start()
    with pytest.raises(GlyphnbError, match="at most 16,777,216 numbers"):
        unpack_glyphs(archive, NumpyVAE())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_archive_is_refused_in_one_line(name):
    with pytest.raises(GlyphnbError) as error:
        unpack_glyphs(CRAFTED[name], NumpyVAE())
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_the_crafted_archives_are_wrong_in_one_point_only():
    assert list(unpack_glyphs(craft([ROW, ROW]))) == ["0.png", "1.png"]
    assert list(unpack_glyphs(craft([ROW, ROW], names="ab"))) == ["a.png", "b.png"]
    assert unpack_glyphs(craft([DRAWN], model=NAME, codes=CODES), NumpyVAE())["0.png"].size == (
        2,
        2,
    )
    palette = craft([["P", 2, 2, 0, 0]], palettes=[["RGB", "00" * 768]])
    assert unpack_glyphs(palette)["0.png"].mode == "P"
    jpeg = unpack_glyphs(craft([ROW], names=["a.jpg"]))
    assert list(jpeg) == ["a.jpg.png"]  # what is written is a PNG file, and called one


def test_more_than_an_archive_holds_is_refused_when_packing(monkeypatch):
    monkeypatch.setattr(archive, "_MOST", 1000)
    letters = {f"{i}.png": np.zeros((20, 20), bool) for i in range(3)}
    assert pack_glyphs(dict(list(letters.items())[:2]))
    with pytest.raises(GlyphnbError, match="at most 1,000 bytes .* got 1,200"):
        pack_glyphs(letters)


def test_no_name_leaves_its_folder():
    for name in ("../evil.png", "/etc/evil.png", "a/../../evil.png", "", "a.jpg", "./a.png"):
        with pytest.raises(GlyphnbError, match="relative"):
            pack_glyphs({name: KNOWN.ink[0]})


@pytest.mark.parametrize(
    "glyphs, options, named",
    [
        ({}, {}, "glyphs"),
        ({"a.png": KNOWN.ink[0]}, {"max_error": -1}, "max_error"),
        ({"a.png": KNOWN.ink[0]}, {"max_error": float("nan")}, "max_error"),
        ({"a.png": KNOWN.ink[0]}, {"levels": 1}, "levels"),
        ({"a.png": KNOWN.ink}, {}, "a.png"),
        ({"a.png": KNOWN.images[0, ..., 0]}, {}, "a.png"),
        ({"a.png": KNOWN.ink[0][:0]}, {}, "a.png"),
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
    glyphs, vae = dict(list(mixed_greys.items())[:8]), NumpyVAE()
    packing = pack_glyphs(glyphs, vae, levels=12)
    back = unpack_glyphs(packing.packed, vae)
    assert 0 < packing.coded.sum() < 8 and packing.errors.max() <= 0.25
    for (name, grey), coded in zip(glyphs.items(), packing.coded, strict=True):
        found = np.asarray(back[name])
        if coded:
            sides = [
                255 - x if name[0] != "n" and int(name[:-4]) % 2 == 0 else x for x in (grey, found)
            ]
            assert patch_error(*sides) <= 0.26
        else:
            np.testing.assert_array_equal(found, grey)


def test_a_folder_is_read_in_its_modes_and_what_changes_is_said(tmp_path):
    grey = 255 - KNOWN.ink[0]
    Image.fromarray(grey > 127).save(tmp_path / "a.png")
    Image.fromarray(grey).convert("CMYK").save(tmp_path / "b.jpg")
    frames = [Image.fromarray(x) for x in KNOWN.ink[:3]]
    frames[0].save(tmp_path / "c.gif", save_all=True, append_images=frames[1:])
    tifffile.imwrite(tmp_path / "d.tif", grey.astype(np.float32) / 255)
    tifffile.imwrite(tmp_path / "e.tif", grey.astype(np.uint16) * 255)
    turned = Image.fromarray(grey[:, :50])
    exif = turned.getexif()
    exif[0x0112] = 6  # shown turned by a quarter
    turned.save(tmp_path / "f.png", exif=exif)
    with pytest.warns(GlyphnbWarning, match="c.gif: several pages or frames"):
        images, changed, file_bytes = read_images(tmp_path)
    modes = [image.mode for image in images.values()]
    assert list(images) == [f"{stem}.png" for stem in "abcdef"]
    assert modes[:2] == ["1", "RGB"] and modes[3:] == ["L", "I;16", "L"]
    assert images["f.png"].size == (64, 50)
    assert changed == {
        "b.png": "CMYK became RGB",
        "c.png": "the first of 3 frames",
        "d.png": "F became L",
    }
    assert file_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert list(read_images(tmp_path / "e.tif").images) == ["e.png"]


def test_an_archive_is_smaller_than_its_rivals():
    ink = render_glyphs("abcdefghijkl", "STIX", size=64).ink
    for glyphs in ([255 - x for x in ink], [x < 128 for x in ink]):
        images = [Image.fromarray(x) for x in glyphs]
        sizes = rival_sizes(images)
        assert ("G4 fax" in sizes) == (images[0].mode == "1") and "lossless WebP" in sizes
        packed = pack_glyphs({f"{i}.png": image for i, image in enumerate(images)}).packed
        assert len(packed) < min(sizes.values())
        assert sizes["PNG"] < sum(rival_sizes([image])["PNG"] for image in images)  # one sheet
    for mode in ("LA", "P", "RGBA", "I;16"):
        assert min(rival_sizes([Image.new(mode, (9, 9)), Image.new(mode, (9, 5))]).values()) > 0


def test_a_header_holds_nothing_but_what_it_says(packed):
    header, parts = unseal(packed)
    assert sorted(header) == ["model", "names", "palettes", "rows"] and len(parts) == 2
