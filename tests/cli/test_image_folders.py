"""cli.image_folders."""

import os
import subprocess
import zipfile

import imageio_ffmpeg
import keras
import numpy as np
import pytest
import tifffile
from PIL import Image

from glyphnb.autoencoders.archive import pack_glyphs, unpack_glyphs
from glyphnb.autoencoders.autoencoder import Autoencoder
from glyphnb.autoencoders.compress import seal
from glyphnb.letters.files import MARK, save_glyphs
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.show.pixels import load_image
from glyphnb.vae.pretrained import NumpyVAE, load_pretrained

KNOWN = render_glyphs("arabic", size=64)

NEW = render_glyphs("QRG", size=70)


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


def test_a_folder_of_all_kinds_survives_in_its_modes(odd, here, glyphnb):
    told = glyphnb("compress", "odd").out
    assert "12 images" in told and "no pixel is lost" in told
    assert "print.png: CMYK became RGB" in told and "film.png: the first of 4 frames" in told
    assert glyphnb("decompress", "letters.gly", "--out", "deep/back").status == 0
    back = {path.name: path for path in (here / "deep/back").glob("*.png")}
    for path in odd.iterdir():
        with Image.open(path) as sent, Image.open(back.pop(f"{path.stem}.png")) as received:
            mode = "RGB" if sent.mode == "CMYK" else sent.mode
            assert received.mode == mode, path
            right = sent.convert(mode).convert("RGBA")
            assert received.convert("RGBA").tobytes() == right.tobytes(), path
    assert not back
    assert sorted(path.name for path in here.iterdir()) == ["deep", "letters.gly", "odd"]


def test_one_bit_drawings_beat_a_fax_and_come_back_bit_by_bit(here, glyphnb):
    (here / "scans").mkdir()
    for i, ink in enumerate(render_glyphs("abcdefghijklmnopqrst", "STIX", size=105).ink):
        Image.fromarray(ink < 128).save(f"scans/{i}.png")
    told = glyphnb("compress", "scans").out
    numbers = {k: int(told.split(k)[1].split()[0].strip(",").replace(",", "")) for k in FORMATS}
    size = (here / "letters.gly").stat().st_size
    assert f"20 images in {size:,} bytes" in told
    assert numbers["as they are"] == sum(path.stat().st_size for path in here.glob("scans/*"))
    assert size < 0.7 * numbers["G4 fax"] and size < 0.7 * min(numbers.values())
    assert glyphnb("decompress", "letters.gly", "--out", "back").status == 0
    for path in here.glob("scans/*"):
        with Image.open(path) as one, Image.open(here / "back" / path.name) as two:
            assert two.mode == "1" and one.tobytes() == two.tobytes()


FORMATS = ("as they are", "PNG", "G4 fax", "lossless WebP", "xz")


def test_a_folder_per_letter(here, glyphnb):
    for letter in "ab":
        (here / "scans" / letter).mkdir(parents=True)
        for i in (1, 2, 10):
            grey = 255 - render_glyphs(letter, size=20 + i).ink[0]
            Image.fromarray(grey).save(here / "scans" / letter / f"{i}.png")
    assert glyphnb("compress", "scans", "--out", "s.gly").status == 0
    names = list(unpack_glyphs((here / "s.gly").read_bytes()))
    assert names == [f"{letter}/{i}.png" for letter in "ab" for i in (1, 2, 10)]
    assert glyphnb("decompress", "s.gly", "--out", "back").status == 0
    for path in (here / "scans").rglob("*.png"):
        twin = here / "back" / path.relative_to(here / "scans")
        np.testing.assert_array_equal(load_image(twin), load_image(path))


@pytest.mark.parametrize(
    "words, named",
    [
        (["compress", "nowhere"], "nowhere"),
        (["compress", "empty"], "empty"),
        (["compress", "mixed"], "poem.txt"),
        (["compress", "deep"], "one depth"),
        (["compress", "letters", "--out", "mine.txt"], "mine.txt"),
        (["compress", "letters", "--out", "mine.txt/x.gly"], "mine.txt"),
        (["compress", "letters", "--max-error", "2"], "--max-error"),
        (["compress", "letters", "--max-error", "nan"], "--max-error"),
        (["compress", "letters", "--receiver-has-model"], "--receiver-has-model needs a --model"),
        (["compress", "letters", "--model", "m.keras"], "m.keras"),
        (["decompress", "nowhere.gly"], "nowhere.gly"),
        (["decompress", "letters"], "letters"),
        (["decompress", "mine.txt", "--out", "new"], "mine.txt"),
        (["decompress", "nothing.gly", "--out", "new"], "nothing.gly"),
        (["decompress", "good.gly", "--out", "letters"], "letters"),
        (["decompress", "good.gly", "--out", "mine.txt"], "mine.txt"),
        (["decompress", "cut.gly", "--out", "new"], "cut.gly"),
        (["decompress", "foreign.gly", "--out", "new"], "fingerprint"),
        (["decompress", "old.gly", "--out", "new"], "old.gly is an archive of an earlier glyphnb"),
        (["decompress", "leaves.gly", "--out", "new"], "leaves.gly: names must be short"),
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
def test_what_is_wrong_is_said_in_one_line(here, refused, words, named, mixed_greys):
    for name in ("empty", "mixed", "deep/inner", "letters", "four"):
        (here / name).mkdir(parents=True)
    grey = Image.fromarray(255 - KNOWN.ink[0])
    for name in ("mixed/a.png", "letters/a.png", "deep/a.png"):
        grey.save(here / name)
    grey.save(here / "deep/inner/b.png")
    for i in range(4):
        grey.save(here / f"four/{i}.png")
    (here / "mixed/poem.txt").write_text("Tyger")
    (here / "mine.txt").write_text("years of work")
    (here / "nothing.gly").write_bytes(b"")
    with zipfile.ZipFile(here / "old.gly", "w") as old:
        old.comment = MARK.encode()
        old.writestr("header", "{}")
    row = {"names": ["../a"], "rows": [["1", 1, 1, 0, 0]], "palettes": [], "model": None}
    (here / "leaves.gly").write_bytes(seal(row, b"", b""))
    good = pack_glyphs({"a.png": 255 - KNOWN.ink[0]}, NumpyVAE()).packed
    (here / "good.gly").write_bytes(good)
    (here / "cut.gly").write_bytes(good[: len(good) // 2])
    foreign = NumpyVAE()
    foreign.decoder[-1] = foreign.decoder[-1] + np.float32(1e-3)
    few = dict(list(mixed_greys.items())[:3])
    (here / "foreign.gly").write_bytes(pack_glyphs(few, foreign).packed)
    refused(words, named)


def test_unreadable_files_are_skipped_when_asked(here, glyphnb):
    (here / "scans").mkdir()
    Image.fromarray(255 - KNOWN.ink[0]).save("scans/a.png")
    (here / "scans/b.png").write_bytes(b"")
    done = glyphnb("compress", "scans", "--skip-unreadable")
    assert done.status == 0 and "b.png" in done.err
    assert list(unpack_glyphs((here / "letters.gly").read_bytes(), NumpyVAE())) == ["a.png"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nobody is refused here")
def test_no_permission(here, refused):
    (here / "scans").mkdir()
    Image.fromarray(KNOWN.ink[0]).save("scans/a.png")
    (here / "closed").mkdir(mode=0o555)
    refused(["compress", "scans", "--out", "closed/a.gly"], "closed")


def test_a_keras_model_packs_and_another_is_refused(here, glyphnb, refused):
    (here / "scans").mkdir()
    for i, ink in enumerate(KNOWN.ink[:5]):
        Image.fromarray(255 - ink).save(f"scans/{i}.png")
    load_pretrained().save("mine.keras")
    Autoencoder(latent_dim=2).save("other.keras")
    Autoencoder(latent_dim=2, shape=(8, 8, 3)).save("colour.keras")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save("plain.keras")
    told = glyphnb("compress", "scans", "--model", "mine.keras").out
    assert "mine.keras makes no smaller archive" in told and "no pixel is lost" in told
    free = ["--receiver-has-model", "--max-error", 1]
    told = glyphnb("compress", "scans", "--model", "mine.keras", *free).out
    assert "5 of them drawn" in told and "mine.keras" in told
    for model in ([], ["--model", "mine.keras"]):  # the same weights, with and without Keras
        words = ["decompress", "letters.gly", "--out", f"back{len(model)}", *model]
        assert glyphnb(*words).status == 0
    for i in range(5):
        one, two = (load_image(f"back{n}/{i}.png").astype(int) for n in (0, 2))
        assert abs(one - two).max() <= 1
    for words, named in (
        (["decompress", "letters.gly", "--out", "x", "--model", "other.keras"], "fingerprint"),
        (["compress", "scans", "--out", "x", "--model", "colour.keras"], "square grey"),
        (["compress", "scans", "--out", "x", "--model", "plain.keras"], "another model"),
        (["denoise", "scans", "--out", "x", "--model", "plain.keras"], "another model"),
    ):
        refused(words, named)
    done = glyphnb("denoise", "scans", "--out", "blank", "--model", "other.keras")
    assert "5 of them" in done.out  # it was never trained: all are doubtful
    done = glyphnb("denoise", "scans", "--out", "clean", "--model", "mine.keras")
    assert done.status == 0 and "of them" not in done.out
    for i in range(5):
        clean = load_image(f"clean/{i}.png").astype(int)
        assert abs(clean - (255 - KNOWN.ink[i])).mean() < 3


def test_the_median_cleans_letters_of_any_tone(here, glyphnb):
    (here / "scans").mkdir()
    rng = np.random.default_rng(0)
    clean = {"light.png": 255 - KNOWN.ink[3], "dark.png": KNOWN.ink[3], "new.png": NEW.ink[0][5:]}
    dirty = {}
    for name, grey in clean.items():
        u = rng.random(grey.shape)
        dirty[name] = np.where(u < 0.05, 0, np.where(u < 0.1, 255, grey)).astype(np.uint8)
        Image.fromarray(dirty[name]).save(f"scans/{name}")
    assert glyphnb("denoise", "scans").status == 0
    assert glyphnb("denoise", "scans/new.png", "--out", "one").status == 0
    for name, grey in clean.items():
        after, before = load_image(f"clean/{name}").astype(float), dirty[name].astype(float)
        assert after.shape == grey.shape
        assert ((after - grey) ** 2).mean() < 0.2 * ((before - grey) ** 2).mean()
    assert (load_image("one/new.png") == load_image("clean/new.png")).all()


@pytest.mark.parametrize("method", ["pca", "tsne", "vae"])
def test_letters_of_all_kinds_become_one_sheet(odd, here, glyphnb, method):
    told = glyphnb("reduce", "odd", "--method", method, "--out", "new/map.png").out
    assert "12 glyphs" in told and 0.3 < float(told.split("trustworthiness ")[1][:4]) <= 1
    sheet = load_image("new/map.png")
    assert sheet.shape == (900, 900) and 0.01 < (sheet < 128).mean() < 0.3
    assert glyphnb("reduce", "odd", "--method", method, "--out", "again.png").status == 0
    assert (here / "again.png").read_bytes() == (here / "new/map.png").read_bytes()


def test_letters_are_coloured_by_name_whatever_the_paper(here, glyphnb, refused):
    ink = KNOWN.ink[3]
    for folder, picture in (("dark", ink), ("light", 255 - ink)):
        (here / folder).mkdir()
        Image.fromarray(picture).save(here / folder / "07_د.png")
    for folder in ("dark", "light"):
        assert glyphnb("tint", folder, "--style", "two-tone", "--out", f"{folder}-tint").status == 0
    made = [np.asarray(Image.open(f"{folder}-tint/07_د.png")) for folder in ("dark", "light")]
    np.testing.assert_array_equal(*made)
    assert made[0].shape == (64, 64, 3) and (made[0][0] == 255).all()  # white paper
    full = made[0][ink == 255]
    assert len(np.unique(full, axis=0)) == 2 and (np.ptp(full, axis=1) > 50).all()  # two hues
    np.testing.assert_allclose(255 - made[0].mean(axis=2), ink / 2, atol=1)  # as dark as before
    refused(["tint", "dark", "--style", "neon", "--out", "other"], "neon")


def test_a_folder_that_says_where_it_is_from_is_a_folder_of_letters(here, glyphnb):
    save_glyphs(KNOWN[:3], "letters")  # with a provenance.json
    for words in (["compress"], ["denoise"], ["tint"]):
        assert glyphnb(words[0], "letters", *words[1:], "--out", words[0]).status == 0
    assert glyphnb("decompress", "compress", "--out", "back").status == 0
    for folder in ("back", "denoise", "tint"):
        assert len(list((here / folder).glob("*.png"))) == 3
