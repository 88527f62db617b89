"""show.names: what is written by name is read again, on every disk."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glyphnb.letters.glyphs import split_letters
from glyphnb.show.names import (
    as_text,
    letter_of,
    name_files,
    portable_names,
    read_names,
    safe_name,
    unique_names,
)


def letters_of(text):
    "Letters of a random text, composed; none where there are only marks and spaces."
    try:
        found = split_letters(unicodedata.normalize("NFC", text))
    except ValueError:
        return []
    return [a for a in found if split_letters(a) == [a] == [unicodedata.normalize("NFC", a)]]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=2, max_size=12)


@given(texts)
@settings(max_examples=200, deadline=None)
def test_letters_survive_their_names(text):
    letters = letters_of(text)
    names = name_files(letters, ["me"] * len(letters))
    folded = [unicodedata.normalize("NFC", name).casefold() for name in names]
    assert len(set(folded)) == len(letters)
    assert not any(set(name) & set('/\\:*?"<>|') or name[0] == "." for name in names)
    read = [read_names([(name.removesuffix(".png"),)])[0][0] for name in names]
    assert read == letters


@given(st.lists(st.sampled_from(["a.png", "a_2.png", "a_3.png", "b.png"]), max_size=9))
def test_a_name_that_is_there_once_stays(names):
    made = unique_names(names)
    assert len(set(made)) == len(names)
    for name, new in zip(names, made, strict=True):
        assert new == name or names.count(name) > 1


@given(st.lists(st.text("aA_/", min_size=1, max_size=5), max_size=9))
def test_no_two_paths_differ_in_case_alone(stems):
    "Not even in the case of a folder; and what is in one folder stays together."
    names = ["/".join(part or "a" for part in stem.split("/")) + ".png" for stem in stems]
    made = portable_names(names)
    assert len({name.casefold() for name in made}) == len(names)
    moved = zip(names, made, strict=True)
    folders = {(old.rpartition("/")[0], new.rpartition("/")[0]) for old, new in moved}
    assert len({old for old, _ in folders}) == len(folders)
    assert len({new.casefold() for _, new in folders}) == len(folders)
    lower = [*dict.fromkeys(name.lower() for name in names)]
    assert portable_names(lower) == lower


@pytest.mark.parametrize("name", ["con", "LPT1", " a", "a.", ".", "a/b", "a\n", "\u200d"])
def test_names_that_a_disk_objects_to_are_spelled_out(name):
    assert safe_name(name) == "".join(f"U+{ord(c):04X}" for c in name)
    assert letter_of(safe_name(name)) == name


def test_a_name_can_be_written_whatever_it_is():
    for name in ("\udce9t\udce9", "\ud800", "e\u0301"):
        as_text(name).encode("utf-8")
    assert as_text("\udce9") == r"\xe9"
