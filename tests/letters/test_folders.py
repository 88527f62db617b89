"""Folders of images of every kind, good and bad; labels that survive."""

import os
import re
import shutil
import warnings
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glyphnb.letters.augment import create_augmentor_pipeline
from glyphnb.letters.files import save_glyphs, write_provenance
from glyphnb.letters.folders import (
    change_image_background,
    get_pixel,
    is_coloured,
    label_files,
    list_images,
    load_data,
    prepare_letters,
    read_greys,
)
from glyphnb.letters.glyphs import GlyphnbError, GlyphnbWarning
from glyphnb.letters.typefaces import render_glyphs
from glyphnb.show.pixels import load_image


@pytest.fixture(scope="session")
def letter():
    "Dark on light, 64 x 64, with grey edges."
    return 255 - render_glyphs("ج", size=64).ink[0]


def test_pixels():
    image = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert get_pixel(image, 2, 1) == 5 and get_pixel(image, 3, 0) is None


def transparent(grey, ink):
    rgba = np.zeros((*grey.shape, 4), np.uint8)
    rgba[..., :3], rgba[..., 3] = ink, 255 - grey
    return Image.fromarray(rgba)


def variants(grey):
    "One letter in every kind of file, with how far its levels may be off."
    image = Image.fromarray(grey)
    turned = image.transpose(Image.Transpose.ROTATE_270)
    exif = Image.Exif()
    exif[0x0112] = 8  # how a camera says: turn me by 90 degrees
    return {
        "grey.png": (image, {}, 0),
        "rgb.png": (image.convert("RGB"), {}, 0),
        "palette.png": (image.convert("P"), {}, 0),
        "opaque.png": (image.convert("RGBA"), {}, 0),
        "grey_alpha.png": (image.convert("LA"), {}, 0),
        "dark_on_nothing.png": (transparent(grey, 0), {}, 0),
        "sixteen.png": (Image.fromarray(grey.astype(np.uint16) * 257), {}, 0),
        "sixteen.tiff": (Image.fromarray(grey.astype(np.uint16) * 257), {}, 0),
        "wide.tiff": (Image.fromarray(grey.astype(np.int32) * 257), {}, 0),
        "float.tiff": (Image.fromarray(grey.astype(np.float32) / 255), {}, 0),
        "cmyk.tiff": (image.convert("CMYK"), {}, 0),
        "cmyk.jpg": (image.convert("CMYK"), {"quality": 95}, 30),
        "progressive.jpg": (image, {"quality": 95, "progressive": True}, 30),
        "camera.jpg": (turned, {"quality": 95, "exif": exif}, 30),
        "lossless.webp": (image.convert("RGB"), {"lossless": True}, 0),
        "first_frame.gif": (image, {"save_all": True, "append_images": [turned]}, 0),
        "one_bit.png": (image.point(lambda v: 255 * (v > 127)).convert("1"), {}, 127),
        "old.bmp": (image, {}, 0),
    }


@pytest.mark.parametrize("name", variants(np.zeros((4, 4), np.uint8)))
def test_every_mode_is_read(tmp_path, letter, name):
    image, options, tolerance = variants(letter)[name]
    image.save(tmp_path / name, **options)
    several = pytest.warns(GlyphnbWarning, match="took the first of 2 frames")
    with several if name.startswith("first_frame") else nullcontext():
        read = load_image(tmp_path / name)
    assert read.shape == letter.shape and read.dtype == np.uint8
    assert abs(read.astype(int) - letter).max() <= tolerance


def test_light_ink_on_nothing_gets_dark_paper(tmp_path, letter):
    transparent(letter, 255).save(tmp_path / "light.png")
    assert np.array_equal(load_image(tmp_path / "light.png"), 255 - letter)


def test_a_folder_of_all_of_them(tmp_path, letter):
    for name, (image, options, _) in variants(letter).items():
        image.save(tmp_path / name, **options)
    Image.fromarray(letter[:, 10:50]).save(tmp_path / "narrow.png")
    Image.fromarray(letter).resize((300, 300)).save(tmp_path / "large.png")
    with pytest.warns(GlyphnbWarning, match="first_frame.gif: several pages or frames") as warned:
        data = load_data(tmp_path)
    assert len(warned) == 1 and data.ink.shape == (20, 64, 64)
    for ink, name in zip(data.ink, data.letters, strict=True):
        if name != "narrow":
            assert abs(ink.astype(int) - (255 - letter)).mean() < 8, name


def test_natural_order_and_labels(tmp_path):
    pictures(tmp_path, *(f"original_{number}.png" for number in (10, 9, 1)))
    assert load_data(tmp_path).letters.tolist() == ["original_1", "original_9", "original_10"]
    pictures(tmp_path, "sets/b/me.png", "sets/a/me.png")
    nested = load_data(tmp_path / "sets", size=8)
    assert nested.letters.tolist() == ["a", "b"] and nested.faces.tolist() == ["me", "me"]


def test_hidden_files_are_no_letters(tmp_path):
    pictures(tmp_path, "a.png", "__MACOSX/a.png", "@eaDir/a.png", ".hidden/a.png")
    for name in (".DS_Store", "._a.png", "Thumbs.db", "thumbs.db", "Desktop.ini", "Icon\r"):
        (tmp_path / name).write_bytes(b"\0")
    assert len(load_data(tmp_path)) == 1


BAD = {
    "empty.png": b"",
    "text.png": b"this is no image",
    "notes.txt": b"Scanned on a Sunday.",
    "cut.png": None,
    "cut.jpg": None,
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_file_among_good_ones(tmp_path, letter, name):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for good in ("a.png", "z.png"):
        Image.fromarray(letter).save(folder / good)
    content = BAD[name]
    if content is None:
        Image.fromarray(letter).save(folder / name)
        content = (folder / name).read_bytes()[:300]
    (folder / name).write_bytes(content)
    for call in (lambda: load_data(folder), lambda: change_image_background(folder, out)):
        with pytest.raises(ValueError) as error:
            call()
        assert name in str(error.value) and "\n" not in str(error.value)
    assert not out.exists() and [path.name for path in tmp_path.iterdir()] == ["in"]
    with pytest.warns(UserWarning, match=name):
        assert len(load_data(folder, skip_unreadable=True)) == 2


def test_folders_that_are_none(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name, kind in (
        ("absent", FileNotFoundError),
        ("empty", ValueError),
        ("file", NotADirectoryError),
    ):
        with pytest.raises(kind, match=name):
            load_data(tmp_path / name)
        with pytest.raises(kind, match=name):
            change_image_background(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_bad_files(tmp_path):
    (tmp_path / "x.png").write_bytes(b"")
    with warnings.catch_warnings(), pytest.raises(ValueError, match="none that can be read"):
        warnings.simplefilter("ignore")
        load_data(tmp_path, skip_unreadable=True)


def test_inverting_into_the_same_folder_is_refused(tmp_path):
    save_glyphs(render_glyphs("ab", size=16), tmp_path)
    with pytest.raises(FileExistsError):
        change_image_background(tmp_path, tmp_path)


def test_two_files_with_one_stem_are_two_pictures_of_a_letter(tmp_path):
    (tmp_path / "in").mkdir()
    pictures(tmp_path / "in", "a.png", "a.bmp", "a_2.png")
    written = change_image_background(tmp_path / "in", tmp_path / "out")
    assert [path.name for path in written] == ["a.png", "a_3.png", "a_2.png"]
    read = [load_data(tmp_path / place).letters.tolist() for place in ("in", "out")]
    assert read == [["a", "a", "a_2"]] * 2
    assert list(read_greys(tmp_path / "in")) == ["a.png", "a_3.png", "a_2.png"]


def test_inversion_matches_the_pixel_loop(tmp_path, letter):
    Image.fromarray(letter).save(tmp_path / "a.png")
    change_image_background(tmp_path, tmp_path / "out")
    image = Image.open(tmp_path / "a.png")
    loop = [[255 - get_pixel(image, i, j) for i in range(64)] for j in range(64)]
    assert np.array_equal(load_image(tmp_path / "out" / "a.png"), loop)


@pytest.mark.parametrize(
    "name, letter",
    [
        ("03_ب.png", "ب"),
        ("12_U+002F.png", "/"),
        ("original_3.png", "original_3"),
        ("2024_sunday.png", "2024_sunday"),
        ("ب.png", "ب"),
        ("7.png", "7"),
    ],
)
def test_a_numbered_file_names_its_letter(tmp_path, name, letter):
    assert label_files([tmp_path / name], tmp_path) == [(letter, tmp_path.name)]


def test_labels_survive_two_folders_and_follow_a_changed_record(tmp_path):
    drawn = render_glyphs("ab", ["DejaVu Sans", "STIX"], size=20)
    save_glyphs(drawn, tmp_path / "scans")
    change_image_background(tmp_path / "scans", tmp_path / "ink")
    for folder in ("scans", "ink"):
        read = load_data(tmp_path / folder, size=20)
        assert read.letters.tolist() == ["a", "b", "a", "b"]
        assert read.faces.tolist() == drawn.faces.tolist()
    save_glyphs(render_glyphs("c", size=20), tmp_path / "scans", stem="more")
    pictures(tmp_path / "scans", "z.png")  # of no record
    read = load_data(tmp_path / "scans", size=20)
    assert dict(zip(read.letters, read.faces, strict=True))["c"] == "DejaVu Sans"
    assert (read.letters[-1], read.faces[-1]) == ("z", "scans")
    (tmp_path / "scans" / "provenance.json").write_text("[3]")  # somebody else's
    with pytest.warns(GlyphnbWarning, match="provenance.json: glyphnb did not write it"):
        assert load_data(tmp_path / "scans", size=20).letters[0] == "more_0"


def test_letters_take_the_way_of_a_scan_and_keep_their_labels(tmp_path):
    drawn = render_glyphs("ab", ["DejaVu Sans", "STIX"], size=100)
    one = prepare_letters(drawn, tmp_path / "one")
    two = prepare_letters(tmp_path / "one" / "originals", tmp_path / "two")
    for read in (one, two):
        assert read.sources.tolist() == drawn.sources.tolist()
        assert read.families.tolist() == ["DejaVu Sans"] * 2 + ["STIX"] * 2
        assert read.origins["STIX"]["sha256"] == drawn.origins["STIX"]["sha256"]
    assert np.array_equal(one.ink, two.ink) and one.ink.shape == (4, 64, 64)


def test_greys_are_read_as_they_are_by_name(tmp_path, letter):
    for name in ("b.bmp", "a.png"):
        Image.fromarray(letter).save(tmp_path / name)
    greys = read_greys(tmp_path)
    assert list(greys) == ["a.png", "b.png"] and np.array_equal(greys["b.png"], letter)
    assert list(read_greys(tmp_path / "b.bmp")) == ["b.png"]


def test_folders_of_hands_and_folders_of_letters(tmp_path):
    picture = Image.fromarray(np.where(np.eye(20) > 0, 0, 255).astype(np.uint8))
    for name in ("letters/a/1.png", "letters/a/2.png", "letters/b/1.png", "letters/lam/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / name)
    for name in ("hands/anna/a.png", "hands/anna/b.png", "hands/ben/a.png", "hands/ben/7.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / name)
    letters, hands = (load_data(tmp_path / name, 32) for name in ("letters", "hands"))
    assert letters.letters.tolist() == ["a", "a", "b", "lam"]
    assert letters.faces.tolist() == ["1", "2", "1", "x"]
    assert hands.letters.tolist() == ["a", "b", "7", "a"]
    assert hands.faces.tolist() == ["anna", "anna", "ben", "ben"]


def pictures(folder, *names):
    "Write one small letter under many names."
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.where(np.eye(20) > 0, 0, 255).astype(np.uint8)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    "names, letters, faces",
    [
        ("A.png B.png U+002F.png a_.png", "A B / a", "t t t t"),
        ("A.png A_2.png B.png", "A A B", "t t t"),
        ("A_anna.png A_ben.png B_anna.png", "A A B", "anna ben anna"),
        ("A (1).png A (2).png B (1).png", "A A B", "t t t"),
        ("x_1.png x_2.png", "x_1 x_2", "t t"),  # one prefix: not a letter
        ("greek/alpha/1.png greek/beta/1.png", "alpha beta", "greek greek"),
        ("test/A/1.png test/B/2.png train/A/1.png", "A B A", "test test train"),
        ("test/alpha/1.png train/alpha/1.png", "alpha alpha", "test train"),
        ("A/anna/1.png A/ben/1.png B/ben/7.png", "A A B", "anna ben ben"),
        ("old/anna/A.png old/ben/B.png", "A B", "old/anna old/ben"),
        ("xx/y9/A/u9/1.png xx/y9/B/u9/2.png", "A B", "xx/y9/u9 xx/y9/u9"),
        ("U+002F/1.png a_/1.png", "/ a", "1 1"),
    ],
)
def test_one_part_of_a_path_is_the_letter(tmp_path, names, letters, faces):
    found = load_data(pictures(tmp_path / "t", *re.findall(r"\S.*?\.png", names)), 32)
    assert " ".join(found.letters) == letters and " ".join(found.faces) == faces


UNCLEAR = ("Latin/char1/01.png Greek/char1/01.png", "1/A.png 1/B.png 2/A.png 2/B.png")
UNCLEAR += (" ".join(f"anna/{n}.png ben/{n}.png" for n in range(10)), "A/b/1.png B/c/1.png")


@pytest.mark.parametrize("names", UNCLEAR)
def test_an_unclear_folder_is_asked_about(tmp_path, names):
    folder = pictures(tmp_path / "t", *names.split())
    with pytest.raises(GlyphnbError, match=r"which part of .* is the letter\? Set `label`: file"):
        load_data(folder)
    with pytest.raises(GlyphnbError, match="`label` must be one of"):
        load_data(folder, label="hand")


@pytest.mark.parametrize(
    "label, letter, face",
    [
        ("file", "01", "Latin/char1"),
        ("folder", "char1", "Latin"),
        ("top", "Latin", "char1"),
        ("path", "Latin/char1", "01"),
    ],
)
def test_a_label_is_obeyed_also_against_a_record(tmp_path, label, letter, face):
    folder = pictures(tmp_path / "t", "Greek/char1/01.png", "Latin/char1/01.png")
    for place in (
        folder,
        change_image_background(folder, tmp_path / "u", label=label)[0].parents[2],
    ):
        found = load_data(place, 32, label=label if place is folder else "auto")
        assert (found.letters[1], found.faces[1]) == (letter, face)
    assert load_data(tmp_path / "u", 32, label="top").letters[1] == "Latin"


def test_a_picture_beside_folders_is_refused_and_a_text_is_not(tmp_path):
    folder = pictures(tmp_path / "t", "a/1.png", "b/1.png")
    (folder / "README.md").write_text("letters")
    (folder / "a" / "._1.png").write_bytes(b"what macOS leaves")
    assert load_data(folder, 32).letters.tolist() == ["a", "b"]
    pictures(folder, "sheet.png")
    for read in (list_images, load_data, read_greys):
        with pytest.raises(GlyphnbError, match=r"found 1 such as sheet.png, and 2 in folders"):
            read(folder)


def test_a_link_that_leads_nowhere_is_a_missing_picture(tmp_path):
    folder = pictures(tmp_path / "t", "a.png", "c.png")
    (folder / "b.png").symlink_to("nowhere.png")
    with pytest.raises(GlyphnbError, match=r"b\.png: expected an image file, found a broken link"):
        load_data(folder)
    with pytest.warns(GlyphnbWarning, match=r"b\.png"):
        assert load_data(folder, 32, skip_unreadable=True).letters.tolist() == ["a", "c"]
    (folder / "b.png").unlink()
    (folder / "b.png").symlink_to("b.png")
    with pytest.raises(GlyphnbError, match=r"b\.png: .*a broken link"):
        read_greys(folder)
    deep = pictures(tmp_path / "u", "A/1.png", "B/1.png")
    (deep / "B" / "up").symlink_to(deep)
    with pytest.raises(GlyphnbError, match="up: expected an image file, found a broken link"):
        load_data(deep)


def test_names_of_other_systems(tmp_path):
    decomposed, latin1 = "e\u0301.png", b"\xe9t\xe9.png"
    folder = pictures(tmp_path / "t", decomposed)
    try:
        with open(bytes(folder) + b"/" + latin1, "wb") as file:
            file.write((folder / decomposed).read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    assert load_data(folder, 32).letters.tolist() == ["\xe9", r"\xe9t\xe9"]
    ready = prepare_letters(folder, tmp_path / "ready", 32)
    assert ready.letters.tolist() == ["\xe9", r"\xe9t\xe9"]
    assert (tmp_path / "ready" / "originals" / "\xe9.png").is_file()
    change_image_background(folder, tmp_path / "ink")
    assert load_data(tmp_path / "ink", 32).letters.tolist() == ready.letters.tolist()


def test_copies_keep_their_letters_and_are_no_letter(tmp_path):
    folder = pictures(tmp_path / "t", *(f"{a}/hand{k}.png" for a in "ABC" for k in (0, 1)))
    create_augmentor_pipeline(folder).sample(12)
    assert set(load_data(folder / "output").letters) == {*"ABC"}
    assert len(load_data(folder)) == 6
    (folder / "output" / "provenance.json").unlink()  # as Augmentor itself leaves them
    assert set(load_data(folder / "output").letters) == {*"ABC"}
    assert len(load_data(folder)) == 6


def test_names_by_letter_tell_the_letters_again(tmp_path):
    drawn = render_glyphs("Aaك/", ["DejaVu Sans", "DejaVu Sans Bold"], size=40)
    save_glyphs(drawn, tmp_path / "t", stem=None)
    assert (tmp_path / "t" / "ك_DejaVu Sans.png").is_file()
    for _ in range(2):
        read = load_data(tmp_path / "t", 40)
        assert set(read.sources) == set(drawn.sources) and len(read) == 8
        (tmp_path / "t" / "provenance.json").unlink(missing_ok=True)


def test_the_record_gives_the_order(tmp_path):
    save_glyphs(render_glyphs("zBa", size=40), tmp_path / "t", stem=None)
    assert load_data(tmp_path / "t", 40).letters.tolist() == ["z", "B", "a"]
    pictures(tmp_path / "t", "b.png")
    assert load_data(tmp_path / "t", 40).letters.tolist() == ["z", "B", "a", "b"]


def coloured_letters(folder, paper=255):
    "Red A, cyan B and a yellow C on white or black paper."
    for (letter, ink), rgb in zip(
        zip("ABC", render_glyphs("ABC", size=60).ink, strict=True),
        ([220, 0, 0], [0, 255, 255], [255, 230, 0]),
        strict=True,
    ):
        share = ink[..., None] / 255
        page = np.rint(share * rgb + (1 - share) * paper).astype(np.uint8)
        folder.mkdir(exist_ok=True)
        Image.fromarray(page).save(folder / f"{letter}.png")
    return folder


@pytest.mark.parametrize("paper", [255, 0])
def test_colours_are_found_and_come_back(tmp_path, paper):
    folder = coloured_letters(tmp_path / "t", paper)
    assert is_coloured(folder) and load_data(folder).ink.ndim == 3  # grey unless asked
    read = load_data(folder, 60, colour=None)
    assert read.ink.shape == (3, 60, 60, 3) and read.ink[:, 0].max() == 0  # paper is 0
    cyan = read.ink[1][read.ink[1].max(axis=-1) == 255]
    assert (cyan == [255, 0, 0]).all() and len(cyan)
    ready = prepare_letters(folder, tmp_path / "ready", 60, colour=None)
    assert np.array_equal(ready.ink, read.ink)
    if paper:
        again = load_image(tmp_path / "ready" / "originals" / "A.png", colour=True)
        assert np.array_equal(again, load_image(folder / "A.png", colour=True))


def test_black_and_the_blue_of_a_pen_are_no_colours(tmp_path, letter):
    for name, rgb in (("black", (10, 12, 20)), ("pen", (70, 75, 140))):
        (tmp_path / name).mkdir()
        share = (255 - letter[..., None]) / 255
        page = share * rgb + (1 - share) * (250, 245, 230)  # on yellowish paper
        Image.fromarray(page.astype(np.uint8)).save(tmp_path / name / "a.jpg", quality=60)
        assert not is_coloured(tmp_path / name), name


def test_a_lost_folder_is_named_like_a_lost_picture(tmp_path):
    folder = pictures(tmp_path / "t", "A/1.png", "B/1.png")
    (folder / "C").symlink_to("gone")  # the pictures of a letter, elsewhere
    for read in (load_data, read_greys, is_coloured):
        if read is not is_coloured:
            with pytest.raises(
                GlyphnbError, match="C: expected an image file, found a broken link"
            ):
                read(folder)
    with pytest.warns(GlyphnbWarning, match="C: .*a broken link"):
        assert load_data(folder, 32, skip_unreadable=True).letters.tolist() == ["A", "B"]
    (folder / "C").unlink()
    (folder / "up").symlink_to(folder)
    with pytest.raises(GlyphnbError, match="up: expected an image file"):
        load_data(folder)


def test_a_closed_folder_is_named_and_skipped_on_request(tmp_path, monkeypatch):
    folder, iterdir = pictures(tmp_path / "t", "A/1.png", "B/1.png"), Path.iterdir

    def closed(path):
        if path.name == "B":
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(GlyphnbError, match="B: expected an image file, found a folder"):
        load_data(folder)
    with pytest.warns(GlyphnbWarning, match="skipped .*B"):
        assert load_data(folder, 32, skip_unreadable=True).letters.tolist() == ["A"]
    monkeypatch.setattr(Path, "iterdir", lambda path: closed(Path("B")))
    with pytest.raises(PermissionError):
        load_data(folder)


LONG = ["x" * 250 + ".png", "\xe9" * 125 + ".png", "A/" + "y" * 250 + ".png", "\x01" * 90 + ".png"]


@pytest.mark.parametrize("name", [*LONG, "a\n\x1b[31m.png", "%.png", "?.png", "a:b.png", ",.png"])
def test_what_can_be_read_can_be_written(tmp_path, name):
    other = "B/1.png" if "/" in name else "B.png"
    folder = pictures(tmp_path / "in", name, other)
    read = load_data(folder, 32)
    assert all(source.isprintable() for source in read.sources)
    files = change_image_background(folder, tmp_path / "out")
    (written,) = set(files) - {tmp_path / "out" / other}
    assert len(written.name.encode()) <= 255 and written.name.isprintable()
    assert sorted(load_data(tmp_path / "out", 32).sources) == sorted(read.sources)
    assert sorted(prepare_letters(folder, tmp_path / "ready", 32).sources) == sorted(read.sources)


DAMAGED = [  # somebody cut or edited what glyphnb wrote
    '[{"glyphnb": "0", "files": {"a.png": {"let',
    '[{"glyphnb"',
    '"glyphnb"',
    '["glyphnb"]',
    '{"glyphnb": "0"}',
    '[{"glyphnb": "0"}, {"x": 1}]',
    '[{"glyphnb": "0"}, 3]',
    '[{"glyphnb": "0", "sources": [3]}]',
    '[{"glyphnb": "0", "sources": null}]',
    '[{"glyphnb": "0", "sources": {"f": 3}}]',
    '[{"glyphnb": "0", "sources": {"f": {"family": ["g"]}}}]',
    '[{"glyphnb": "0", "sources": {"f": {"licence": "\\ud800"}}}]',
    '[{"glyphnb": "0", "sources": ' * 3000 + "[]" + "}]" * 3000,
]
ROWS = ["[1]", "null", '{"a.png": "A"}', '{"a.png": ["A"]}', '{"a.png": {"letter": "A"}}']
ROWS += [f'{{"a.png": {{"letter": {wrong}, "face": ""}}}}' for wrong in ("3", "[]", "NaN", '""')]
DAMAGED += [f'[{{"glyphnb": "0", "files": {rows}}}]' for rows in ROWS]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_record_is_named(tmp_path, text):
    folder = pictures(tmp_path / "t", "a.png", "b.png")
    (folder / "provenance.json").write_text(text)
    for read in (load_data, lambda t: change_image_background(t, tmp_path / "out")):
        with pytest.raises(GlyphnbError, match="provenance.json is damaged; without it, the names"):
            read(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "[3]", "{}", '{"attic": 1}', "\ufeff[]"])
def test_a_record_of_somebody_else_is_named_once(tmp_path, text):
    folder = pictures(tmp_path / "t", "a.png", "b.png")
    (folder / "provenance.json").write_text(text, encoding="utf-8")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        assert load_data(folder, 32).letters.tolist() == ["a", "b"]
    assert ["t/provenance.json: glyphnb did not write it" in str(w.message) for w in said] == [True]


def test_a_record_brings_no_control_characters(tmp_path):
    folder = pictures(tmp_path / "t", "a.png", "b.png")
    label = {"letter": "\x1b[2J", "face": "\x07"}
    write_provenance(folder, files={"a.png": label, "b.png": {"letter": "B", "face": ""}})
    read = load_data(folder, 32)
    assert read.letters.tolist() == [r"\x1b[2J", "B"] and read.faces.tolist() == [r"\x07", ""]


@pytest.fixture
def run_as_owner(run):
    "Run a command that may not read what is forbidden, also where root runs the tests."
    words = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may read everything, and there is no setpriv here")
        rights = "=-dac_override,-dac_read_search"
        words = ["setpriv", f"--bounding-set{rights}", f"--inh-caps{rights}"]
    return partial(run, before=words)


@pytest.mark.skipif(os.name != "posix", reason="another system of rights")
def test_what_may_not_be_read_is_named_and_can_be_skipped(tmp_path, run_as_owner):
    folder = tmp_path / "t"
    save_glyphs(render_glyphs("abc", size=20), folder, stem=None)
    (folder / "b.png").chmod(0)
    said = run_as_owner("denoise", "t", cwd=tmp_path)
    assert said.returncode == 2 and "Permission denied: 't/b.png'" in said.stderr
    said = run_as_owner("denoise", "t", "--skip-unreadable", cwd=tmp_path)
    assert said.returncode == 0 and "skipped" in said.stderr and "2 PNG files" in said.stdout
    (folder / "b.png").chmod(0o600)
    (folder / "provenance.json").chmod(0)  # without it, letters would lose their names
    said = run_as_owner("denoise", "t", "--out", "more", cwd=tmp_path)
    assert said.returncode == 2 and said.stderr.count("\n") == 1
    assert "Permission denied: 't/provenance.json'" in said.stderr


def test_a_very_long_picture_does_not_fill_the_memory(tmp_path):
    line = np.full((1, 60_000), 255, np.uint8)
    line[:, 20_000:40_000] = 0
    Image.fromarray(line).save(tmp_path / "a.png")
    ink = load_data(tmp_path, 30, paper="white").ink[0]
    assert ink[:, 12:18].max() == 255 and ink[:, :8].max() < 20 and ink.any(axis=1).sum() == 1
