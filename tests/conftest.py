"""What several tests look at: made once a session, and never changed."""

import gc
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

gc.set_threshold(100_000, 20, 20)  # looking for garbage is a fifth of the time of a training

GLYPHNB = str(Path(sys.executable).with_name("glyphnb"))


@pytest.fixture(scope="session")
def run():
    "Run `glyphnb` as a user does: in a process of its own, in a folder."

    def run(*words, cwd, timeout=600, before=(), **environment):
        return subprocess.run(
            [*before, GLYPHNB, *map(str, words)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "TQDM_DISABLE": "1", **environment},
        )

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    "An empty folder to work in."
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def glyphnb(capsys):
    "Run a command in this process, quietly: its exit status, and what it said."

    def glyphnb(*words):
        from glyphnb.cli.main import main

        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # as outside of tests, which take them for errors
            status = main([str(word) for word in words])
        return SimpleNamespace(status=status, **capsys.readouterr()._asdict())

    return glyphnb


@pytest.fixture
def refused(glyphnb):
    "Run a command that must fail with one line, which says what is named, and change nothing."

    def refused(words, *named, folder=Path()):
        before = contents(folder)
        said = glyphnb(*words)
        assert said.status == 2, said.out
        assert said.err.startswith("glyphnb: error: ") and said.err.count("\n") == 1, said.err
        for word in named:
            assert re.search(word, said.err), said.err
        assert contents(folder) == before

    return refused


def contents(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.fixture(scope="session")
def letters():
    "The 21 letters, as the shipped model knows them."
    from glyphnb import render_glyphs

    return render_glyphs("arabic", size=64)


@pytest.fixture(scope="session")
def images(letters):
    "256 distorted letters, `(256, 64, 64, 1)`."
    from glyphnb import augment

    return augment(letters, 256, seed=0).images


@pytest.fixture(scope="session")
def photo(tmp_path_factory):
    "A photo of a sheet with two rows of letters, a to j."
    from PIL import Image

    from glyphnb.letters.mock_sheet import mock_sheet

    path = tmp_path_factory.mktemp("photo") / "sheet.jpg"
    Image.fromarray(mock_sheet(["abcdij", "efgh"], cell=90, angle=3, seed=1).photo).save(
        path, quality=90
    )
    return path


@pytest.fixture(scope="session")
def mixed_greys(letters):
    "Names and grey levels: known letters dark on light and light on dark, and unknown ones."
    from glyphnb import render_glyphs

    known = {f"{i}.png": ink if i % 2 else 255 - ink for i, ink in enumerate(letters.ink)}
    new = render_glyphs("QRG", size=70).ink
    return known | {f"new/{i}.png": 255 - ink[4:] for i, ink in enumerate(new)}


@pytest.fixture(scope="session")
def shapes():
    "Six glyphs that need no font: bars and boxes, a to f."
    from glyphnb import GlyphSet

    ink = np.zeros((6, 48, 48), np.uint8)
    for i in range(6):
        ink[i, 8 : 40 - 3 * i, 20 : 26 + 2 * i] = 255
        ink[i, 30:36, 8 : 30 + i] = 200
    return GlyphSet(ink, list("abcdef"), ["bars"] * 6, {"bars": {"family": "Bars"}})


@pytest.fixture(scope="session")
def blots():
    "Forty grey squares on 8 x 8 pixels, each in a place of its own, `(40, 8, 8, 1)`."
    rng = np.random.default_rng(0)
    images = np.zeros((40, 8, 8, 1), "float32")
    for image, (row, column) in zip(images, rng.integers(0, 6, (40, 2)), strict=True):
        image[row : row + 3, column : column + 3] = rng.uniform(0.6, 1)
    return images


@pytest.fixture(scope="session")
def bits():
    "Six binary images of 2 x 3 pixels, `(6, 2, 3, 1)`."
    return np.random.default_rng(1).integers(0, 2, (6, 2, 3, 1)).astype("float32")


@pytest.fixture(scope="session")
def shipped():
    "The model that ships with the package."
    from glyphnb import load_pretrained

    return load_pretrained()


@pytest.fixture(scope="session")
def tiny():
    "Make a VAE of images of 2 x 3 pixels, with strong opinions and posteriors away from the prior."

    def tiny(kind=None, **options):
        from glyphnb import VAE

        vae = (kind or VAE)(latent_dim=2, shape=(2, 3, 1), seed=3, **options)
        for weight in vae.trainable_weights:
            weight.assign(1.3 * weight)
        vae.encoder.get_layer("z_mean").bias.assign([0.6, -0.4])
        vae.encoder.get_layer("z_log_var").bias.assign([0.5, 1.0])
        return vae

    return tiny


@pytest.fixture(scope="session")
def browser():
    """A Chromium without a window, of Playwright: tests call `browser.new_page()`.

    A test that asks for `new_page` in its place also learns of each request to the network.
    """
    skip = pytest.fail if os.environ.get("GLYPHNB_BROWSER") == "required" else pytest.skip
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        skip("no browser here: install Chromium or Chrome, such as `apt install chromium`")
    quiet = "headless no-sandbox disable-gpu disable-quic no-first-run disable-component-update"
    quiet += " disable-background-networking disable-sync"
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=path, args=[f"--{word}" for word in quiet.split()]
        )
        yield found
        found.close()


@pytest.fixture
def new_page(browser):
    """Open a page, with options of Playwright: `new_page(viewport={"width": 390, "height": 800})`.

    When the test ends it fails for each request that left this machine, and for each error in a
    page or on its console; a test that expects one clears `page.outside` or `page.errors`.
    """
    pages = []

    def new_page(**options):
        page = browser.new_page(**options)
        page.outside, page.errors = [], []
        page.on("request", lambda request: _local(request.url) or page.outside.append(request.url))
        page.on("websocket", lambda socket: _local(socket.url) or page.outside.append(socket.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda m: m.type == "error" and page.errors.append(m.text))
        pages.append(page)
        return page

    yield new_page
    for page in pages:
        page.context.close()
    assert not [url for page in pages for url in page.outside], "requests to the network"
    assert not [error for page in pages for error in page.errors], "errors in a page"


def _local(url):
    return re.match(
        r"(data|blob|file|about|chrome|devtools):|\w+://(127\.0\.0\.1|localhost)\b", url
    )


@pytest.fixture
def make_font(tmp_path):
    "Write a small font of rectangles; with `bold`, they are as much wider at the end of an axis."
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib.tables.TupleVariation import TupleVariation

    def make_font(name, letters, em=1000, ascent=800, descent=-200, bold=0):
        builder, shapes, moves = FontBuilder(em), {".notdef": TTGlyphPen(None).glyph()}, {}
        for letter, boxes in letters.items():
            pen, deltas = TTGlyphPen(None), []
            for left, low, right, high in boxes:
                pen.moveTo((left, low))
                for corner in ((left, high), (right, high), (right, low)):
                    pen.lineTo(corner)
                pen.closePath()
                deltas += [(0, 0), (0, 0), (bold, 0), (bold, 0)]
            key = f"u{ord(letter):04X}"
            shapes[key] = pen.glyph()
            moves[key] = [TupleVariation({"wght": (0, 1, 1)}, [*deltas, *4 * [(0, 0)]])]
        builder.setupGlyphOrder(list(shapes))
        builder.setupCharacterMap({ord(letter): f"u{ord(letter):04X}" for letter in letters})
        builder.setupGlyf(shapes)
        builder.setupHorizontalMetrics({key: (em, 0) for key in shapes})
        builder.setupHorizontalHeader(ascent=ascent, descent=descent)
        builder.setupNameTable({"familyName": "Blocks", "styleName": "Regular"})
        builder.setupOS2(sTypoAscender=ascent, sTypoDescender=descent)
        builder.setupPost()
        if bold:
            places = [("Regular", 400), ("Bold", 700)]
            instances = [{"location": {"wght": at}, "stylename": style} for style, at in places]
            builder.setupFvar([("wght", 100, 400, 900, "Weight")], instances)
            builder.setupGvar(moves)
        builder.save(tmp_path / name)
        return tmp_path / name

    return make_font
