"""What users install: the wheel, built from the source archive, in an environment of its own."""

import email
import os
import re
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
    notebooks = (path for path in (ROOT / "nbs").rglob("*.ipynb") if "checkpoint" not in path.name)
    assert {path.relative_to(ROOT).as_posix() for path in notebooks} <= names


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_links_and_pictures_of_the_readme_work_on_pypi(wheel):
    "Each is absolute, and leads to what is here; and so do the links beside it."
    facts = metadata(wheel)
    links = re.findall(r"\]\(([^)\s]+)\)", facts.get_payload(decode=True).decode())
    assert len(links) > 50
    for link in links:
        assert link.startswith(("https://", "#")), link
        path = re.match(r"https://github.com/glyphnb/glyphnb/(blob|raw)/main/(.+)", link)
        assert path is None or (ROOT / path[2]).is_file(), link
        assert not link.endswith((".gif", ".png")) or "/raw/" in link, link
    urls = dict(line.split(", ") for line in facts.get_all("Project-URL"))
    assert set(urls) >= {"Source", "Changes", "Issues"}


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    "Install the wheel in an environment of its own, with extras: the folder of its programs."
    home, uv = tmp_path_factory.mktemp("installed"), Path(sys.executable).with_name("uv")
    call(uv, "venv", "--quiet", "--python", sys.executable, "env", cwd=home)
    programs = home / "env" / Path(sys.executable).parent.name

    def environment(extras="", *more):
        install = [uv, "pip", "install", "--quiet", "--python", programs / "python"]
        install += ["-c", ROOT / "constraints.txt"]
        call(*install, f"{wheel}{extras}", *more, cwd=home)
        return programs

    return environment


def outside(programs):
    "Variables of a shell in which only this environment is activated."
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "TQDM_DISABLE": "1"}


def test_a_plain_installation_is_light_and_works(environment, tmp_path):
    programs = environment()
    said = call(programs / "python", ROOT / "tools" / "light", cwd=tmp_path, env=outside(programs))
    assert "MB in" in said


def test_it_works_where_only_it_is_installed(environment, tmp_path):
    "The demo, and a chapter in an empty folder."
    programs = environment("[tensorflow]", "nbclient", "ipykernel")
    env = outside(programs)
    code = "import glyphnb; print(glyphnb.__file__)"
    assert str(programs.parent) in call(programs / "python", "-c", code, cwd=tmp_path, env=env)
    words = "demo --samples 100 --epochs 2 --out out".split()
    call(programs / "glyphnb", *words, cwd=tmp_path, env=env)
    assert (tmp_path / "out" / "index.html").is_file()
    call(programs / "glyphnb", "morph", "ج", "ق", "--steps", "5", cwd=tmp_path, env=env)
    chapter = ROOT / "nbs" / "1_letters" / "10_glyphs.ipynb"
    call(programs / "python", ROOT / "tools" / "spine", chapter, cwd=tmp_path, env=env)
