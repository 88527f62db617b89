"""Every chapter keeps the anatomy and the budgets of the course, and its outputs can be read."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NBS = ROOT / "nbs"
CHAPTERS = sorted(NBS.glob("[0-9]*/[0-9]*.ipynb"))
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:[eE]-?\d+)?")
NO_FIGURES = (  # links, code, formulas, headings, timings, exercises, chapters of books, years
    r"\]\([^)]*\)|`[^`]*`|\$\$[^$]*\$\$|\$[^$]*\$|^#.*|\*\*It takes\*\*.*"
    r"|[Ee]xercises? [\d.]+|chapters? \d+|\b(19|20)\d\d\b"
)
# What no cell has to compute: pixels of an image, letters of an alphabet, a right angle, …
GIVEN = {13, 14, 16, 19, 21, 26, 68, 90, 95, 180, 1024, 1797, 4096, 16384}
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#|data:)([^)#]+)(#[^)]*)?\)")

OPEN = re.compile(r"^### Exercise [\d.]+ \(open\): .+", re.M)  # a project: nothing grades it
RUBRIC = re.compile(r"^\| (?!points \|)[^|\n]+(?: \| [^|\n]+){3} \|$", re.M)  # criterion, 0, 1, 2


@cache
def cells(path):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in found]


def sources(path, kind):
    return [cell["source"] for cell in cells(path) if cell["cell_type"] == kind]


def outputs(path):
    return [
        output for cell in cells(path) if cell["cell_type"] == "code" for output in cell["outputs"]
    ]


@cache
def computed(path):
    "Numbers in the code and in the outputs of a chapter, also as percent."
    texts = sources(path, "code")
    for output in outputs(path):
        texts.append("".join(output.get("text", "")))
        data = output.get("data", {}).items()
        texts += [
            re.sub(r"<svg.*?</svg>|base64,[\w+/=]+", "", "".join(text), flags=re.S)
            for kind, text in data
            if kind.startswith("text/")
        ]
    found = {float(number.replace(",", "")) for text in texts for number in NUMBER.findall(text)}
    return found | {100 * number for number in found}


def words(source):
    "Words of prose: without displayed formulas and tables, a formula in a line counts as one."
    text = re.sub(r"\$\$.*?\$\$|^\|.*$", "", source, flags=re.S | re.M)
    return len(re.sub(r"\$[^$]+\$", "formula", text).split())


@cache
def spine():
    "The tour and nine chapters for a reader with three hours: bold in the table of the README."
    table = "\n".join(sources(NBS / "index.ipynb", "markdown"))
    return [NBS / name for name in re.findall(r"^\| \*\*\[[^]]+\]\((.+?)\)\*\* \|", table, re.M)]


def title(path):
    return re.match(r"# (.+)", sources(path, "markdown")[0])[1]


def test_one_order_everywhere():
    "In the listing, in the table of the README, and in the site, which takes each folder as it is."
    names = [path.relative_to(NBS).as_posix() for path in CHAPTERS]
    assert [path.name[:2] for path in CHAPTERS] == sorted({path.name[:2] for path in CHAPTERS})
    assert all(path.name[0] == path.parent.name[0] for path in CHAPTERS)
    index = "\n".join(sources(NBS / "index.ipynb", "markdown"))
    for text, folder in ((index, ""), ((ROOT / "README.md").read_text(encoding="utf-8"), "nbs/")):
        table = re.findall(r"^\|[^|]*\[([^\]]+)\]\(([^)]+\.ipynb)\)", text, re.M)
        assert [link for _, link in table] == [folder + name for name in names]
        assert [text for text, _ in table] == [title(path) for path in CHAPTERS]
    site = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    folders = re.findall(r"contents: (\w+)/\*\.ipynb", site)
    assert folders == sorted({path.parent.name for path in CHAPTERS})


def test_the_map_says_what_each_chapter_needs_and_is_good_for():
    "What it needs are titles of earlier chapters."
    table = "\n".join(sources(NBS / "index.ipynb", "markdown"))
    rows = re.findall(
        r"^\| \S*?\[([^\]]+)\]\([\w/]+\.ipynb\).*? \| .+? \| (.+?) \| (.+?) \|$", table, re.M
    )
    titles = [name for name, *_ in rows]
    assert titles == [title(path) for path in CHAPTERS]
    for name, needs, purpose in rows:
        assert len(purpose) > 3, name
        assert needs == "–" or set(needs.split(", ")) <= set(titles[: titles.index(name)]), name


@pytest.mark.parametrize("path", [*CHAPTERS, NBS / "index.ipynb"], ids=lambda path: path.stem)
def test_links_lead_somewhere_and_are_called_by_title(path):
    for source in sources(path, "markdown"):
        assert not re.search(r"(?<!\), )\b[Cc]hapters? \d+(?!\d| of)", source), (
            source
        )  # but of books
        for text, target, _ in LINK.findall(source):
            assert (path.parent / target).exists(), target
            if target.endswith(".ipynb") and text[:1].isupper():
                title = sources(path.parent / target, "markdown")[0].splitlines()[0]
                assert title == f"# {text}", f"{text!r} leads to {title!r}"


def test_the_spine_is_the_tour_and_nine_chapters():
    assert len(spine()) == 10 and spine()[0].stem == "00_tour"
    assert set(spine()) <= set(CHAPTERS)


@pytest.mark.parametrize("path", spine(), ids=lambda path: path.stem)
def test_a_chapter_of_the_spine_is_short(path):
    "Three hours are enough for all of them; exercises count."
    is_tour = path == spine()[0]
    assert len(cells(path)) <= (35 if is_tour else 60)
    prose = sum(map(words, sources(path, "markdown")))
    assert prose <= 1500, f"{prose} words"


@pytest.mark.parametrize("part", "12345")
def test_a_part_ends_with_a_project(part):
    "Its last exercise is open: a small project, and a rubric of 0, 1 or 2 points a row."
    last = [path for path in CHAPTERS if path.name[0] == part][-1]
    exercises = [text for text in sources(last, "markdown") if "### Exercise" in text]
    assert OPEN.search(exercises[-1]), f"{last.name} ends with a question that is graded"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
class TestChapter:
    def test_opens_with_title_subtitle_and_contract(self, path):
        first = sources(path, "markdown")[0]
        title, _, subtitle = first.splitlines()[:3]
        assert title.startswith("# ")
        assert subtitle.startswith("> ") and subtitle.endswith(".")
        for promise in ("**You need**", "**You get**", "**It takes**"):
            assert promise in first

    def test_ends_with_what_we_have_and_leads_to_the_next(self, path):
        last = sources(path, "markdown")[-1]
        assert last.startswith("## What we have now")
        following = CHAPTERS[CHAPTERS.index(path) + 1 :]
        if following:
            assert following[0].name in last

    def test_its_numbers_come_from_its_cells(self, path):
        "A number in prose stands in a cell of this chapter, or of one that is linked, if rounded."
        unknown = []
        for source in sources(path, "markdown"):
            linked = [path.parent / target for _, target, _ in LINK.findall(source)]
            known = [computed(chapter) for chapter in (path, *linked) if chapter.suffix == ".ipynb"]
            known = {*GIVEN, *range(13)}.union(*known)
            prose = re.sub(NO_FIGURES, "", source, flags=re.M)
            for number in NUMBER.findall(prose):
                plain = number.replace(",", "").rstrip(".")
                digits = len(plain.partition(".")[2])
                if not any(abs(round(one, digits) - float(plain)) < 1e-9 for one in known):
                    unknown.append((number, prose[max(prose.find(number) - 40, 0) :][:80]))
        assert not unknown

    def test_keeps_its_budget(self, path):
        assert path.stat().st_size < 400_000
        assert len(cells(path)) <= 60
        for source in sources(path, "markdown"):
            assert words(source) <= 120, source
        for source in sources(path, "code"):
            limit = 45 if re.search(r"^class ", source, re.M) else 25
            assert "#| export" in source or len(source.splitlines()) <= limit, source

    def test_every_picture_has_alternative_text(self, path):
        for cell in cells(path):
            shown = [output.get("data", {}) for output in cell.get("outputs", ())]
            if any("image/png" in data or "<img " in str(data.get("text/html")) for data in shown):
                assert "#| fig-alt: " in "".join(cell["source"]), cell["id"]

    def test_every_figure_is_described(self, path):
        figures = 0
        for source in sources(path, "code"):
            label, caption, text = (
                f"#| {k}" in source for k in ("label: fig-", "fig-cap", "fig-alt")
            )
            assert label == caption and (text or not label), source  # a solution has no number
            figures += label
        assert figures

    def test_exercises_grade_themselves(self, path):
        "Question, grader (hidden), an answer that is still None, folded solution, check (hidden)."
        found, asked = cells(path), 0
        for i, cell in enumerate(found):
            if not re.search(r"^### Exercise", cell["source"], re.M):
                continue
            asked += 1
            assert f"### Exercise {path.stem[:2]}.{asked}" in cell["source"]
            assert re.search("^Hint: ", cell["source"], re.M)
            if OPEN.search(cell["source"]):
                assert len(RUBRIC.findall(cell["source"])) >= 4, "a rubric has a row per criterion"
                later = [part["source"] for part in found[i + 1 :]]
                assert not any("### Exercise" in source for source in later), "the last one is open"
                continue
            grader, answer, solution, check = found[i + 1 : i + 5]
            texts = [part["source"] for part in (grader, answer, solution, check)]
            assert texts[0].startswith("#| hide") and f"exercise_{asked} = Exercise(" in texts[0]
            assert texts[1].startswith("answer = None") and f"exercise_{asked}(answer)" in texts[1]
            assert "No answer yet" in str(answer["outputs"])
            assert texts[2].startswith("#| code-fold: true")
            assert texts[3].startswith("#| hide") and f"exercise_{asked}.check(" in texts[3]
            for part in (grader, solution):
                assert part["metadata"]["jupyter"]["source_hidden"]
        assert asked

    def test_outputs_are_clean(self, path):
        text = json.dumps(outputs(path))
        assert outputs(path), "no outputs are committed"
        assert not re.search(r"(/root|/home|/tmp|/Users)/", text), "a path of a machine"
        for output in outputs(path):
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output["text"]
            assert "0x" not in str(output.get("data", {}).get("text/plain", "")), "an address"

    def test_no_directive_or_source_reaches_outside(self, path):
        for source in sources(path, "code"):
            own = re.sub(r'(?m)^if "google.colab".*\n +%pip install .*$', "", source)
            assert not re.search(r"https?://|pip install|import \*|pyplot", own)
