"""Letters from typefaces, and folders of images of every kind, good and bad."""

import string
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from glyphnb import glyphs
from glyphnb.glyphs import (
    GLYPH_SETS,
    change_image_background,
    find_fonts,
    fit_square,
    get_pixel,
    load_data,
    load_image,
    render_glyphs,
    save_glyphs,
    to_float,
    to_uint8,
)


@pytest.fixture(scope="session")
def letter():
    "Dark on light, 64 x 64, with grey edges."
    return 255 - render_glyphs("ج", size=64).ink[0]


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=8)))
def test_doors_are_inverses(ink):
    images = to_float(ink)
    assert images.shape == (*ink.shape, 1) and images.dtype == np.float32
    assert np.array_equal(to_uint8(images), ink)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_fitting_keeps_the_aspect(height, width, size):
    fitted = fit_square(np.full((height, width), 255, np.uint8), size)
    assert fitted.shape == (size, size)
    expected = min(height, width) / max(height, width)
    assert abs((fitted / 255).mean() - expected) <= 0.5 / size + 1 / max(height, width) + 0.06


def test_faces_and_sets():
    assert len(find_fonts()) == 21 and all(path.is_file() for path in find_fonts().values())
    assert len(GLYPH_SETS["arabic"]) == len(set(GLYPH_SETS["arabic"])) == 21
    drawn = render_glyphs("latin", list(find_fonts()), size=32)
    assert len(drawn) == 21 * 26 and set(drawn.letters) == set(string.ascii_uppercase)
    assert len(set(drawn.sources)) == len(drawn)
    assert len(set(drawn.families)) == 5


def test_a_font_by_file_is_the_font_by_name():
    by_name = render_glyphs("abc", "DejaVu Serif", size=40)
    by_file = render_glyphs("abc", find_fonts()["DejaVu Serif"], size=40)
    assert np.array_equal(by_name.ink, by_file.ink) and by_file.faces[0] == "DejaVuSerif"


def test_combining_marks_stay_with_their_letter():
    assert render_glyphs("e\u0301a", size=32).letters.tolist() == ["e\u0301", "a"]


@pytest.mark.parametrize(
    "letters, face, words",
    [
        ("中", "DejaVu Sans", ["中", "DejaVu Sans"]),
        ("ب", "STIX", ["ب", "STIX"]),
        ("", "DejaVu Sans", ["letters"]),
        ("\u2800", "DejaVu Sans", ["no ink"]),
    ],
)
def test_no_silent_boxes(letters, face, words):
    with pytest.raises(ValueError) as error:
        render_glyphs(letters, face)
    assert all(word in str(error.value) for word in words)


def test_a_font_file_that_is_none(tmp_path):
    (tmp_path / "fake.ttf").write_bytes(b"not a font at all")
    with pytest.raises(ValueError, match="fake.ttf"):
        render_glyphs("a", tmp_path / "fake.ttf")
    with pytest.raises(FileNotFoundError, match="absent.ttf"):
        render_glyphs("a", tmp_path / "absent.ttf")


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


def test_nothing_of_the_users_is_replaced(tmp_path):
    drawn = render_glyphs("ab", size=16)
    save_glyphs(drawn, tmp_path / "in")
    save_glyphs(drawn, tmp_path / "in")  # the same content: nothing to lose
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "original_1.png").write_bytes(b"precious")
    for call in (
        lambda: change_image_background(tmp_path / "in", tmp_path / "out"),
        lambda: save_glyphs(drawn[::-1], tmp_path / "in"),
    ):
        with pytest.raises(FileExistsError, match="original_"):
            call()
    assert (tmp_path / "out" / "original_1.png").read_bytes() == b"precious"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["original_1.png"]
    assert np.array_equal(load_image(tmp_path / "in" / "original_0.png"), 255 - drawn.ink[0])


def test_inverting_into_the_same_folder_is_refused(tmp_path):
    save_glyphs(render_glyphs("ab", size=16), tmp_path)
    with pytest.raises(FileExistsError):
        change_image_background(tmp_path, tmp_path)


def test_two_names_for_one_result(tmp_path):
    for name in ("a.png", "a.bmp"):
        Image.new("L", (4, 4)).save(tmp_path / name)
    with pytest.raises(ValueError, match="a.png"):
        change_image_background(tmp_path, tmp_path / "out")


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def interrupted():
        yield "a.png", np.zeros((4, 4), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        glyphs.write_images(tmp_path / "out", interrupted())
    assert not list(tmp_path.iterdir())


def test_inversion_matches_the_pixel_loop(tmp_path, letter):
    Image.fromarray(letter).save(tmp_path / "a.png")
    change_image_background(tmp_path, tmp_path / "out")
    image = Image.open(tmp_path / "a.png")
    loop = [[255 - get_pixel(image, i, j) for i in range(64)] for j in range(64)]
    assert np.array_equal(load_image(tmp_path / "out" / "a.png"), loop)
