"""show.plotting."""

import numpy as np

from glyphnb.show.plotting import Picture, plot_codes, tile_images
from glyphnb.UNKNOWN import _draw_history


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


def test_a_curve_is_drawn_above_its_own_floor():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    history = {"loss": [9.0, 8.0], "val_loss": [7.0, 6.0], "nll": [5.0, 4.0]}
    _draw_history(axes, history, ("loss", "nll"), (1.0, 2.0), None)
    drawn = {line.get_label(): line for line in axes.lines}
    for name, values in (("loss", [8, 7]), ("val_loss", [5, 4]), ("nll", [4, 3])):
        np.testing.assert_allclose(drawn[name].get_ydata(), values)
        np.testing.assert_array_equal(drawn[name].get_xdata(), [1, 2])
    styles = [drawn[name].get_linestyle() for name in ("loss", "val_loss")]
    assert styles == ["-", "--"]
    assert "above the entropy" in axes.get_ylabel()


def test_an_icon_lies_on_a_code_of_its_letter(monkeypatch):
    from glyphnb import pictures

    placed = []
    real = pictures.AnnotationBbox
    monkeypatch.setattr(
        pictures, "AnnotationBbox", lambda box, at, **k: placed.append(at) or real(box, at, **k)
    )
    codes = np.array([[0, 0], [1, 0], [9, 0], [5, 5], [5, 6], [5, 9]], float)
    icons = {"a": np.zeros((2, 2), np.uint8), "b": np.zeros((2, 2), np.uint8)}
    plot_codes(codes, list("aaabbb"), icons)
    np.testing.assert_array_equal(placed, [[1, 0], [5, 6]])
