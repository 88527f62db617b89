"""Archives lose no glyph, refuse what is none of theirs, and tools read what others wrote."""

import os
import struct
import subprocess
import zlib

import imageio_ffmpeg
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from glyphnb.cli import main
from glyphnb.compress import (
    compress_codes,
    decompress_codes,
    dequantize_codes,
    fingerprint,
    pack_glyphs,
    patch_error,
    quantize_codes,
    unpack_glyphs,
)
from glyphnb.glyphs import load_image, render_glyphs, save_glyphs
from glyphnb.latent import NumpyVAE

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


@given(arrays("uint8", (9, 9)), arrays("uint8", (9, 9)))
@settings(max_examples=60, deadline=None)
def test_patch_error_is_the_worst_window(ink, drawn):
    low, high = np.percentile(ink, (1, 99))
    difference = abs(ink.astype(float) - drawn)
    windows = np.lib.stride_tricks.sliding_window_view(difference, (1, 1))
    expected = windows.mean(axis=(2, 3)).max() / max(high - low, 1)
    np.testing.assert_allclose(patch_error(ink, drawn), expected)
    assert patch_error(ink, ink) == 0


def test_patch_error_by_windows_of_three():
    ink, drawn = KNOWN.ink[1], KNOWN.ink[2]  # 48 pixels of ink make a window of 3
    difference = abs(ink.astype(float) - drawn) / 255
    windows = np.lib.stride_tricks.sliding_window_view(difference, (3, 3))
    np.testing.assert_allclose(patch_error(ink, drawn), windows.mean(axis=(2, 3)).max())


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


def ffmpeg(array, path, *options):
    "Write an image with another encoder than Pillow's."
    height, width = array.shape
    given = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}", "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *given, *options, str(path)]
    subprocess.run(command, input=array.tobytes(), check=True, timeout=60)


@pytest.fixture
def odd(tmp_path):
    "A folder of letters in formats of all kinds, and a list of what was written."
    folder = tmp_path / "odd"
    folder.mkdir()
    greys = [255 - ink for ink in KNOWN.ink]
    Image.fromarray(greys[0]).save(folder / "progressive.jpg", progressive=True, quality=90)
    wide = greys[1].astype(np.uint16) * 257
    tifffile.imwrite(folder / "sixteen.tif", wide, compression=None)
    ffmpeg(greys[2], folder / "deep.png", "-pix_fmt", "gray16be")
    ffmpeg(greys[3], folder / "still.gif")
    frames = [Image.fromarray(grey) for grey in greys[4:8]]
    frames[0].save(folder / "film.gif", save_all=True, append_images=frames[1:], duration=50)
    Image.fromarray(greys[8]).save(folder / "lossless.webp", lossless=True)
    Image.fromarray(greys[9]).save(folder / "lossy.webp", quality=80)
    clear = Image.new("RGBA", (64, 64))
    clear.putalpha(Image.fromarray(KNOWN.ink[10]))
    clear.save(folder / "clear.png")
    Image.fromarray(greys[11]).convert("CMYK").save(folder / "print.jpg", quality=95)
    Image.fromarray(greys[12]).point(lambda v: 255 * (v > 127)).convert("1").save(
        folder / "bit.png"
    )
    Image.fromarray(greys[13]).convert("P").save(folder / "palette.png")
    Image.fromarray(render_glyphs("Q", size=300).ink[0][:, 40:]).save(folder / "large.bmp")
    return folder


@pytest.mark.parametrize("options", [[], ["--lossless"]])
def test_a_folder_of_all_kinds_survives(odd, tmp_path, monkeypatch, capsys, options):
    monkeypatch.chdir(tmp_path)
    assert main(["compress", "odd", *options]) == 0
    told = capsys.readouterr().out
    assert "12 glyphs" in told and "PNG" in told and "first frame" in told
    assert main(["decompress", "letters.gly", "--out", "deep/back"]) == 0
    sent = {path.with_suffix(".png").name: load_image(path) for path in odd.iterdir()}
    back = {path.name: load_image(path) for path in (tmp_path / "deep/back").iterdir()}
    assert sorted(sent) == sorted(back)
    for name, grey in sent.items():
        assert back[name].shape == grey.shape
        if options or name == "large.png":
            np.testing.assert_array_equal(back[name], grey)
        assert abs(back[name].astype(float) - grey).mean() < 4, name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "letters.gly", "odd"]


def test_a_folder_per_letter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for letter in "ab":
        (tmp_path / "scans" / letter).mkdir(parents=True)
        for i in (1, 2, 10):
            grey = 255 - render_glyphs(letter, size=20 + i).ink[0]
            Image.fromarray(grey).save(tmp_path / "scans" / letter / f"{i}.png")
    assert main(["compress", "scans", "--out", "s.gly"]) == 0
    names = list(unpack_glyphs((tmp_path / "s.gly").read_bytes()))
    assert names == [f"{letter}/{i}.png" for letter in "ab" for i in (1, 2, 10)]
    assert main(["decompress", "s.gly", "--out", "back"]) == 0
    for path in (tmp_path / "scans").rglob("*.png"):
        twin = tmp_path / "back" / path.relative_to(tmp_path / "scans")
        np.testing.assert_array_equal(load_image(twin), load_image(path))


def one_line(capsys, *words):
    error = capsys.readouterr().err.strip()
    assert error.startswith("glyphnb: error: ") and "\n" not in error, error
    for word in words:
        assert word in error


@pytest.mark.parametrize(
    "words, named",
    [
        (["compress", "nowhere"], "nowhere"),
        (["compress", "empty"], "empty"),
        (["compress", "mixed"], "poem.txt"),
        (["compress", "twins"], "a.png"),
        (["compress", "deep"], "inner"),
        (["compress", "letters", "--out", "mine.txt"], "mine.txt"),
        (["compress", "letters", "--out", "mine.txt/x.gly"], "mine.txt"),
        (["compress", "letters", "--max-error", "2"], "max_error"),
        (["compress", "letters", "--max-error", "nan"], "max_error"),
        (["compress", "letters", "--lossless", "--model", "m.keras"], "lossless"),
        (["compress", "letters", "--model", "m.keras"], "m.keras"),
        (["decompress", "nowhere.gly"], "nowhere.gly"),
        (["decompress", "letters"], "letters"),
        (["decompress", "mine.txt", "--out", "new"], "mine.txt"),
        (["decompress", "nothing.gly", "--out", "new"], "nothing.gly"),
        (["decompress", "good.gly", "--out", "letters"], "letters"),
        (["decompress", "good.gly", "--out", "mine.txt"], "mine.txt"),
        (["decompress", "cut.gly", "--out", "new"], "cut off"),
        (["decompress", "foreign.gly", "--out", "new"], "fingerprint"),
        (["denoise", "nowhere"], "nowhere"),
        (["denoise", "letters", "--side", "2"], "side"),
        (["denoise", "letters", "--out", "letters"], "letters"),
        (["denoise", "mine.txt", "--out", "new"], "mine.txt"),
        (["reduce", "nowhere"], "nowhere"),
        (["reduce", "letters"], "4 glyphs"),
        (["reduce", "four", "--method", "magic"], "method"),
        (["reduce", "four", "--out", "map.jpg"], "map.jpg"),
        (["reduce", "four", "--out", "four"], "four"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, monkeypatch, capsys, words, named):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "mixed", "twins", "deep/inner", "letters", "four"):
        (tmp_path / name).mkdir(parents=True)
    grey = Image.fromarray(255 - KNOWN.ink[0])
    for name in ("mixed/a.png", "twins/a.png", "twins/a.bmp", "letters/a.png", "deep/a.png"):
        grey.save(tmp_path / name)
    grey.save(tmp_path / "deep/inner/b.png")
    for i in range(4):
        grey.save(tmp_path / f"four/{i}.png")
    (tmp_path / "mixed/poem.txt").write_text("Tyger")
    (tmp_path / "mine.txt").write_text("years of work")
    (tmp_path / "nothing.gly").write_bytes(b"")
    good = pack_glyphs({"a.png": 255 - KNOWN.ink[0]}, NumpyVAE()).packed
    (tmp_path / "good.gly").write_bytes(good)
    (tmp_path / "cut.gly").write_bytes(good[:-3])
    foreign = NumpyVAE()
    foreign.decoder[-1] = foreign.decoder[-1] + np.float32(1e-3)
    (tmp_path / "foreign.gly").write_bytes(pack_glyphs(letters(), foreign).packed)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    assert main(words) == 2
    one_line(capsys, named)
    after = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    assert after == before


def test_unreadable_files_are_skipped_when_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    Image.fromarray(255 - KNOWN.ink[0]).save("scans/a.png")
    (tmp_path / "scans/b.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="b.png"):
        assert main(["compress", "scans", "--skip-unreadable"]) == 0
    assert list(unpack_glyphs((tmp_path / "letters.gly").read_bytes(), NumpyVAE())) == ["a.png"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nobody is refused here")
def test_no_permission(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    Image.fromarray(KNOWN.ink[0]).save("scans/a.png")
    (tmp_path / "closed").mkdir(mode=0o555)
    assert main(["compress", "scans", "--out", "closed/a.gly"]) == 2
    one_line(capsys, "closed")


def test_a_keras_model_packs_and_another_is_refused(tmp_path, monkeypatch, capsys):
    import keras

    from glyphnb.autoencoder import Autoencoder
    from glyphnb.vae import load_pretrained

    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    for i, ink in enumerate(KNOWN.ink[:5]):
        Image.fromarray(255 - ink).save(f"scans/{i}.png")
    load_pretrained().save("mine.keras")
    Autoencoder(latent_dim=2).save("other.keras")
    Autoencoder(latent_dim=2, shape=(8, 8, 3)).save("colour.keras")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save("plain.keras")
    assert main(["compress", "scans", "--model", "mine.keras"]) == 0
    told = capsys.readouterr().out
    assert "5 drawn" in told and "mine.keras" in told
    for model in ([], ["--model", "mine.keras"]):  # the same weights, with and without Keras
        assert main(["decompress", "letters.gly", "--out", f"back{len(model)}", *model]) == 0
    for i in range(5):
        one, two = (load_image(f"back{n}/{i}.png").astype(int) for n in (0, 2))
        assert abs(one - two).max() <= 1
    capsys.readouterr()
    for words, named in (
        (["decompress", "letters.gly", "--out", "x", "--model", "other.keras"], "fingerprint"),
        (["compress", "scans", "--out", "x", "--model", "colour.keras"], "square grey"),
        (["compress", "scans", "--out", "x", "--model", "plain.keras"], "another model"),
        (["denoise", "scans", "--out", "x", "--model", "plain.keras"], "another model"),
    ):
        assert main(words) == 2
        one_line(capsys, named)
    assert main(["denoise", "scans", "--out", "blank", "--model", "other.keras"]) == 0
    assert "5 of them" in capsys.readouterr().out  # it was never trained: all are doubtful
    assert main(["denoise", "scans", "--out", "clean", "--model", "mine.keras"]) == 0
    assert "of them" not in capsys.readouterr().out
    for i in range(5):
        clean = load_image(f"clean/{i}.png").astype(int)
        assert abs(clean - (255 - KNOWN.ink[i])).mean() < 3


def test_the_median_cleans_letters_of_any_tone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    rng = np.random.default_rng(0)
    clean = {"light.png": 255 - KNOWN.ink[3], "dark.png": KNOWN.ink[3], "new.png": NEW.ink[0][5:]}
    dirty = {}
    for name, grey in clean.items():
        u = rng.random(grey.shape)
        dirty[name] = np.where(u < 0.05, 0, np.where(u < 0.1, 255, grey)).astype(np.uint8)
        Image.fromarray(dirty[name]).save(f"scans/{name}")
    assert main(["denoise", "scans"]) == 0
    assert main(["denoise", "scans/new.png", "--out", "one"]) == 0
    for name, grey in clean.items():
        after, before = load_image(f"clean/{name}").astype(float), dirty[name].astype(float)
        assert after.shape == grey.shape
        assert ((after - grey) ** 2).mean() < 0.2 * ((before - grey) ** 2).mean()
    assert (load_image("one/new.png") == load_image("clean/new.png")).all()


@pytest.mark.parametrize("method", ["pca", "tsne", "vae"])
def test_letters_of_all_kinds_become_one_sheet(odd, tmp_path, monkeypatch, capsys, method):
    monkeypatch.chdir(tmp_path)
    assert main(["reduce", "odd", "--method", method, "--out", "new/map.png"]) == 0
    told = capsys.readouterr().out
    assert "12 glyphs" in told and 0.3 < float(told.split("trustworthiness ")[1][:4]) <= 1
    sheet = load_image("new/map.png")
    assert sheet.shape == (900, 900) and 0.01 < (sheet < 128).mean() < 0.3
    assert main(["reduce", "odd", "--method", method, "--out", "again.png"]) == 0
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "new/map.png").read_bytes()


def test_places_are_the_principal_components():
    from glyphnb.applications import place_glyphs

    pixels = KNOWN.images.reshape(21, -1).astype(float)
    u, s, _ = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    found = place_glyphs(KNOWN.ink, "pca")
    np.testing.assert_allclose(abs(found), abs(u[:, :2] * s[:2]), rtol=1e-2, atol=1e-2)


@given(GREYS, st.sampled_from(["gradient", "two-tone", "paper"]), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_grey_is_the_mean_of_the_colours_and_ink_stays(grey, style, seed):
    from glyphnb.applications import tint, transfer_colour

    images = np.float32(grey)[None, ..., None] / 255
    coloured, its_grey = tint(images, ["a"], seed, style)
    assert coloured.min() >= 0 and coloured.max() <= 1 + 1e-6
    np.testing.assert_allclose(
        its_grey, coloured.mean(axis=-1, keepdims=True) + 0 * coloured, atol=1e-6
    )
    if style != "paper":
        np.testing.assert_allclose(its_grey[..., :1], images / 2, atol=1e-6)
    np.testing.assert_allclose(transfer_colour(its_grey, coloured), coloured, atol=1e-5)


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


def test_letters_are_coloured_by_name_whatever_the_paper(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ink = KNOWN.ink[3]
    for folder, picture in (("dark", ink), ("light", 255 - ink)):
        (tmp_path / folder).mkdir()
        Image.fromarray(picture).save(tmp_path / folder / "07_د.png")
    for folder in ("dark", "light"):
        assert main(["tint", folder, "--style", "two-tone", "--out", f"{folder}-tint"]) == 0
    made = [np.asarray(Image.open(f"{folder}-tint/07_د.png")) for folder in ("dark", "light")]
    np.testing.assert_array_equal(*made)
    assert made[0].shape == (64, 64, 3) and (made[0][0] == 255).all()  # white paper
    full = made[0][ink == 255]
    assert len(np.unique(full, axis=0)) == 2 and (np.ptp(full, axis=1) > 50).all()  # two hues
    np.testing.assert_allclose(255 - made[0].mean(axis=2), ink / 2, atol=1)  # as dark as before
    assert main(["tint", "dark", "--style", "neon", "--out", "other"]) == 2
    assert not (tmp_path / "other").exists()


def test_a_folder_that_says_where_it_is_from_is_a_folder_of_letters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_glyphs(KNOWN[:3], "letters")  # with a provenance.json
    for words in (["compress", "--lossless"], ["denoise"], ["tint"]):
        assert main([words[0], "letters", *words[1:], "--out", words[0]]) == 0
    assert main(["decompress", "compress", "--out", "back"]) == 0
    for folder in ("back", "denoise", "tint"):
        assert len(list((tmp_path / folder).iterdir())) == 3
