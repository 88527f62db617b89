"""The house: a notebook for each module, imports from earlier chapters, nothing heavy unasked."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "glyphnb"
MODULES = sorted(PACKAGE.glob("*/[a-z]*.py"))
APPENDIX = 90  # chapters from here on may be used by all, and use letters only


def name_of(path):
    return f"{path.parent.name}.{path.stem}"


@cache
def chapters():
    "Name of a module to the number of the chapter that exports it."
    found = {}
    for path in sorted((ROOT / "nbs").glob("*/*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            target = re.match(r"#\| default_exp (\S+)", "".join(cell["source"]))
            if target:
                part, module = path.parent.name[2:], path.stem[3:]
                assert target[1] == f"{part}.{module}", path
                found[target[1]] = int(path.stem[:2])
    return found


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    "Pairs of a glyphnb module and a name that a module imports from it, anywhere in it."
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 1:
                module = f"{path.parent.name}.{module}"
            elif node.level == 0 and not module.startswith("glyphnb."):
                continue
            module = module.removeprefix("glyphnb.")
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield (whole, None) if whole in chapters() else (module, alias.name)


def test_every_chapter_has_its_module_and_every_module_its_chapter():
    assert {name_of(path) for path in MODULES} == set(chapters())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_builds_on_earlier_chapters_only(path):
    number = chapters()[name_of(path)]
    for module, _ in imported(path):
        used = chapters()[module]
        if number >= APPENDIX:
            assert module.startswith("letters.") or APPENDIX <= used < number, module
        else:
            assert used < number or used >= APPENDIX, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_uses_public_names_of_others(path):
    for module, name in imported(path):
        assert name is None or not name.startswith(("_", "*")), f"{module}.{name}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_can_be_read_at_a_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def public_functions(path):
    "Functions and methods that people call, with their names."
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    yield node.name, method


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_public_names_have_docstrings(path):
    for node in tree(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_comment_describes_each_parameter_on_its_own_line(path):
    "Where an annotation breaks, the comment would go to the next parameter in every documentation."
    lines = path.read_text(encoding="utf-8").splitlines()
    for name, function in public_functions(path):
        every = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        own = [arg for arg in every if arg.arg not in ("self", "cls")]
        if len(own) and own[0].lineno != function.lineno:  # one line holds all: a docstring does
            for arg in own:
                assert "  # " in lines[arg.lineno - 1], f"{name}: {arg.arg}"


HEAVY = {
    "tensorflow",
    "keras",
    "torch",
    "jax",
    "scipy",
    "sklearn",
    "skimage",
    "matplotlib",
    "moviepy",
}
WITH_KERAS = {
    "autoencoders": {"networks", "autoencoder", "training", "denoise"},
    "vae": {"elbo", "vae", "pixel_likelihoods", "objectives", "conditional", "interpolation"},
    "judge": {"likelihood", "diagnostics", "ruler", "report", "comparison"},
}


def test_light_modules_load_nothing_heavy():
    light = [
        f"glyphnb.{name_of(path)}"
        for path in MODULES
        if path.stem not in WITH_KERAS.get(path.parent.name, ())
    ]
    code = f"import sys, glyphnb, {', '.join(light)}; print(sorted({HEAVY} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_the_modules_that_teach_keras_load_it():
    "So that the list above stays true."
    for part, names in WITH_KERAS.items():
        for name in names:
            assert re.search(
                r"^(import|from) keras|import .*\bVAE\b|(autoencoder|diagnostics) import",
                (PACKAGE / part / f"{name}.py").read_text(),
                re.M,
            ), name


def test_the_names_at_the_top_come_when_they_are_asked_for():
    code = "import sys, glyphnb; assert 'numpy' not in sys.modules; glyphnb.lerp, glyphnb.GlyphSet;"
    code += "assert 'keras' not in sys.modules; print(len(glyphnb.__all__))"
    assert int(subprocess.check_output([sys.executable, "-c", code], text=True)) > 40
    import glyphnb

    for name in glyphnb.__all__:
        value = getattr(glyphnb, name)
        assert getattr(value, "__module__", "glyphnb.").startswith("glyphnb."), name


def test_what_the_user_set_stays():
    code = "import os, glyphnb; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    for given, kept in (({}, "1"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "0")):
        found = subprocess.check_output([sys.executable, "-c", code], env=given, text=True)
        assert found.strip() == kept


@pytest.mark.parametrize(
    "name",
    "README.md LICENSE CHANGELOG.md CONTRIBUTING.md Makefile settings.ini setup.py constraints.txt "
    "_quarto.yml nbs/_quarto.yml nbs/index.ipynb glyphnb/static/vae.npz glyphnb/py.typed .ci/run "
    ".github/workflows/test.yml".split(),
)
def test_layout(name):
    assert (ROOT / name).is_file()


def test_tests_stand_where_the_modules_do():
    for path in sorted((ROOT / "tests").glob("*/test_*.py")):
        if path.parent.name not in ("tools", "site"):  # whose code is in tools/
            assert (PACKAGE / path.parent.name / f"{path.stem[5:]}.py").is_file(), path


def test_the_shipped_model_is_small():
    assert (PACKAGE / "static" / "vae.npz").stat().st_size < 1_000_000
