"""Whatever a file of a stranger holds, it is read, or refused in one line.

`make test` draws the same few examples each time. `make fuzz MINUTES=10` draws new ones until the
time is over, and begins with those that failed before, which `.hypothesis` keeps.
"""

import io
import json
import os
import tempfile
import warnings
import zipfile
import zlib
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from glyphnb.autoencoders import archive, compress
from glyphnb.cli.main import main
from glyphnb.letters.files import save_glyphs
from glyphnb.letters.folders import adopt_images, change_image_background, load_data
from glyphnb.letters.form import read_names
from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning, split_letters
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.show.names import letter_of, name_files
from glyphnb.show.pixels import load_image
from glyphnb.vae.pretrained import open_model, save_model
from glyphnb.vae.prior import MixturePrior
from glyphnb.vae.vae import VAE

TIMES = int(os.environ.get("FUZZ_TIMES", 0))  # as many examples, in one round of `make fuzz`
DRAWN = render_glyphs("ABC", size=24)


def fuzz(few):
    "Draw a few examples, always the same; or many new ones."
    return settings(
        max_examples=few * max(TIMES, 1),
        derandomize=not TIMES,
        deadline=None,
        print_blob=True,
        suppress_health_check=[*HealthCheck],
    )


@contextmanager
def read_or_refused():
    "Let pass the errors that a user may see, in one line each, and warnings of ours."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GlyphnbWarning)
        try:
            yield
        except (GlyphnbError, FileNotFoundError, FileExistsError) as error:
            said = str(error)
            assert said and "\n" not in said.strip() and len(said) < 1000, said


@st.composite
def mutated(draw, contents):
    "A file with some of its bytes changed, left out, repeated or put in."
    content = bytearray(draw(contents))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        n = draw(st.sampled_from([1, 1, 2, 4, 4, 30]))
        new = draw(
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from([b"\xff" * n, b"\0" * n, bytes(content[at : at + n]) * 2]),
            )
        )
        content[at : at + n] = new
    return bytes(content[: draw(st.integers(len(content) // 2, len(content)))])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def changed(draw, value):
    "A structure in which one place, at any depth, holds something else, or nothing."
    if isinstance(value, (dict, list)) and value and draw(st.integers(0, 5)):
        keys = sorted(value) if isinstance(value, dict) else range(len(value))
        key = draw(st.sampled_from(keys))
        new = value.copy()
        if draw(st.booleans()) or isinstance(value[key], (dict, list)):
            new[key] = draw(changed(value[key]))
        else:
            del new[key]
        return new
    return draw(JSON | st.sampled_from([10**30, -1, 0, "", "\ud800", "\x1b[2J", "../x", []]))


def as_file(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


GREY = Image.fromarray(255 - DRAWN.ink[0])
COLOURS = Image.fromarray(np.dstack([255 - ink for ink in DRAWN.ink]))
FILES = [
    as_file(GREY, kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA")
]
FILES += [
    as_file(COLOURS, kind)
    for kind in ("PNG", "JPEG", "TIFF", "ICO", "PCX", "SGI", "DDS", "JPEG2000")
]
FILES += [as_file(COLOURS.quantize(20), "PNG", transparency=3), as_file(GREY.convert("1"), "PNG")]
FILES += [
    as_file(Image.fromarray(np.asarray(GREY, np.uint16) * 9), kind) for kind in ("PNG", "TIFF")
]
FILES += [as_file(GREY, "TIFF", compression="tiff_lzw")]
FILES += [
    as_file(COLOURS, "GIF", save_all=True, append_images=[COLOURS]),
    b"%!PS-Adobe EPSF\n",
    b"",
]


@given(mutated(st.sampled_from(FILES)))
@fuzz(30)
def test_an_image_is_read_or_refused(content):
    with tempfile.TemporaryDirectory() as place, read_or_refused():
        Path(place, "A.png").write_bytes(content)
        levels = load_image(Path(place, "A.png"), max_pixels=10**6)
        assert levels.dtype == np.uint8 and levels.ndim == 2 and 0 < levels.size <= 10**6


STEMS = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=9)
STEMS |= st.sampled_from(
    [".a", "a.b", "01_A", "A_", "U+0041", "a\x1b[2J", "con", "é", "e\u0301", "ﷺ"]
)
STEMS |= st.lists(st.sampled_from("AB_- 01é.%ا"), min_size=1, max_size=6).map("".join)


@given(st.lists(st.lists(STEMS, min_size=1, max_size=3), min_size=1, max_size=5), st.booleans())
@fuzz(20)
def test_a_folder_of_any_names_is_read_and_written(trees, skip):
    with tempfile.TemporaryDirectory() as place, read_or_refused():
        folder = Path(place, "in")
        for *above, stem in trees:
            parent = folder.joinpath(*above)
            try:
                parent.mkdir(parents=True, exist_ok=True)
                GREY.save(parent / f"{stem}.png", "PNG")
            except OSError:  # a name that this disk does not take, or a folder of this name
                return
        read = load_data(folder, 8, skip_unreadable=skip)
        for write in (adopt_images, change_image_background):
            out = Path(place, write.__name__)
            write(folder, out)
            again = load_data(out, 8)
            assert sorted(again.sources) == sorted(read.sources)


with tempfile.TemporaryDirectory() as _place:
    save_glyphs(DRAWN, _place, stem=None)
    RECORDS = json.loads(Path(_place, "provenance.json").read_text(encoding="utf-8"))
    NESTED = [{"glyphnb": "0", "files": {"A.png": {"file": "A.png"}}, "sources": RECORDS}]


@given(
    changed(RECORDS).map(json.dumps).map(str.encode)
    | changed(NESTED).map(json.dumps).map(str.encode)
    | mutated(st.just(json.dumps(RECORDS).encode()))
)
@fuzz(30)
def test_a_record_is_read_or_refused(content):
    with tempfile.TemporaryDirectory() as place, read_or_refused():
        folder = Path(place, "in")
        folder.mkdir()
        for letter in "AB":
            GREY.save(folder / f"{letter}.png")
        (folder / "provenance.json").write_bytes(content)
        read = load_data(folder, 8)
        assert len(read) == 2 and all(read.letters) and len(read.families) == 2
        assert not any(set(source) & {*map(chr, range(32))} for source in read.sources)
        adopt_images(folder, Path(place, "out"))
        assert sorted(load_data(Path(place, "out"), 8).letters) == sorted(read.letters)


PACKED = archive.pack_glyphs(
    {
        "a.png": DRAWN.ink[0],
        "b/ü.png": DRAWN.ink[1] > 99,
        "c.png": np.dstack([*DRAWN.ink]),
        "d.png": COLOURS.quantize(5),
    }
).packed
HEADER, PARTS = compress.unseal(PACKED)
CODES = compress.compress_codes(compress.quantize_codes(np.eye(2)))


@st.composite
def archives(draw):
    "An archive with a right checksum, and anything else."
    if draw(st.booleans()):
        content = bytearray(draw(mutated(st.just(PACKED))))
        start = len(compress._MAGIC)
        content[:start] = compress._MAGIC
        content[start : start + 4] = zlib.crc32(bytes(content[start + 4 :])).to_bytes(4, "little")
        return bytes(content)
    header = draw(st.just(HEADER) | changed(HEADER))
    pixels = draw(st.just(PARTS[0]) | mutated(st.just(PARTS[0])))
    codes = draw(st.sampled_from([PARTS[1], CODES]) | mutated(st.just(CODES)))
    return compress.seal(header if isinstance(header, dict) else {"rows": header}, pixels, codes)


@given(archives())
@fuzz(30)
def test_an_archive_is_unpacked_or_refused(content):
    said, place = io.StringIO(), Path(tempfile.mkdtemp())
    (place / "x.gly").write_bytes(content)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setattr(archive, "_MOST", 1 << 15)  # small, so that it is quick
        status = main(["decompress", str(place / "x.gly"), "--out", str(place / "out")])
    text = said.getvalue()
    assert status in (0, 2) and text.count("\n") == 1 and "\x1b" not in text and len(text) < 1000
    assert {path.name for path in place.iterdir()} - {"out"} == {"x.gly"}
    made = [path for path in place.rglob("*") if path.is_file() and path.name[0] != "."]
    assert (status == 2) == (made == [place / "x.gly"])
    for path in made:
        if path.name != "x.gly":
            with Image.open(path) as image:
                assert image.format == "PNG" and path.suffix == ".png"


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["a-z", "U+0041", ",", " ", "é", "क्ष", "z-a", "U+D800"])).map(
        "".join
    )
)
@fuzz(100)
def test_a_list_of_letters_is_read_or_refused(text):
    with read_or_refused():
        letters = split_letters(text)
        assert letters and all(letters) and len({*letters}) == len(letters)
        for letter, name in zip(letters, name_files(letters, [""] * len(letters)), strict=True):
            assert letter_of(name.removesuffix(".png")) == letter, name


@given(mutated(st.just(b"1 a\n4+5 b # two\n7 c d\n9 -\n")) | st.text().map(str.encode))
@fuzz(30)
def test_names_by_number_are_read_or_refused(content):
    with tempfile.TemporaryDirectory() as place, read_or_refused():
        Path(place, "names.txt").write_bytes(content)
        edits, names = read_names(Path(place, "names.txt"))
        assert all(names) and all(number >= 0 for number in (*edits.drop, *edits.split))


def _model() -> dict[str, bytes]:
    prior = MixturePrior(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    with tempfile.TemporaryDirectory() as place:
        path = save_model(
            VAE(2, shape=(4, 4, 1)), Path(place, "m.keras"), DRAWN, prior, {"seed": 1}
        )
        with zipfile.ZipFile(path) as parts:
            return {name: parts.read(name) for name in parts.namelist()}


@pytest.fixture(scope="module")
def parts():
    return _model()


@given(st.data())
@fuzz(6)
def test_a_model_is_opened_or_refused(parts, data):
    name = data.draw(st.sampled_from(sorted(parts)))
    content = parts[name]
    if name.endswith(".json") and data.draw(st.booleans()):
        changes = data.draw(changed(json.loads(content)))
        content = json.dumps(changes).encode()
    else:
        content = data.draw(mutated(st.just(content)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for other in parts:
            file.writestr(other, content if other == name else parts[other])
    whole = buffer.getvalue()
    whole = data.draw(mutated(st.just(whole))) if not data.draw(st.integers(0, 3)) else whole
    with tempfile.TemporaryDirectory() as place, read_or_refused():
        Path(place, "m.keras").write_bytes(whole)
        model = open_model(Path(place, "m.keras"))
        assert model.encode(np.zeros((1, *model.shape))).shape == (1, model.latent_dim)
