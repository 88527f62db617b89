"""tools/renumber: a chapter moves, and everything that speaks of it follows."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:|data:|#)([^)#\s]+)")


@pytest.fixture
def house(tmp_path):
    "A copy of everything that speaks of chapters."
    for folder in ("nbs", "glyphnb", "tools", "tests", "benchmarks"):
        ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "static")
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=ignore)
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def renumber(house, *words):
    command = [sys.executable, house / "tools" / "renumber", *words]
    return subprocess.run(command, capture_output=True, text=True)


def contents(house):
    files = [path for path in house.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(house).as_posix(): path.read_bytes() for path in files}


def written_by_hand(files):
    "All text but that of modules, which notebooks export, of this test, and of the log of changes."
    other = ("glyphnb/", "tests/tools/", "tools/renumber", "CHANGELOG.md")
    return b"\n".join(text for name, text in files.items() if not name.startswith(other))


def dead_links(house):
    for path in [*house.glob("nbs/**/*.ipynb"), house / "README.md"]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        for target in LINK.findall(text):
            if not (path.parent / target).exists():
                yield path.name, target


def table(house):
    "Numbers of the chapters, as the README lists them."
    text = (house / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^\|.*?/(\d\d)_\w+\.ipynb\)", text, re.M)


def test_a_chapter_moves_within_its_part(house):
    before = contents(house)
    done = renumber(house, "53", "58")
    assert done.returncode == 0, done.stderr
    assert "nbs/5_judge/53_report.ipynb is now nbs/5_judge/58_report.ipynb" in done.stdout
    assert "56_better.ipynb ends without a link to 58_report.ipynb" in done.stdout
    after = contents(house)
    assert set(before) - set(after) == {"nbs/5_judge/53_report.ipynb"}
    assert b"53_report" not in written_by_hand(after)
    moved = after["nbs/5_judge/58_report.ipynb"].decode()
    assert "### Exercise 58.1" in moved and "grader-58-1" in moved and "-53-" not in moved
    assert not list(dead_links(house))
    assert table(house) == sorted(table(house)) and "58" in table(house)
    assert renumber(house, "58", "53").returncode == 0
    assert contents(house) == before  # and back, byte by byte


def test_a_chapter_moves_into_another_part_with_its_module_and_its_test(house):
    before = contents(house)
    assert renumber(house, "24", "57").returncode == 0
    after = contents(house)
    for name in (
        "nbs/5_judge/57_redraw.ipynb",
        "glyphnb/judge/redraw.py",
        "tests/judge/test_redraw.py",
    ):
        assert name in after
    assert b"default_exp judge.redraw" in after["nbs/5_judge/57_redraw.ipynb"]
    assert b"glyphnb.autoencoders.redraw" not in written_by_hand(after)
    assert b"from .autoencoders.redraw" not in after["glyphnb/__init__.pyi"]
    assert not list(dead_links(house))
    assert renumber(house, "57", "24").returncode == 0
    assert contents(house) == before


@pytest.mark.parametrize(
    "words, named",
    [((), "old and the new"), (("4", "5"), "old and the new"), (("57", "59"), "no chapter 57")]
    + [(("42", "43"), "taken by nbs/4_latent/43"), (("42", "82"), "no part 8")],
)
def test_what_cannot_move_stays(house, words, named):
    before = contents(house)
    done = renumber(house, *words)
    assert done.returncode == 1 and named in done.stderr and done.stderr.count("\n") == 1
    assert contents(house) == before
