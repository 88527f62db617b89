"""show.plotting."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox
from PIL import Image

from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.show.plotting import (
    Picture,
    plot_codes,
    plot_histories,
    plot_history,
    plot_sheet,
    tile_images,
)


def test_tiles_lie_row_by_row_with_their_gaps():
    ink = np.arange(1, 6, dtype=np.uint8)[:, None, None]
    expected = [[1, 0, 2, 0, 3], [0, 0, 0, 0, 0], [4, 0, 5, 0, 0]]
    np.testing.assert_array_equal(tile_images(ink, n_cols=3, gap=1), expected)
    assert tile_images(ink, gap=0).shape == (2, 3)


def test_ink_is_dark_and_colours_stay():
    ink = np.uint8([[0, 255], [200, 0]])
    np.testing.assert_array_equal(np.asarray(Picture(ink).image), 255 - ink)
    zoomed = np.asarray(Picture(ink, zoom=3).image)
    np.testing.assert_array_equal(zoomed, np.kron(255 - ink, np.ones((3, 3), np.uint8)))
    colours = np.random.default_rng(0).integers(0, 256, (2, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Picture(colours).image), colours)


def test_coloured_ink_is_shown_in_its_colours_on_white():
    ink = np.zeros((3, 1, 2, 3), np.uint8)
    ink[0, 0, 0], ink[1, 0, 1] = (255, 0, 0), (0, 255, 255)  # cyan, and red
    white, cyan, red = [255, 255, 255], [0, 255, 255], [255, 0, 0]
    shown = np.asarray(Picture(tile_images(ink, n_cols=2, gap=1)).image)
    rows = [[cyan, white, white, white, red], [white] * 5, [white] * 5]
    np.testing.assert_array_equal(shown, rows)
    with pytest.raises(GlyphnbError, match="height, width, 3"):
        tile_images(ink[..., :2])


def test_a_picture_tells_how_small_its_texts_are():
    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.plot([0, 1], label="a line")
    axes.legend(fontsize=9)  # points, of which 72 are an inch of 100 pixels
    axes.set_title("hidden", fontsize=2).set_visible(False)

    def note(picture):
        return Image.open(io.BytesIO(picture._repr_png_())).info.get("smallest text")

    assert note(Picture(figure)) == "12.5 px"
    assert note(Picture(np.zeros((4, 4), np.uint8))) is None


@pytest.fixture
def drawn(monkeypatch):
    "The Matplotlib figures that are drawn, kept to be looked at."
    figures = []
    real = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: figures.append(self) or real(self, *a, **k)
    )
    return figures


def test_a_curve_is_drawn_above_its_own_floor(drawn):
    history = {"loss": [9.0, 8.0], "val_loss": [7.0, 6.0], "nll": [5.0, 4.0]}
    plot_history(history, "loss", "nll", floors=(1.0, 2.0))
    (axes,) = drawn[0].axes
    lines = {line.get_label(): line for line in axes.lines}
    for name, values in (("loss", [8, 7]), ("val_loss", [5, 4]), ("nll", [4, 3])):
        np.testing.assert_allclose(lines[name].get_ydata(), values)
        np.testing.assert_array_equal(lines[name].get_xdata(), [1, 2])
    assert [lines[name].get_linestyle() for name in ("loss", "val_loss")] == ["-", "--"]
    assert "above the entropy" in axes.get_ylabel()


def test_runs_stand_side_by_side_on_a_logarithmic_scale(drawn):
    plot_histories({"one": {"loss": [3.0, 2.0]}, "two": {"loss": [5.0, 1.0]}})
    assert [axes.get_title() for axes in drawn[0].axes] == ["one", "two"]
    assert {axes.get_yscale() for axes in drawn[0].axes} == {"log"}


def test_a_curve_that_is_not_there_is_named():
    with pytest.raises(GlyphnbError, match="kl.*loss|loss.*kl"):
        plot_history({"loss": [1.0]}, "kl")


def test_an_icon_lies_on_a_code_of_its_letter(drawn):
    codes = np.array([[0, 0], [1, 0], [9, 0], [5, 5], [5, 6], [5, 9]], float)
    icons = {"a": np.zeros((2, 2), np.uint8), "b": np.zeros((2, 2), np.uint8)}
    plot_codes(codes, list("aaabbb"), icons)
    placed = [box.xy for box in drawn[0].axes[0].artists if isinstance(box, AnnotationBbox)]
    np.testing.assert_array_equal(placed, [[1, 0], [5, 6]])


def test_a_sheet_names_its_coordinates(drawn):
    codes = np.array([[x, y] for y in (1, 0, -1) for x in (-2, 0, 2)], float)
    plot_sheet(np.zeros((9, 4, 4), np.uint8), codes)
    axes = drawn[0].axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["-2.0", "0.0", "2.0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1.0", "0.0", "-1.0"]


def test_icons_and_sheets_of_coloured_letters_keep_their_colours(drawn):
    letters = np.array(["a", "b"])
    red = np.zeros((4, 4, 3), np.uint8) + np.array([0, 128, 128], np.uint8)  # thin red
    plot_codes(np.eye(2), letters, {"a": red, "b": red[..., 1]})
    boxes = [a for a in drawn[0].axes[0].artists if isinstance(a, AnnotationBbox)]
    pixels = [box.offsetbox.get_data()[0, 0] for box in boxes]
    np.testing.assert_allclose(pixels, [[1, 0, 0, 128 / 255], [0, 0, 0, 128 / 255]], atol=1e-6)
    plot_sheet(np.stack([red] * 4), np.zeros((4, 2)))
    shown = np.asarray(drawn[1].axes[0].images[0].get_array())
    assert shown.shape == (8, 8, 3) and shown[0, 0].tolist() == [255, 127, 127]
