"""latent.plane."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glyphnb.latent.plane import normal_grid, sample_glyphs, traverse, viz_decoded
from glyphnb.letters.glyphs import GlyphnbError
from glyphnb.vae.vae import VAE


def test_a_plane_needs_two_numbers(images):
    wide = VAE(latent_dim=3)
    with pytest.raises(GlyphnbError, match=r"\(n, 2\)"):
        viz_decoded(wide.encode, wide.decode, images[:10])
    with pytest.raises(GlyphnbError, match="codes"):
        viz_decoded(wide.encode, wide.decode)


@given(st.integers(1, 30), st.floats(0.001, 0.49))
@settings(max_examples=30, deadline=None)
def test_the_grid_is_finite_and_symmetric(n, tail):
    grid = normal_grid(n, tail)
    assert grid.shape == (n * n, 2) and np.isfinite(grid).all()
    np.testing.assert_allclose(grid, -grid[::-1], atol=1e-5)


def itself(codes):
    "A decoder that draws the two numbers of a code as two pixels."
    return np.asarray(codes, "float32").reshape(-1, 1, 2, 1)


def test_the_grid_runs_to_the_right_and_downwards():
    grid = normal_grid(3, tail=0.025)
    far = 1.959964
    expected = [[x, y] for y in (far, 0, -far) for x in (-far, 0, far)]
    np.testing.assert_allclose(grid, expected, atol=1e-5)


def test_samples_are_normal_and_follow_the_seed():
    codes = sample_glyphs(itself, 4000, seed=1).reshape(-1, 2)
    assert (codes == sample_glyphs(itself, 4000, seed=1).reshape(-1, 2)).all()
    assert (codes != sample_glyphs(itself, 4000, seed=2).reshape(-1, 2)).any()
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(2), atol=0.08)


@pytest.mark.parametrize("axis, moved", [(0, 0), (1, 1), (-1, 1)])
def test_a_traversal_moves_one_axis_upwards_and_holds_the_other(axis, moved):
    walk = traverse(itself, [0.3, -0.4], axis, n=5, tail=0.1).reshape(5, 2)
    np.testing.assert_allclose(walk[[0, 2, 4], moved], [-1.28155, 0, 1.28155], atol=1e-4)
    np.testing.assert_allclose(walk[:, 1 - moved], [0.3, -0.4][1 - moved], rtol=1e-6)


def test_a_sheet_of_data_has_its_coordinates_at_their_quantiles():
    seen = []

    def decoder(codes):
        seen.append(codes)
        return np.zeros((len(codes), 4, 4, 1))

    codes = np.stack([np.arange(101.0), 1000 + np.arange(101.0) ** 2], axis=1)
    viz_decoded(lambda x: codes, decoder, np.zeros((101, 4, 4, 1)), n=3, tail=0.1)
    across, upwards = [10, 50, 90], [1100, 3500, 9100]
    expected = [[x, y] for y in upwards[::-1] for x in across]
    np.testing.assert_allclose(seen[0], expected)


def test_sheets_and_samples_of_another_density(shipped):
    from glyphnb import prior_of

    prior = prior_of(shipped)
    drawn = sample_glyphs(shipped.decode, 5, 2, seed=3, prior=prior)
    np.testing.assert_array_equal(drawn, shipped.decode(prior.sample(5, 3)))
    both = [viz_decoded(None, shipped.decode, n=3, prior=p)._repr_png_() for p in (None, prior)]
    assert both[0] != both[1]
