"""cli.main: help that is fast and whole, one line for what is wrong, and a traceback for a bug."""

import inspect
import os
import re
import subprocess
import sys
import warnings

import pytest
from fastcore.docments import docments

from glyphnb.cli import image_folders
from glyphnb.cli.films import morph
from glyphnb.cli.image_folders import colorize, compress, decompress, denoise, reduce, tint
from glyphnb.cli.main import main
from glyphnb.cli.models import demo, doctor
from glyphnb.cli.own_letters import complete, letters, scan, sheet
from glyphnb.cli.own_models import grid, reconstruct, sample, train
from glyphnb.cli.pages import explore

COMMANDS = [
    demo, sheet, scan, letters, train, sample, grid, reconstruct, morph, doctor, complete, explore,
    denoise, compress, decompress, reduce, tint, colorize,
]  # fmt: skip


def test_help_loads_nothing_heavy():
    heavy = {"tensorflow", "keras", "torch", "jax", "scipy", "sklearn", "skimage", "matplotlib"}
    code = "import sys; from glyphnb.cli.main import make_app; make_app();"
    code += f"print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_help_tells_every_option_with_the_comment_beside_it(command, glyphnb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = glyphnb(command.__name__, "--help")
    text = " ".join(re.sub("[│╭╮╰╯─]", " ", done.out).split())
    assert done.status == 0 and "Examples:" in text
    for name, entry in docments(inspect.unwrap(command), full=True, returns=False).items():
        assert f"--{name.replace('_', '-')} " in text
        assert entry.docment and entry.docment in text, name
        if isinstance(entry.default, (str, int, float)) and entry.default is not False:
            assert f"[default: {entry.default}]" in text


@pytest.mark.parametrize("command", ["", *(command.__name__ for command in COMMANDS)])
def test_help_fits_into_a_terminal(command, glyphnb, monkeypatch):
    "No example breaks: each line of it can be copied."
    monkeypatch.setenv("COLUMNS", "80")
    text = glyphnb(*command.split(), "--help").out
    examples = [line for line in text.splitlines() if line.startswith("  glyphnb ")]
    assert examples and max(map(len, text.splitlines())) <= 80
    own = f"glyphnb {command} "
    assert all(line.strip().startswith(own) for line in examples if command)
    after = text[text.index("Examples:") :].splitlines()[2:]
    for line in after[: len(examples)]:
        assert line in examples


def test_the_version_comes_with_the_settings_that_matter(glyphnb):
    assert re.match(r"glyphnb \d+\.\d+.*\n(\w+=.*\n)+", glyphnb("--version").out)


def test_bad_usage_is_said_in_one_line(here, refused):
    refused(["dance"], "dance")
    refused(["demo", "--samples", "many"], "samples", "many")
    refused(["reduce", "four", "--method", "magic"], "method", "magic")
    refused(["scan", "sheet.jpg"], "--out")
    refused(["demo", "--sample", "5"], "--sample")


def test_an_error_names_the_option_that_was_typed(here, refused):
    refused(["demo", "--samples", "5"], "--samples must be at least 100")
    refused(["morph", "بق", "--steps", "1"], "--steps")
    refused(["compress", "x", "--receiver-has-model"], "--receiver-has-model needs a --model")


def test_debug_adds_the_traceback_of_an_error(here, glyphnb):
    done = glyphnb("compress", "nowhere", "--debug")
    assert done.status == 2 and "Traceback" in done.err and "nowhere" in done.err
    assert done.err.splitlines()[-1].startswith("glyphnb: error: ")


def test_a_bug_keeps_its_traceback(here, monkeypatch):
    def broken(*_, **__):
        raise TypeError("a mistake of ours")

    monkeypatch.setattr("glyphnb.letters.folders.read_greys", broken)
    for words in (["tint", "x"], ["denoise", "x"]):
        with pytest.raises(TypeError, match="of ours"):
            main(words)
    monkeypatch.setattr("glyphnb.letters.folders.read_greys", lambda *_, **__: [][1])
    with pytest.raises(IndexError):
        main(["tint", "x"])


def test_an_interrupt_is_no_error(here, glyphnb, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("glyphnb.letters.folders.read_greys", interrupted)
    done = glyphnb("tint", "x")
    assert done.status == 130 and "interrupted" in done.err and "Traceback" not in done.err


def test_warnings_are_as_before_when_it_is_done(here):
    shown, filters = warnings.showwarning, list(warnings.filters)
    for words in (["compress", "nowhere"], ["--help"], ["--version"]):
        main(words)
        assert warnings.showwarning is shown and warnings.filters == filters


def test_a_warning_of_ours_is_one_line_and_others_look_as_always(here, glyphnb, monkeypatch):
    from glyphnb import GlyphnbWarning

    def warn(*_, **__):
        warnings.warn("look at this", GlyphnbWarning, stacklevel=2)
        warnings.warn("an old friend", RuntimeWarning, stacklevel=2)
        return {}

    monkeypatch.setattr("glyphnb.letters.folders.read_greys", warn)
    monkeypatch.setattr(image_folders, "write_greys", lambda *_: None)
    monkeypatch.setattr(image_folders, "recorded_labels", lambda *_: {})
    with pytest.warns(RuntimeWarning, match="an old friend"):
        done = glyphnb("denoise", "x")
    assert done.err == "glyphnb: look at this\n"


def test_a_terminal_without_the_letters_shows_what_it_can(run, tmp_path):
    done = run("morph", "Qz", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 2 and "Traceback" not in done.stderr and "got Q" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize("n", [1, 60, 120, 180])
def test_an_interrupt_while_the_commands_load_is_one_line(n, run, tmp_path):
    "Ctrl-C as the n-th module is looked for, from the first module of the command line on."
    tmp_path.joinpath("sitecustomize.py").write_text(f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which background jobs ignore
class Finder:
    seen = 0
    def find_spec(self, name, path=None, target=None):
        self.seen += name == "glyphnb.cli" or self.seen > 0
        if self.seen == {n}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
""")
    done = run("--help", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "glyphnb: interrupted; no file was left half-written\n"
