"""The glossary: its terms, and links to them from where a chapter prints a term in bold."""

import re
from functools import cache
from pathlib import Path

from bibliography import HIDDEN, LINK

SOURCE = Path(__file__).resolve().parents[2] / "nbs" / "glossary.md"
ENTRY = re.compile(
    r"^## (?P<term>.+)\n\n(?P<definition>.+)\n\n(?:Symbol: (?P<symbol>.+?)\. )?"
    r"(?:Also called: (?P<also>.+?)\. )?Chapter: \[(?P<title>.+)\]\((?P<chapter>.+)\)\.$",
    re.M,
)
BOLD = re.compile(r"\*\*([^*]+)\*\*")


@cache
def entries():
    "What the glossary says of each term."
    return [found.groupdict() for found in ENTRY.finditer(SOURCE.read_text(encoding="utf-8"))]


@cache
def terms():
    "The term that each name means, in lower case; a term may have several names."
    names = {entry["term"].casefold(): entry["term"] for entry in entries()}
    for entry in entries():
        for name in (entry["also"] or "").split(", ") + (entry["symbol"] or "").split(", "):
            names.setdefault(name.casefold(), entry["term"])
    return names


def term(text):
    "The term that a text in bold means, also in the plural; None where it is none."
    text = " ".join(text.casefold().split())
    return terms().get(text) or terms().get(text.removesuffix("s"))


def anchor(title):
    "The anchor of a heading as Quarto makes it, which links of the chapters use."
    words = re.sub(r"[^\w\s.-]", "", title.lower()).split()
    return re.sub(r"^[^a-z]+", "", "-".join(words))


def bold(text):
    "Pieces of a text that are bold, in no code and in no link: `(start, end, words)`."
    hidden = HIDDEN.pattern.removesuffix(r"|\*\*")
    mask = re.compile(f"{hidden}|{LINK.pattern}", HIDDEN.flags)
    masked = mask.sub(lambda found: "\0" * len(found[0]), text)
    return [(m.start(), m.end(), m[1]) for m in BOLD.finditer(masked) if "\0" not in m[1]]


def link(text, page):
    "A text whose bold terms lead to the glossary at `page`."
    parts, last = [], 0
    for start, end, words in bold(text):
        if term(words):
            parts += [text[last:start], f"[{text[start:end]}]({page}#{anchor(term(words))})"]
            last = end
    return "".join([*parts, text[last:]])
