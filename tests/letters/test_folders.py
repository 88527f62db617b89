"""Folders of images of every kind, good and bad; labels that survive."""

import warnings

import numpy as np
import pytest
from PIL import Image

from glyphnb.letters.files import save_glyphs
from glyphnb.letters.folders import (
    change_image_background,
    get_pixel,
    list_images,
    load_data,
    load_image,
    prepare_letters,
    read_greys,
    read_labels,
)
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.letters.typefaces import render_glyphs


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
    data = load_data(tmp_path)
    assert data.ink.shape == (20, 64, 64)
    for ink, name in zip(data.ink, data.letters, strict=True):
        if name != "narrow":
            assert abs(ink.astype(int) - (255 - letter)).mean() < 8, name


def test_natural_order_and_labels(tmp_path):
    for number in (10, 9, 1):
        Image.new("L", (8, 8), number).save(tmp_path / f"original_{number}.png")
    assert load_data(tmp_path).letters.tolist() == ["original_1", "original_9", "original_10"]
    for letter in "ba":
        (tmp_path / "sets" / letter).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "sets" / letter / "me.png")
    nested = load_data(tmp_path / "sets", size=8)
    assert nested.letters.tolist() == ["a", "b"] and nested.faces.tolist() == ["me", "me"]


def test_hidden_files_are_no_letters(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    for name in (".DS_Store", "Thumbs.db"):
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


def test_two_names_for_one_result(tmp_path):
    for name in ("a.png", "a.bmp"):
        Image.new("L", (4, 4)).save(tmp_path / name)
    with pytest.raises(ValueError, match="a.png"):
        change_image_background(tmp_path, tmp_path / "out")


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
    assert read_labels(tmp_path / name, tmp_path) == (letter, tmp_path.name)


def test_labels_survive_two_folders_and_follow_a_changed_record(tmp_path):
    drawn = render_glyphs("ab", ["DejaVu Sans", "STIX"], size=20)
    save_glyphs(drawn, tmp_path / "scans")
    change_image_background(tmp_path / "scans", tmp_path / "ink")
    for folder in ("scans", "ink"):
        read = load_data(tmp_path / folder, size=20)
        assert read.letters.tolist() == ["a", "b", "a", "b"]
        assert read.faces.tolist() == drawn.faces.tolist()
    save_glyphs(render_glyphs("c", size=20), tmp_path / "scans", stem="more")
    Image.new("L", (20, 20), 255).save(tmp_path / "scans" / "z.png")  # of no record
    read = load_data(tmp_path / "scans", size=20)
    assert dict(zip(read.letters, read.faces, strict=True))["c"] == "DejaVu Sans"
    assert (read.letters[-1], read.faces[-1]) == ("z", "scans")
    (tmp_path / "scans" / "provenance.json").write_text("[3]")  # somebody else's
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
    Image.fromarray(letter).save(tmp_path / "a.bmp")
    with pytest.raises(GlyphnbError, match=r"two files would both become a\.png"):
        read_greys(tmp_path)
    (tmp_path / "a.bmp").unlink()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    Image.fromarray(letter).save(tmp_path / "deep" / "er" / "c.png")
    with pytest.raises(GlyphnbError, match="pass .*er instead"):
        read_greys(tmp_path)


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


def test_pictures_that_are_too_deep_are_counted_and_the_right_folder_is_named(tmp_path):
    for name in ("greek/alpha/1.png", "greek/beta/1.png"):
        (tmp_path / "all" / name).parent.mkdir(parents=True)
        Image.new("L", (9, 9)).save(tmp_path / "all" / name)
    with pytest.raises(GlyphnbError, match=r"2 files deeper.*alpha.*name .*greek") as error:
        list_images(tmp_path / "all")
    assert "empty" not in str(error.value)
