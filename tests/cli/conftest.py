"""One demo for all tests of commands: most of their time is in it."""

from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def demo(run, tmp_path_factory):
    "`glyphnb demo` on ten letters and 120 images: its folder, what it said, and its words."
    place = tmp_path_factory.mktemp("demo")
    words = ["demo", "--letters", "a-j", "--samples", "120", "--seed", "3", "--out", "made"]
    words += ["--epochs", "20", "--hold-out", "c"]
    said = run(*words, cwd=place)
    assert said.returncode == 0, said.stderr
    return SimpleNamespace(out=place / "made", said=said, words=words)
