"""No source on two sides, and streams that never repeat themselves and always repeat."""

from inspect import signature

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glyphnb.letters.augment import ARTICLE, GENTLE, Elastic, Rotate, fit_squares
from glyphnb.letters.folders import load_data
from glyphnb.letters.glyphs import GlyphnbError, GlyphSet
from glyphnb.letters.split import Stream, make_dataset, save_dataset, split_by_source
from glyphnb.letters.typefaces import render_glyphs


@given(st.integers(0, 1000), st.sampled_from(["letters", "faces", "families"]))
@settings(max_examples=20, deadline=None)
def test_no_source_is_on_both_sides(seed, by):
    glyphs = render_glyphs(
        "ab12", ["DejaVu Sans", "DejaVu Sans Bold", "STIX", "STIX Bold"], size=16
    )
    known, unseen = split_by_source(glyphs, 0.3, by, seed)
    assert len(known) + len(unseen) == len(glyphs) and len(known) and len(unseen)
    assert not set(getattr(known, by)) & set(getattr(unseen, by))


def test_a_set_that_cannot_be_split():
    with pytest.raises(ValueError, match="at least 2 letters"):
        make_dataset(render_glyphs("a", size=16), 100)


def test_data_repeat_and_differ_by_seed():
    glyphs = render_glyphs("abcdef", size=64)
    one, two, other = (make_dataset(glyphs, 100, seed=s) for s in (1, 1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.ink, b.ink)
        assert (a.letters == b.letters).all()
    assert any((a.ink != b.ink).any() for a, b in zip(one, other, strict=True))


def test_the_seed_chooses_every_part_of_the_data(shapes):
    runs = [make_dataset(shapes, 60, 16, held_out=2, seed=seed) for seed in range(4)]
    assert len({tuple(sorted(set(data.unseen.letters))) for data in runs}) > 1
    whole = [make_dataset(shapes, 60, 16, held_out=0, seed=seed) for seed in range(2)]
    for part in ("train", "fresh"):
        one, other = (getattr(data, part).ink for data in whole)
        assert sorted(ink.tobytes() for ink in one) != sorted(ink.tobytes() for ink in other)


def test_the_documented_defaults():
    data, stream = signature(make_dataset).parameters, signature(Stream).parameters
    assert [data[name].default for name in ("n", "size", "seed")] == [10_000, 64, 0]
    assert [stream[name].default for name in ("batch_size", "size", "seed")] == [64, 64, 0]


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_learned_has_the_distortions_asked_for(shapes, stream):
    "None, here; and letters on one side of 16 pixels."
    data = make_dataset(shapes, 40, 16, held_out=0, distortions=[], stream=stream)
    train = data.train.draw(np.arange(36), (0,)) if stream else data.train
    plain = dict(zip(shapes.letters, fit_squares(shapes.ink, 16), strict=True))
    for letter, ink in zip(train.letters, train.ink, strict=True):
        np.testing.assert_array_equal(ink, plain[letter])


def test_no_test_image_is_an_original_or_was_learned(shapes):
    rarely = [Rotate(p=0.02)]
    data = make_dataset(shapes, 300, 16, held_out=1, test_distortions=rarely)
    originals = {ink.tobytes() for ink in fit_squares(shapes.ink, 16)}
    for part in (data.fresh, data.unseen):
        assert not originals & {ink.tobytes() for ink in part.ink}
    data = make_dataset(shapes, 300, 16, held_out=0, distortions=[Rotate()])
    learned, fresh = ({ink.tobytes() for ink in part.ink} for part in (data.train, data.fresh))
    assert not learned & fresh


def test_ten_images_are_the_fewest(shapes):
    assert sum(map(len, make_dataset(shapes, 10, 16))) == 10
    with pytest.raises(GlyphnbError, match="at least 10.*got 9"):
        make_dataset(shapes, 9, 16)


@given(st.integers(1, 40), st.integers(1, 16), st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_a_stream_shows_each_letter_equally_often(shapes, n, batch_size, seed):
    stream = Stream(shapes, n, batch_size, size=8, seed=seed)
    batches = list(stream)
    assert sum(map(len, batches)) == len(stream) == n
    assert all(len(batch) == batch_size for batch in batches[:-1])
    letters = np.concatenate([batch.letters for batch in batches])
    assert sorted(letters) == sorted(stream.letters)


def test_a_stream_never_repeats_and_always_repeats(shapes):
    one, two = (Stream(shapes, 12, 5, 16, 3, [Elastic(), Rotate()]) for _ in range(2))
    index = np.array([4, 1, 7])
    first, second = one.draw(index, (0, 0)), one.draw(index, (0, 1))
    assert np.array_equal(first.ink, two.draw(index, (0, 0)).ink)
    assert not np.array_equal(first.ink, second.ink)
    assert first.letters.tolist() == ["e", "b", "b"] and first.families.tolist() == ["Bars"] * 3
    epochs = [[batch.letters.tolist() for batch in one] for _ in range(3)]
    assert len(set(map(str, epochs))) == 3  # each in another order
    assert epochs == [[batch.letters.tolist() for batch in two] for _ in range(3)]
    with pytest.raises(GlyphnbError, match="`n`"):
        Stream(shapes, 0)


def test_a_stream_takes_the_place_of_the_training_images(shapes):
    data = make_dataset(shapes, 100, 16, stream=True, distortions=[Elastic(0.5)])
    plain = make_dataset(shapes, 100, 16)
    assert isinstance(data.train, Stream) and data.train.shape == (80, 16, 16, 1)
    assert np.array_equal(data.fresh.ink, plain.fresh.ink)  # what is asked stays comparable
    assert set(data.train.letters) == set(plain.train.letters)


def test_a_saved_data_set_keeps_its_labels(shapes, tmp_path):
    data = make_dataset(shapes, 50, 16)
    folders = save_dataset(data, tmp_path)
    assert folders == [tmp_path / name for name in ("train", "fresh", "unseen")]
    for name, part in data._asdict().items():
        read = load_data(tmp_path / name, 16, paper="black")
        assert np.array_equal(read.ink, part.ink)
        assert read.sources.tolist() == part.sources.tolist()


def test_a_stream_has_no_end_and_is_not_saved(tmp_path, letters):
    data = make_dataset(letters, 100, stream=True)
    with pytest.raises(GlyphnbError, match="stream"):
        save_dataset(data, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_held_out_may_be_nothing_a_number_a_share_or_names(shapes):
    known, unseen = split_by_source(shapes, 0)
    assert known.letters.tolist() == list("abcdef") and not len(unseen)
    for held_out, count in ((0.0, 0), (1, 1), (3, 3), (5, 5), (0.5, 3), (0.01, 1), (0.99, 5)):
        known, unseen = split_by_source(shapes, held_out)
        assert (len(known), len(unseen)) == (6 - count, count)
        assert not set(known.letters) & set(unseen.letters)
    for names in (["f", "b"], "bf", np.array(["b", "f"]), "bbf"):
        known, unseen = split_by_source(shapes, names)
        assert unseen.letters.tolist() == ["b", "f"] and known.letters.tolist() == list("acde")
    assert split_by_source(shapes, np.int64(2))[1].letters.tolist() == (
        split_by_source(shapes, 2)[1].letters.tolist()
    )


@pytest.mark.parametrize("held_out", [6, 7, "abcdef", list("fedcba")])
def test_all_letters_cannot_be_held_out(shapes, held_out):
    with pytest.raises(GlyphnbError, match="must leave at least one of the letters to learn"):
        split_by_source(shapes, held_out)


@pytest.mark.parametrize("held_out", [-1, -0.2, 1.5, float("nan"), float("inf")])
def test_held_out_must_be_a_share_or_a_whole_number(shapes, held_out):
    with pytest.raises(GlyphnbError, match="a share in .0, 1. or a whole number"):
        split_by_source(shapes, held_out)


def test_unknown_names_are_refused_with_those_that_are_there(shapes):
    with pytest.raises(GlyphnbError, match="must be letters of the glyphs, got x y; there are a b"):
        split_by_source(shapes, ["a", "x", "y"])
    with pytest.raises(GlyphnbError, match="must be faces of the glyphs, got DejaVu"):
        make_dataset(shapes, 100, 16, held_out=["DejaVu"], by="faces")


def test_all_letters_are_learned_when_nothing_is_held_out(shapes):
    data = make_dataset(shapes, 100, 16, held_out=0)
    assert [len(part) for part in data] == [90, 10, 0]
    assert set(data.train.letters) == set(data.fresh.letters) == set("abcdef")
    assert data.unseen.images.shape == (0, 16, 16, 1)
    named = make_dataset(shapes, 100, 16, held_out="a")
    assert set(named.unseen.letters) == {"a"} and "a" not in named.train.letters
    one = make_dataset(shapes[:1], 20, 16, held_out=0)  # a single letter is enough to learn from
    assert set(one.train.letters) == {"a"}


def test_test_distortions_change_the_other_sets_alone(shapes):
    plain, other = (
        make_dataset(shapes, 100, 16, **options)
        for options in ({}, {"test_distortions": [Elastic(0.5)]})
    )
    assert np.array_equal(plain.train.ink, other.train.ink)
    assert (plain.fresh.ink != other.fresh.ink).any()
    assert (plain.unseen.ink != other.unseen.ink).any()


def test_a_hand_is_held_out_by_its_name(tmp_path):
    glyphs = render_glyphs("ab", ["DejaVu Sans", "STIX", "STIX Bold"], size=16)
    for names, found in ((["STIX"], {"STIX"}), (["a"], {*glyphs.faces})):
        assert set(split_by_source(glyphs, names)[1].faces) == found
    data = make_dataset(glyphs, 30, 16, ["STIX"])
    assert {*data.unseen.faces} == {"STIX"} and "STIX" not in data.train.faces
    with pytest.raises(GlyphnbError, match="must be letters of the glyphs"):
        split_by_source(glyphs, ["a", "STIX"])


def test_coloured_letters_are_distorted_as_grey_ones_are():
    grey = render_glyphs("ab", size=24)
    ink = np.stack([grey.ink, 0 * grey.ink, grey.ink // 2], axis=-1)
    coloured = GlyphSet(ink, grey.letters, grey.faces)
    recipe = {"distortions": (*GENTLE, *ARTICLE), "test_distortions": GENTLE}
    one, two = (make_dataset(g, 40, 24, 0, seed=3, **recipe) for g in (grey, coloured))
    assert two.unseen.ink.shape == (0, 24, 24, 3)
    assert np.array_equal(one.train.ink, two.train.ink[..., 0]) and not two.train.ink[..., 1].any()
    off = one.train.ink / 2 - two.train.ink[..., 2]  # one of them is clipped at 255
    assert np.abs(off).mean() < 0.5
    assert Stream(coloured, 4, size=16).shape == (4, 16, 16, 3)
    assert Stream(coloured, 4, size=16).draw(np.arange(2), (0, 0)).ink.shape == (2, 16, 16, 3)
