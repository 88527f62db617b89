"""The house: modules import downwards, nothing heavy loads by itself, and every part is there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "glyphnb"
LAYERS = [
    {"exercises", "glyphs", "pictures"},
    {"augment", "autoencoder", "compress", "denoise", "film", "latent", "scan"},
    {"applications", "elbo", "morph", "pixels"},
    {"roads", "vae"},
    {"likelihood"},
    {"doubts"},
    {"fonts", "objectives"},
    {"cli"},
]
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}
MODULES = sorted(path for path in PACKAGE.glob("*.py") if not path.stem.startswith("_"))


def imported(path):
    "Names of the glyphnb modules that a module imports, anywhere in it."
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert "*" not in [alias.name for alias in node.names], path
            module = node.module or ""
            if node.level or module.startswith("glyphnb"):
                inner = module.removeprefix("glyphnb").strip(".")
                yield from [inner] if inner else [alias.name for alias in node.names]


def test_every_module_has_a_layer():
    assert {path.stem for path in MODULES} == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_point_down(path):
    for name in imported(path):
        assert LEVEL[name] < LEVEL[path.stem], f"{path.stem} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_public_names_have_docstrings(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path.stem}.{node.name}"


@pytest.mark.parametrize(
    "module",
    ["glyphnb", "glyphnb.cli", "glyphnb.film", "glyphnb.latent", "glyphnb.morph", "glyphnb.roads"],
)
def test_light_modules_load_no_tensorflow(module):
    code = f"import sys, {module}; print(sorted({{'tensorflow', 'keras'}} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_what_the_user_set_stays():
    code = "import os, glyphnb; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    for given, kept in (({}, "1"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "0")):
        found = subprocess.check_output([sys.executable, "-c", code], env=given, text=True)
        assert found.strip() == kept


@pytest.mark.parametrize(
    "name",
    "README.md LICENSE CHANGELOG.md CONTRIBUTING.md Makefile settings.ini setup.py constraints.txt "
    "_quarto.yml nbs/_quarto.yml nbs/index.ipynb glyphnb/static/vae.npz .ci/run "
    ".github/workflows/test.yml".split(),
)
def test_layout(name):
    assert (ROOT / name).is_file()


def test_the_shipped_model_is_small():
    assert (PACKAGE / "static" / "vae.npz").stat().st_size < 1_000_000
