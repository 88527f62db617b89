"""cli.main."""

import inspect
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from glyphnb import cli

GLYPHNB = str(Path(sys.executable).with_name("glyphnb"))


def run(*words, cwd, **environment):
    return subprocess.run(
        [GLYPHNB, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )


def fails_with_one_line(done, *words):
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("glyphnb: error: "), done.stderr
    for word in words:
        assert str(word) in lines[0]


def test_help_is_fast_and_has_examples(tmp_path):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        done = run("--help", cwd=tmp_path)
        times.append(time.perf_counter() - start)
    assert done.returncode == 0 and "examples:" in done.stdout
    assert min(times) < 0.5
    code = "import sys, glyphnb.cli; glyphnb.cli.make_parser(); print('numpy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


COMMANDS = [name.removeprefix("run_") for name in cli.__all__ if name.startswith("run_")]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_every_argument_of_the_function(command, capsys):
    with pytest.raises(SystemExit) as done:
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert done.value.code == 0 and f"\n  glyphnb {command} " in text
    own = {"letter_set": "--set", "k": "-k", "model": "MODEL" if command == "doctor" else "--model"}
    for name, parameter in inspect.signature(getattr(cli, f"run_{command}")).parameters.items():
        if parameter.default is not parameter.empty:  # without the others, nothing runs
            assert own.get(name, f"--{name.replace('_', '-')}") in text
        if isinstance(parameter.default, (str, int, float)) and parameter.default is not False:
            assert f"(default: {parameter.default})" in " ".join(text.split())


@pytest.mark.parametrize(
    "words, named",
    [
        (["--images", "absent"], "absent"),
        (["--images", "empty"], "empty"),
        (["--images", "file.txt"], "file.txt"),
        (["--font", "file.txt"], "file.txt"),
        (["--font", "absent.ttf"], "absent.ttf"),
        (["--letters", "中"], "中"),
        (["--letters", "a"], "letters"),
        (["--samples", "5"], "samples"),
        (["--images", "empty", "--letters", "ab"], "images"),
        (["--out", "file.txt"], "file.txt"),
        (["--out", "theirs"], "theirs"),
        (["--out", "file.txt/inside"], "file.txt"),
    ],
)
def test_bad_input_gets_one_line(tmp_path, words, named):
    (tmp_path / "empty").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("years of work")
    (tmp_path / "file.txt").write_text("text")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    fails_with_one_line(run("demo", *words, cwd=tmp_path), named)
    after = sorted(path.name for path in tmp_path.rglob("*"))
    assert after == before
    assert (tmp_path / "theirs" / "thesis.tex").read_text() == "years of work"


def test_bad_usage_exits_with_2(tmp_path):
    for words in ([], ["dance"], ["demo", "--samples", "many"]):
        assert run(*words, cwd=tmp_path).returncode == 2
