"""Papers and software: who is named where, and the page that lists them all.

`nbs/references.bib` has the entries. A text names a paper by its title, between stars or quotation
marks, or by its first author and its year; software and standards (`keywords = {name}`) by name.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path
from urllib.parse import quote

from pybtex.database import parse_file

BIB = Path(__file__).resolve().parents[2] / "nbs" / "references.bib"
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]*)\)")
HIDDEN = re.compile(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$]+\$|^#[^\n]*|<[^>]*>|\*\*", re.S | re.M)
TITLE = re.compile(r"\*([^*\s][^*]*)\*|\"([^\"]+?),?\"|“([^”]+?),?”")


def plain(text):
    "Letters and digits of a text, without accents."
    text = unicodedata.normalize("NFKD", text)
    return re.sub(r"[\W_]+", " ", re.sub(r"[\u0300-\u036f{}'’]", "", text)).strip().casefold()


def url(entry):
    "Where an entry is found: its DOI, its arXiv number, or its address; None where it has none."
    fields = entry.fields
    if "doi" in fields:
        return "https://doi.org/" + quote(fields["doi"], safe="/:;._-")
    if "eprint" in fields:
        return "https://arxiv.org/abs/" + fields["eprint"]
    return fields.get("url")


@cache
def entries():
    "All entries, by their keys."
    return dict(parse_file(BIB, bib_format="bibtex").entries)


def is_name(entry):
    return entry.fields.get("keywords") == "name"


def families(entry):
    "Family names of the authors, as a text has them."
    authors = entry.persons.get("author", ())
    names = (" ".join([*a.prelast_names, *a.last_names]).strip("{}") for a in authors)
    return [name for name in names if name != "others"]


def _by_title(text, around):
    "The entry whose title, or beginning of a title, this is; one of its authors stands near."
    asked, near = plain(text), f" {plain(around)} "
    for entry in entries().values():
        title = plain(entry.fields["title"])
        short = min(len(asked), len(title))
        if is_name(entry) or short < 4 or title[:short] != asked[:short]:
            continue
        if len(asked) <= len(title) and any(f" {plain(name)} " in near for name in families(entry)):
            return entry
    return None


@cache
def _patterns():
    "For each paper the form 'First and others (1999)', for each piece of software its name."
    found = []
    for entry in entries().values():
        if is_name(entry):
            pattern = rf"(?<![\w./*-]){re.escape(entry.fields['title'])}(?![\w-]|\.\w)"
        else:
            first, year = re.escape(families(entry)[0]), entry.fields["year"]
            pattern = rf"\b{first}\b(?:(?!\d{{4}})[^.;:()]|et al\.)*?,?\s\(?{year}\b\)?"
        found.append((entry, re.compile(pattern)))
    return found


def _fits(entry, text):
    "Whether the authors in a text are those of an entry, which may share its first and its year."
    names = families(entry)
    others = len(names) > 2 if re.search(r"et al\.|\bothers\b", text) else None
    second = len(names) > 1 and names[1] in text
    return is_name(entry) or second or bool(others) or len(names) == 1


def mentions(text):
    "Where a text names entries: `(start, end, entry, linked)`, in order."

    def blank(found):
        return re.sub(r"[^\n]", "\0", found[0])

    masked, found, known = HIDDEN.sub(blank, text), [], {}
    for entry in entries().values():
        known.setdefault(url(entry), entry)
    for link in LINK.finditer(masked):
        if link[2] in known:
            found.append((link.start(), link.end(), known[link[2]], True))
    masked = LINK.sub(blank, masked)
    for title in TITLE.finditer(masked):
        around = masked[max(title.start() - 150, 0) : title.end() + 60]
        entry = _by_title(next(filter(None, title.groups())), around)
        if entry:
            found.append((title.start(), title.end(), entry, False))
    for entry, pattern in _patterns():
        for name in pattern.finditer(masked):
            taken = any(start < name.end() and name.start() < end for start, end, *_ in found)
            if not taken and _fits(entry, name[0]):
                end = name.end() - (name[0].endswith(")") and "(" not in name[0])
                found.append((name.start(), end, entry, False))
    return sorted(found, key=lambda one: one[:2])


def link(text, seen):
    "A text with links where it names an entry that is not yet `seen`, or a paper by its title."
    parts, last = [], 0
    for start, end, entry, linked in mentions(text):
        again = entry.key in seen and (is_name(entry) or text[start].isalpha())
        seen.add(entry.key)
        if not (linked or again or start < last) and url(entry):
            parts += [text[last:start], f"[{text[start:end]}]({url(entry)})"]
            last = end
    return "".join([*parts, text[last:]])


def page(named):
    "The page of the bibliography; `named` has links to the chapters that name an entry."
    lines = ["# Bibliography", "> Papers, books and software that the chapters name."]
    for heading, names in (("Papers and books", False), ("Software and standards", True)):
        lines.append(f"## {heading}")
        some = [e for e in entries().values() if is_name(e) == names and e.key in named]
        for entry in sorted(some, key=lambda e: plain("".join(families(e)) + e.fields["title"])):
            lines.append(_item(entry, named.get(entry.key, ())))
    return "\n\n".join(lines)


def _item(entry, chapters):
    fields, where = entry.fields, url(entry)
    title = f"[{fields['title']}]({where})" if where else fields["title"]
    text = f"({entry.key})=\n"
    if is_name(entry):
        text += f"{title}."
    else:
        authors = families(entry)
        some = ", ".join(authors[:-1]) + " and " + authors[-1] if authors[1:] else authors[0]
        if len(authors) > 4:
            some = f"{authors[0]} and others"
        venue = fields.get("journal") or fields.get("publisher") or fields.get("howpublished")
        kind = "doi" if "doi" in fields else "arXiv" if "eprint" in fields else ""
        number = f" {kind}:{fields.get('doi') or fields.get('eprint')}." if kind else ""
        text += f"{some} ({fields['year']}). {title}." + (f" {venue}." if venue else "")
        text += number
    return text + ("\\\nNamed in " + ", ".join(chapters) + "." if chapters else "")
