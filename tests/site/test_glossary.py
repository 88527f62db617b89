"""The glossary: each term is used where it says, and each term in bold is in it."""

import json
import re
from pathlib import Path

import pytest
from glossary import SOURCE, bold, entries, link, term

NBS = SOURCE.parent
SPINE = re.findall(
    r"\*\*\[[^\]]+\]\(([\w/]+\.ipynb)\)", (NBS / "index.ipynb").read_text(encoding="utf-8")
)


def prose(name):
    cells = json.loads((NBS / name).read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def test_every_entry_is_read_and_in_order():
    headings = re.findall(r"^## (.+)$", SOURCE.read_text(encoding="utf-8"), re.M)
    assert [entry["term"] for entry in entries()] == headings
    assert len(headings) == len(set(headings)) > 120
    plain = [heading.casefold().replace("é", "e") for heading in headings]
    assert plain == sorted(plain)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["term"])
def test_a_term_is_defined_and_used(entry):
    assert re.match(r"[A-Z]", entry["definition"]) and entry["definition"].endswith(".")
    assert len(entry["definition"].split()) <= 45
    chapter = prose(entry["chapter"])
    assert chapter[0].startswith(f"# {entry['title']}\n")
    assert entry["term"].casefold() in " ".join(chapter).casefold().replace("\n", " ")


@pytest.mark.parametrize("name", SPINE, ids=lambda name: Path(name).stem)
def test_terms_in_bold_are_in_the_glossary(name):
    for text in prose(name)[1:]:
        for *_, words in bold(text):
            sentence = re.search(r"[.:?!,]|\$", words) or len(words.split()) > 4
            assert sentence or term(words), words


def test_links_of_bold_terms():
    text = "A **code**, **encoders**, `**code**`, [**code**](x.md), **no term of ours**"
    assert link(text, "../glossary.md") == (
        "A [**code**](../glossary.md#code), [**encoders**](../glossary.md#encoder), `**code**`, "
        "[**code**](x.md), **no term of ours**"
    )
