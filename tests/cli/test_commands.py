"""cli.commands."""

import gc
import inspect
import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Literal, get_args

import pytest
from cyclopts import App, Parameter

from glyphnb.cli.commands import Steps, documented, run_app
from glyphnb.letters.glyphs import GlyphnbError


def greet(
    name: str,  # Whom to greet
    *,
    out: Path = Path("greeting.txt"),  # File to write
    style: Literal["warm", "cool"] = "warm",  # How
    loud: bool = False,  # In capitals
):
    "Greet someone."
    if not name:
        raise GlyphnbError("`name` must not be empty, got ''")
    print(f"{style} {name.upper() if loud else name} {out}")


@pytest.fixture
def app():
    app = App("hall", help="A hall.")
    app.command(documented(greet))
    return app


def test_comments_are_the_help_of_options():
    documented(greet)
    for name, text in {
        "name": "Whom to greet",
        "out": "File to write",
        "loud": "In capitals",
    }.items():
        kind, parameter = get_args(greet.__annotations__[name])
        assert isinstance(parameter, Parameter) and parameter.help == text
    assert inspect.signature(greet).parameters["style"].default == "warm"


def test_an_option_has_its_long_name_and_some_a_short_one(app, capsys):
    assert run_app(app, ["greet", "Ada", "-o", "a.txt", "--loud", "--style", "cool"]) == 0
    assert capsys.readouterr().out == "cool ADA a.txt\n"
    assert run_app(app, ["greet", "--name", "Ada", "--out", "a.txt"]) == 0
    assert capsys.readouterr().out == "warm Ada a.txt\n"


def test_a_parameter_in_a_message_is_called_as_its_option(app, capsys):
    assert run_app(app, ["greet", ""]) == 2
    assert capsys.readouterr().err == "glyphnb: error: --name must not be empty, got ''\n"


def test_words_that_are_left_over_are_named(app, capsys):
    assert run_app(app, ["greet", "Ann", "Bob", "Cy"]) == 2
    said = "glyphnb: error: greet cannot use Bob Cy without its option; see glyphnb greet --help\n"
    assert capsys.readouterr().err == said


def test_steps_are_counted(capsys):
    step = Steps(2)
    step("one")
    step("two")
    assert capsys.readouterr().out == "[1/2] one\n[2/2] two\n"


@pytest.mark.skipif(os.name != "posix", reason="pipes are those of POSIX")
@pytest.mark.parametrize("words", ["letters --letters abc --out drawn", "--help"])
def test_a_reader_who_leaves_stops_no_work(tmp_path, words):
    read, write = os.pipe()
    os.close(read)  # as `head` does when it has seen enough
    code = "import sys; from glyphnb.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *words.split()]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, cwd=tmp_path)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "help" in words or len(list((tmp_path / "drawn").glob("*.png"))) == 3


def test_a_program_without_a_console_runs_commands(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdout", None)
    app = App(name="glyphnb")
    app.command(lambda: (tmp_path / "done").touch(), name="work")
    assert run_app(app, ["work"]) == 0 and (tmp_path / "done").exists()


def test_keras_loads_without_a_word():
    "Not even of the graphics cards that TensorFlow looks for, at its first operation."
    code = "from glyphnb.cli.commands import quiet_keras; quiet_keras(); import sys; import keras"
    code += "; keras.ops.zeros(1); print('loaded')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("loaded\n", "")


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("place", ["a_gc_callback", "a weak reference"])
def test_an_interrupt_that_python_drops_is_repeated(place):
    "JAX has a callback of the collector; what is raised in it, Python drops."
    cleaned = []

    def a_gc_callback(phase, _):
        if phase == "start":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    def busy():
        if place == "a_gc_callback":
            gc.callbacks.append(a_gc_callback)
            gc.collect()
            gc.callbacks.remove(a_gc_callback)
        else:
            thing = {1, 2}
            watch = weakref.ref(thing, lambda _: a_gc_callback("start", None))
            del thing
            assert watch() is None
        try:
            time.sleep(60)
        finally:
            time.sleep(0.5)  # longer than it takes to repeat an interrupt
            cleaned.append(place)

    app, start = App(), time.monotonic()
    app.default(busy)
    # A shell makes its background jobs ignore interrupts, and this may be one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert run_app(app, []) == 130 and time.monotonic() - start < 30
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert cleaned == [place]


def test_a_parameter_that_is_no_option_keeps_its_name(capsys):
    def reduce():
        raise GlyphnbError("`ink` must hold at least 4 glyphs, got 2")

    app = App()
    app.default(reduce)
    assert run_app(app, []) == 2
    assert capsys.readouterr().err == "glyphnb: error: ink must hold at least 4 glyphs, got 2\n"
