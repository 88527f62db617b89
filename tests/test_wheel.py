"""What users install: the wheel, built from the source archive, in an environment of its own."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def call(*words, cwd, **options):
    done = subprocess.run(list(map(str, words)), cwd=cwd, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    "The wheel, built from the sdist, so that the sdist is known to be complete."
    place = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--installer", "uv", "--outdir", place, ROOT, cwd=place)
    return next(place.glob("*.whl"))


def test_the_wheel_has_the_static_files(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    package = ROOT / "glyphnb"
    static = [path for path in (package / "static").iterdir() if path.is_file()]
    for path in [*package.rglob("*.py"), package / "__init__.pyi", package / "py.typed", *static]:
        assert path.relative_to(ROOT).as_posix() in names


def test_the_source_archive_has_the_notebooks(wheel):
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "nbs").rglob("*.ipynb")} <= names


def test_it_works_where_only_it_is_installed(wheel, tmp_path):
    uv = Path(sys.executable).with_name("uv")
    call(uv, "venv", "--quiet", "--python", sys.executable, "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    call(
        uv, "pip", "install", "--quiet", "--python", python, "-c", constraints, wheel, cwd=tmp_path
    )
    command, clean = python.with_name("glyphnb"), {"PATH": os.environ["PATH"]}
    assert "demo" in call(command, "--help", cwd=tmp_path, env=clean)
    code = "import glyphnb; print(glyphnb.__file__)"
    assert str(tmp_path) in call(python, "-c", code, cwd=tmp_path, env=clean)
    call(
        command,
        "demo",
        "--samples",
        "100",
        "--epochs",
        "2",
        "--out",
        "out",
        cwd=tmp_path,
        env=clean,
    )
    assert (tmp_path / "out" / "index.html").is_file()
    call(command, "morph", "ج", "ق", "--steps", "5", cwd=tmp_path, env=clean)
