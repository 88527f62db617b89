"""Copies that repeat, distortions by their probability and amount, and labels that survive."""

import random

import numpy as np
import pytest

from glyphnb.letters.augment import (
    ARTICLE,
    Distortion,
    Elastic,
    Perspective,
    QuarterTurn,
    Rotate,
    Scale,
    Shear,
    Thicken,
    Tilt,
    augment,
    create_augmentor_pipeline,
    homography,
)
from glyphnb.letters.files import save_glyphs, write_images
from glyphnb.letters.folders import change_image_background, load_data
from glyphnb.letters.glyphs import GlyphnbError, GlyphSet
from glyphnb.letters.typefaces import render_glyphs

KINDS = [QuarterTurn, Rotate, Tilt, Shear, Scale, Perspective, Elastic, Thicken]


@pytest.fixture(scope="module")
def copies(shapes):
    "Copies of the shapes in turn, by seed and distortions."

    def copies(n, seed, *distortions):
        return augment(shapes, n, 32, seed, distortions, shuffle=False)

    return copies


@pytest.mark.parametrize("kind", KINDS)
def test_each_distortion_by_its_probability(kind, copies):
    originals, changed = copies(400, 1), copies(400, 1, kind(0.5))
    assert np.array_equal(changed.ink, copies(400, 1, kind(0.5)).ink)
    assert not np.array_equal(changed.ink, copies(400, 2, kind(0.5)).ink)
    assert 0.35 < (changed.ink != originals.ink).any(axis=(1, 2)).mean() < 0.6
    assert changed.letters.tolist() == originals.letters.tolist()
    assert np.array_equal(copies(400, 1, kind(0)).ink, originals.ink)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(GlyphnbError, match=kind.__name__):
            kind(wrong)


def test_a_distortion_does_not_move_the_one_before_it(copies):
    slant, both = copies(40, 0, Shear(0.5)), copies(40, 0, Shear(0.5), Thicken(0.5))
    same = (slant.ink == both.ink).all(axis=(1, 2)).mean()
    assert 0.25 < same < 0.75


def test_without_distortions_copies_are_the_originals_in_turn(copies):
    plain = copies(14, 5)
    assert plain.letters.tolist() == list("abcdefabcdefab")
    assert np.array_equal(plain.ink[:6], plain.ink[6:12])
    assert plain.families.tolist() == ["Bars"] * 14


def test_the_article_recipe_leaves_two_thirds_alone_and_fresh_none(shapes, copies):
    plain = {ink.tobytes() for ink in copies(6, 0).ink}
    share = np.mean([ink.tobytes() in plain for ink in augment(shapes, 3000, 32, seed=1).ink])
    assert share == pytest.approx(0.9 * 0.8 * 0.9, abs=0.03)
    fresh = augment(shapes, 400, 32, seed=1, fresh=True)
    assert np.mean([ink.tobytes() in plain for ink in fresh.ink]) < 0.03
    with pytest.raises(GlyphnbError, match="`fresh`"):
        augment(shapes, 5, distortions=[QuarterTurn()], fresh=True)


def centre(ink):
    y, x = np.indices(ink.shape)
    return np.array([(y * ink).sum(), (x * ink).sum()]) / ink.sum()


def one(ink, distortion):
    glyph = GlyphSet(ink, ["l"], ["bar"])
    return augment(glyph, 1, ink.shape[-1], distortions=[distortion]).ink[0].astype(float)


@pytest.fixture
def bar():
    ink = np.zeros((1, 64, 64), np.uint8)
    ink[0, 12:52, 28:36] = 255
    return ink


def test_a_turn_is_counter_clockwise_about_the_centre(bar):
    corner = np.zeros((1, 64, 64), np.uint8)
    corner[0, 20:28, 20:28] = 255  # up and left of the centre
    y, x = centre(one(corner, Rotate(amount=(30, 30)))) - 31.5
    before = np.arctan2(8, -8)  # upwards is positive
    assert np.degrees(np.arctan2(-y, x) - before) % 360 == pytest.approx(30, abs=2)
    assert np.array_equal(one(bar, QuarterTurn()), np.rot90(bar[0]).astype(float))
    assert np.allclose(centre(one(bar, Rotate(amount=(10, 10)))), 31.5, atol=0.3)


def test_a_slant_and_a_size_are_as_asked_for(bar):
    right = one(bar, Shear(amount=(15, 15)))
    top, bottom = centre(right[:30])[1], centre(right[34:])[1]
    assert top - bottom == pytest.approx(np.tan(np.radians(15)) * 20, abs=1.5)
    for factor in (0.75, 1.25):
        scaled = one(bar, Scale(amount=(factor, factor)))
        assert scaled.sum() / bar.sum() == pytest.approx(factor**2, rel=0.04)
        assert np.allclose(centre(scaled), 31.5, atol=0.5)


@pytest.mark.parametrize("pixels", [-2, -0.5, 0.5, 2])
def test_a_pen_moves_the_outline_by_pixels(bar, pixels):
    changed = one(bar, Thicken(amount=(pixels, pixels)))
    assert changed.sum() / 255 == pytest.approx((8 + 2 * pixels) * (40 + 2 * pixels), rel=0.04)


def test_rubber_moves_by_a_share_of_the_side_and_neighbours_together():
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (1, 64, 1))  # its levels say where they were
    shifts = []
    for plane in (ramp, ramp.swapaxes(1, 2)):
        bent = one(plane, Elastic(amount=(0.03, 0.03)))
        shifts.append((bent - plane[0])[8:-8, 8:-8] / 4)
    assert np.sqrt(np.square(shifts).sum(axis=0).mean()) == pytest.approx(0.03 * 64, rel=0.25)
    rough = [abs(np.diff(shift, axis=axis)).max() for shift in shifts for axis in (0, 1)]
    assert max(rough) < 1.2


def test_a_view_from_an_angle_moves_no_corner_further_than_asked():
    moved = Perspective(amount=(0, 0.1)).draw(np.random.default_rng(0), 500)
    assert moved.shape == (500, 4, 2) and 0.09 < abs(moved).max() <= 0.1
    corners = np.array([[0, 0], [9, 0], [9, 9], [0, 9]], float)
    maps = homography(np.tile(corners, (3, 1, 1)), corners + moved[:3])
    for matrix, goal in zip(maps, corners + moved[:3], strict=True):
        u, v, w = matrix @ np.column_stack([corners, np.ones(4)]).T
        assert np.allclose(np.stack([u / w, v / w], axis=1), goal)


@pytest.mark.parametrize("kind, bad", [(Shear, (5, -5)), (Scale, (0, 1)), (Elastic, (1, 0))])
def test_a_range_that_cannot_be_is_named(kind, bad):
    with pytest.raises(GlyphnbError, match=kind.__name__):
        kind(amount=bad)


def test_a_distortion_of_ones_own(copies):
    class Fade(Distortion):
        def draw(self, rng, n):
            return rng.uniform(0.2, 0.4, n)

        def change(self, ink, amounts, rng):
            return (ink * amounts[:, None, None]).astype(np.uint8)

    faded = copies(30, 0, Fade())
    assert 0 < faded.ink.max() <= 102 and len(faded) == 30


def test_steps_in_a_row_are_resampled_once(bar):
    "A slant to the right and one to the left leave the letter as it was."
    back = augment(
        GlyphSet(bar, ["l"], ["bar"]),
        1,
        64,
        distortions=[Shear(amount=(15, 15)), Shear(amount=(-15, -15))],
    )
    assert abs(back.ink[0].astype(int) - bar[0]).max() <= 1


@pytest.fixture
def folder(tmp_path):
    save_glyphs(render_glyphs("ab", ["DejaVu Sans", "STIX"], size=100), tmp_path / "letters")
    change_image_background(tmp_path / "letters", tmp_path / "ink")
    return tmp_path / "ink"


def test_the_pipeline_repeats_by_its_seed_and_its_copies_know_letter_and_face(folder):
    state = random.getstate()
    pipeline = create_augmentor_pipeline(folder, "one", seed=1)
    pipeline.sample(20)
    assert random.getstate() == state
    first = load_data(folder / "one")
    assert set(first.sources) <= {f"{a}/{b}" for a in "ab" for b in ("DejaVu Sans", "STIX")}
    for out, seed, same in (("two", 1, True), ("three", 2, False)):
        other = create_augmentor_pipeline(folder, out)
        other.set_seed(seed)
        other.sample(20)
        assert np.array_equal(load_data(folder / out).ink, first.ink) == same
    with pytest.raises(FileExistsError, match="empty folder"):
        pipeline.sample(5)
    with pytest.raises(GlyphnbError, match="`n`"):
        pipeline.sample(0)


def test_process_makes_one_copy_of_each_letter(folder):
    written = create_augmentor_pipeline(folder).process()
    assert len(written) == 4
    assert sorted(load_data(folder / "output").sources) == sorted(load_data(folder).sources)


def test_copies_of_folders_keep_letter_and_face_apart(tmp_path):
    "One sub-folder for each letter, one file for each hand: the copies do not exchange them."
    for letter in "ABC":
        drawn = render_glyphs(letter, ["DejaVu Sans", "DejaVu Serif"], size=64)
        write_images(tmp_path / letter, ((f"hand{k}.png", ink) for k, ink in enumerate(drawn.ink)))
    before = load_data(tmp_path)
    create_augmentor_pipeline(tmp_path).sample(12)
    made = load_data(tmp_path / "output")
    assert set(made.letters) <= set("ABC") and set(made.faces) <= {"hand0", "hand1"}
    again = load_data(tmp_path)  # what the pipeline wrote is not a letter named output
    assert len(again) == 6 and again.letters.tolist() == before.letters.tolist()


def test_the_recipe_is_the_pipelines():
    "The same kinds of change, equally often: by Augmentor on disk, and by `augment` in memory."
    assert [type(d) for d in ARTICLE] == [QuarterTurn, Rotate, Tilt]
    assert [d.p for d in ARTICLE] == [0.1, 0.2, 0.1] and ARTICLE[1].amount == (-5, 10)


def test_originals_are_left_as_they_are(shapes):
    before = shapes.ink.copy()
    augment(shapes, 50, 48, distortions=[Thicken(), Rotate(), QuarterTurn()])
    assert np.array_equal(shapes.ink, before)


def test_a_fresh_copy_that_chance_left_alone_gets_a_distortion_by_its_odds(letters):
    "Thicken leaves every letter upright, Shear moves all: copies tell which of them it was."
    seldom = [Thicken(0.001, amount=(2.0, 2.0)), Shear(0.003, amount=(20.0, 20.0))]
    fresh = augment(letters[:1], 2000, seed=0, distortions=seldom, fresh=True)
    alone = [augment(letters[:1], 1, distortions=[type(d)(1.0, d.amount)]).ink[0] for d in seldom]
    shares = [(fresh.ink == ink).all(axis=(1, 2)).mean() for ink in alone]
    np.testing.assert_allclose(shares, [0.25, 0.75], atol=0.04)
