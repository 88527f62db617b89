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
    done = renumber(house, "43", "41")
    assert done.returncode == 0, done.stderr
    assert "nbs/4_latent/43_geodesics.ipynb is now nbs/4_latent/41_geodesics.ipynb" in done.stdout
    assert "40_plane.ipynb ends without a link to 41_geodesics.ipynb" in done.stdout
    after = contents(house)
    assert set(before) - set(after) == {"nbs/4_latent/43_geodesics.ipynb"}
    assert b"43_geodesics" not in written_by_hand(after)
    moved = after["nbs/4_latent/41_geodesics.ipynb"].decode()
    assert "### Exercise 41.1" in moved and "grader-41-1" in moved and "-43-" not in moved
    assert not list(dead_links(house))
    assert table(house) == sorted(table(house)) and "41" in table(house)
    assert renumber(house, "41", "43").returncode == 0
    assert contents(house) == before  # and back, byte by byte


def test_a_chapter_moves_into_another_part_with_its_module_and_its_test(house):
    before = contents(house)
    assert renumber(house, "24", "39").returncode == 0
    after = contents(house)
    for name in ("nbs/3_vae/39_redraw.ipynb", "glyphnb/vae/redraw.py", "tests/vae/test_redraw.py"):
        assert name in after
    assert b"default_exp vae.redraw" in after["nbs/3_vae/39_redraw.ipynb"]
    assert b"glyphnb.autoencoders.redraw" not in written_by_hand(after)
    assert b"from .autoencoders.redraw" not in after["glyphnb/__init__.pyi"]
    assert not list(dead_links(house))
    assert renumber(house, "39", "24").returncode == 0
    assert contents(house) == before


@pytest.mark.parametrize(
    "words, named",
    [((), "old and the new"), (("4", "5"), "old and the new"), (("56", "57"), "no chapter 56")]
    + [(("42", "43"), "taken by nbs/4_latent/43"), (("42", "82"), "no part 8")],
)
def test_what_cannot_move_stays(house, words, named):
    before = contents(house)
    done = renumber(house, *words)
    assert done.returncode == 1 and named in done.stderr and done.stderr.count("\n") == 1
    assert contents(house) == before
