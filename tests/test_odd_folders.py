"""One rule for each trouble of a folder, the same in every command that reads images."""

import inspect
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glyphnb.letters.folders import change_image_background, load_data
from glyphnb.letters.typefaces import render_glyphs

DRAWN = render_glyphs("ABCD", size=40)
READ = {  # commands that read a folder of images, each with its output
    "compress": ("x.gly",),
    "denoise": ("clean",),
    "tint": ("coloured",),
    "reduce": ("map.png", "--method", "pca"),
    "train": ("m.keras", "--samples", "100"),
    "complete": ("face", "--set", "latin"),
    "demo": ("demo", "--samples", "100"),
}
FOLDER = {"compress", "denoise", "tint", "reduce"}  # take it by position


def call(command, folder, *more):
    out, *options = READ[command]
    images = [folder] if command in FOLDER else ["--images", folder]
    return [command, *images, "--out", out, *options, *more]


@pytest.fixture
def scans(here):
    Path("scans").mkdir()
    for letter, ink in zip("ABCD", DRAWN.ink, strict=True):
        Image.fromarray(255 - ink).save(f"scans/{letter}.png")
    return Path("scans")


def dangle(scans):
    Path(scans, "E.png").symlink_to("nowhere.png")


def lie(scans):
    data = bytearray(Path(scans, "A.png").read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    Path(scans, "E.png").write_bytes(data)


def sink(scans):
    values = np.where(DRAWN.ink[0] > 99, np.nan, 1).astype(np.float32)
    Image.fromarray(values).save(scans / "E.tif")


def deepen(scans):
    Path(scans, "more").mkdir()
    Image.fromarray(DRAWN.ink[0]).save(scans / "more" / "E.png")


TROUBLES = {
    dangle: "E.png: expected an image file, found a broken link; remove it, or skip such files",
    lie: "E.png: its header tells of 60,000 x 60,000 pixels, more than its",
    sink: "E.tif: expected grey levels, found values that are not numbers",
    deepen: "expected images at one depth, found 4 such as A.png, and 1 in folders beside",
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("command", READ)
def test_every_command_refuses_it_in_the_same_line(scans, refused, command, trouble):
    trouble(scans)
    refused(call(command, scans), TROUBLES[trouble])


@pytest.mark.parametrize("command", READ)
def test_every_command_has_the_limit_on_pixels(scans, refused, command):
    words = "A.png: its header tells of 40 x 40 pixels, more than --max-pixels, 1,599"
    refused(call(command, scans, "--max-pixels", "1599"), words)


@pytest.mark.parametrize("command", sorted(READ.keys() - {"compress"}))
def test_every_command_is_told_the_paper(scans, refused, command):
    refused(call(command, scans, "--paper", "grey"), "white.*black")


def test_the_paper_is_obeyed_and_a_dissenter_is_named(scans, glyphnb):
    Image.fromarray(DRAWN.ink[0]).save(scans / "A.png")  # in chalk
    said = glyphnb("tint", scans, "--out", "one")
    assert (
        said.err
        == "glyphnb: A.png: taken for dark paper, unlike most; set --paper if that is wrong\n"
    )
    said = glyphnb("tint", scans, "--out", "two", "--paper", "white")
    assert said.status == 0 and not said.err
    one, two = (np.asarray(Image.open(f"{out}/A.png").convert("L")) for out in ("one", "two"))
    assert one[0, 0] == 255 and two[0, 0] < 200


def test_control_characters_do_not_reach_the_terminal(scans, glyphnb):
    Path(scans, "E\x1b[2J\n.png").write_bytes(b"")
    said = glyphnb("reduce", scans)
    assert said.status == 2 and said.err.count("\n") == 1 and "\x1b" not in said.err
    assert r"E\x1b[2J" in said.err


def test_labels_of_a_record_survive(scans, glyphnb, here):
    from glyphnb.letters.files import save_glyphs

    save_glyphs(DRAWN, here / "numbered")
    assert glyphnb("denoise", "numbered", "--out", "clean").status == 0
    assert load_data(here / "clean", 40).sources.tolist() == DRAWN.sources.tolist()
    said = glyphnb("compress", "numbered", "--out", "x.gly")
    assert "Not kept: the letters that provenance.json tells" in said.out
    assert "Not kept" not in glyphnb("compress", "scans", "--out", "y.gly").out


@pytest.mark.parametrize("names", ["A a", "A/1 a/1 A/2 a/2"])
def test_names_that_differ_in_case_alone_are_written_apart(here, glyphnb, names):
    "So that no image replaces another on a disk of Windows or macOS; and their letters stay."
    for name, ink in zip(names.split(), DRAWN.ink, strict=False):
        Path("in", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - ink).save(f"in/{name}.png")
    known = load_data("in")
    assert glyphnb("denoise", "in", "--out", "clean").status == 0
    assert glyphnb("compress", "in", "--out", "x.gly").status == 0
    assert glyphnb("decompress", "x.gly", "--out", "back").status == 0
    change_image_background("in", "inverted")
    for folder in ("clean", "back", "inverted"):
        assert load_data(folder).letters.tolist() == known.letters.tolist()
        for place in (Path(folder), *Path(folder).iterdir()):
            inside = [path.name.casefold() for path in place.iterdir()] if place.is_dir() else []
            assert len(set(inside)) == len(inside)


def test_an_archive_of_somebody_else_is_written_apart(here, glyphnb):
    from glyphnb.autoencoders.archive import pack_glyphs

    images = {name: Image.fromarray(DRAWN.ink[0]) for name in ("a.png", "A.png", "a_.png")}
    Path("x.gly").write_bytes(pack_glyphs(images).packed)
    assert glyphnb("decompress", "x.gly", "--out", "back").status == 0
    assert len({path.name.casefold() for path in Path("back").glob("*.png")}) == 3


def test_the_options_for_a_folder_are_the_same_in_every_command():
    from glyphnb.cli.main import make_app
    from glyphnb.show.pixels import MAX_PIXELS

    app, found = make_app(), set()
    for command in app:
        if not command.startswith("-"):
            options = inspect.signature(app[command].default_command).parameters
            if "images" in options:
                found.add(command)
                assert options["max_pixels"].default == MAX_PIXELS, command
                assert options["skip_unreadable"].default is False, command
                paper = "images_paper" if command == "morph" else "paper"  # which is a colour there
                assert (paper in options) == (command != "compress"), command
    assert found > READ.keys() and len(found) == 12
