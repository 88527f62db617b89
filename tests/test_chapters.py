"""Every chapter keeps the anatomy and the budgets of the course, and its outputs can be read."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "nbs").glob("[0-9]*.ipynb"))


def cells(path, kind=None):
    found = json.loads(path.read_text())["cells"]
    return [cell for cell in found if kind in (None, cell["cell_type"])]


def sources(path, kind):
    return ["".join(cell["source"]) for cell in cells(path, kind)]


def outputs(path):
    return [output for cell in cells(path, "code") for output in cell["outputs"]]


def test_all_are_there_and_in_the_site():
    site = (ROOT / "_quarto.yml").read_text()
    numbers = [path.name[:2] for path in CHAPTERS]
    assert set(numbers) >= {f"{n:02}" for n in (*range(10), 12)}
    for path in CHAPTERS:
        assert path.name in site
        assert path.name in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
class TestChapter:
    def test_opens_with_title_subtitle_and_contract(self, path):
        first = sources(path, "markdown")[0]
        title, _, subtitle = first.splitlines()[:3]
        assert title.startswith("# ")
        assert subtitle.startswith("> ") and subtitle.endswith(".")
        for promise in ("**You need**", "**You get**", "**It takes**"):
            assert promise in first

    def test_ends_with_what_we_have(self, path):
        assert sources(path, "markdown")[-1].startswith("## What we have now")

    def test_keeps_its_budget(self, path):
        assert path.stat().st_size < 700_000
        for source in sources(path, "code"):
            # A class stays in one cell; the longest holds every objective, in place of subclasses.
            limit = 130 if re.search(r"^class ", source, re.M) else 55
            assert len(source.splitlines()) <= limit, source[:200]

    def test_every_figure_is_described(self, path):
        figures = 0
        for source in sources(path, "code"):
            assert (
                ("#| fig-cap" in source) == ("#| fig-alt" in source) == ("#| label: fig-" in source)
            )
            figures += "#| label: fig-" in source
        assert figures

    def test_exercises_grade_themselves(self, path):
        "Question, grader (hidden), an answer that is still None, folded solution, check (hidden)."
        found, asked = cells(path), 0
        for i, cell in enumerate(found):
            if not re.search(r"^### Exercise", "".join(cell["source"]), re.M):
                continue
            asked += 1
            grader, answer, solution, check = found[i + 1 : i + 5]
            texts = ["".join(part["source"]) for part in (grader, answer, solution, check)]
            assert texts[0].startswith("#| hide") and f"exercise_{asked} = Exercise(" in texts[0]
            assert texts[1].startswith("answer = None") and f"exercise_{asked}(answer)" in texts[1]
            assert "No answer yet" in str(answer["outputs"])
            assert texts[2].startswith("#| code-fold: true")
            assert texts[3].startswith("#| hide") and f"exercise_{asked}.check(" in texts[3]
            for part in (grader, solution):
                assert part["metadata"]["jupyter"]["source_hidden"]
        assert asked >= 3

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
            assert not re.search(r"https?://|pip install|import \*|pyplot", source)
