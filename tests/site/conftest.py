"""What the tests of the site look at."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools" / "site"))  # the adapter, which is no package


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    "The whole site, built once: a warning of Sphinx is an error."
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "site", "--out", folder / "out"],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert made.stderr == ""
    assert str(folder / "out" / "index.html") in made.stdout
    return folder / "out"
