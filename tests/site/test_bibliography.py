"""One bibliography: whoever is named has an entry, and is linked."""

import ast
import json
import re
from pathlib import Path

import pytest
from bibliography import entries, is_name, link, mentions, url

ROOT = Path(__file__).parents[2]
NBS = ROOT / "nbs"
CHAPTERS = sorted(NBS.glob("[0-9]*/[0-9]*.ipynb"))
YEAR = re.compile(
    r"(?<![\d.$`])(?:19[3-9]|20[0-2])\d(?=\)|[,;]? (?:chapter|section|appendix|figure))"
)
VENUE = re.compile(r"\(a standard of \d+\)|JBIG2? \(\d+\)|fax of \d+")


def prose(path):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "markdown"]


def sources():
    "Docstrings that name a source, and the files they stand in."
    found = []
    for path in sorted(ROOT.glob("glyphnb/*/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                words = ast.get_docstring(node) or ""
                texts = re.findall(r"^Source: .*?(?=\n\n|\Z)", words, re.M | re.S)
                found += [(f"{path.stem}.{node.name}", text) for text in texts]
    return found


def test_addresses_have_their_form():
    assert len(entries()) > 80
    for key, entry in entries().items():
        fields = entry.fields
        assert fields["title"].strip(), key
        assert is_name(entry) or (
            entry.persons.get("author") and re.fullmatch(r"\d{4}", fields["year"])
        )
        if "doi" in fields:
            assert re.fullmatch(r"10\.\d{4,5}/[^\s{}]+", fields["doi"]), key
        if "eprint" in fields:
            assert re.fullmatch(r"\d{4}\.\d{4,5}", fields["eprint"]), key
        if url(entry):
            assert re.fullmatch(r"https?://[^\s()<>\"]+", url(entry)), key
        else:
            assert entry.type == "book", key


def test_no_two_entries_are_one_paper():
    for value in (url, lambda entry: re.sub(r"\W", "", entry.fields["title"]).casefold()):
        found = [value(entry) for entry in entries().values() if value(entry)]
        assert len(found) == len(set(found))


@pytest.mark.parametrize("text", dict(sources()).values(), ids=dict(sources()).keys())
def test_a_source_of_a_docstring_is_an_entry(text):
    found = mentions(text)
    assert found, text
    for year in re.finditer(r"\((\d{4})\)", text):
        near = [
            entry for start, end, entry, _ in found if start < year.end() and year.start() < end + 4
        ]
        assert [entry.fields["year"] for entry in near] == [year[1]], text


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
class TestChapter:
    def test_a_paper_that_is_named_has_an_entry(self, path):
        for text in prose(path):
            found = mentions(text)
            plain = VENUE.sub(lambda match: " " * len(match[0]), text)
            for year in YEAR.finditer(plain):
                near = [e for s, t, e, _ in found if s - 60 < year.start() < t + 60]
                assert year[0] in {e.fields.get("year") for e in near}, text[year.start() - 90 :][
                    :100
                ]

    def test_what_it_names_is_linked(self, path):
        "tools/cite, which `make fix` runs, sets these links."
        seen = set()
        for text in prose(path):
            assert link(text, seen) == text


def test_every_paper_is_named_somewhere():
    texts = [text for path in CHAPTERS for text in prose(path)] + [text for _, text in sources()]
    named = {entry.key for text in texts for *_, entry, _ in mentions(text)}
    assert {key for key, entry in entries().items() if not is_name(entry)} <= named


def test_who_is_meant():
    def keys(text):
        return [entry.key for *_, entry, _ in mentions(text)]

    assert keys("Kingma and Welling (2014) and Kingma et al., 2014") == [
        "kingma2014auto",
        "kingma2014semi",
    ]
    assert keys("(Tipping and Bishop, *Probabilistic Principal Component Analysis*, 1999)") == [
        "tipping1999probabilistic"
    ]
    assert keys("*Probabilistic Principal Component Analysis*, by nobody in particular") == []
    assert keys("`keras.ops`, the NumPy of Keras, and $Keras$") == ["numpy", "keras"]
    assert keys("Dr Kingmann and Welling (2014)") == []


def test_a_link_is_set_once_for_software_and_stays():
    seen = set()
    first = link("Keras, and Keras again; [Pillow](https://python-pillow.github.io).", seen)
    assert first.count("(https://keras.io)") == 1 and seen == {"keras", "pillow"}
    assert link("Keras and Pillow", seen) == "Keras and Pillow"
    assert link(first, set()) == first
