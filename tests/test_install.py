"""A small installation: what works without the extras, and what says how to get them."""

import ast
import json
import os
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "nbs").glob("[0-9]*/[0-9]*.ipynb"))
# Packages that are imported by another name than they are installed by.
IMPORTED = {"scikit-image": "skimage", "scikit-learn": "sklearn", "pot": "ot", "pillow": "PIL"}
IMPORTED |= {"zxing-cpp": "zxingcpp", "augmentor": "Augmentor", "fonttools": "fontTools"}
# What these packages bring along, and glyphnb counts on.
BROUGHT = {
    "": {"markupsafe", "rich"},
    "tools": {"imageio_ffmpeg"},
    "notebooks": {"IPython", "traitlets"},
}

WITHOUT = """
import sys
import glyphnb

class Without:  # a finder as it would be if these packages were not installed
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {names}:
            return self.finder.find_spec(name, path, target)

sys.meta_path[:-1] = map(Without, sys.meta_path[:-1])  # the last one is that of glyphnb
"""


def groups():
    "Packages that settings.ini lists for each extra, as they are imported; '' is for all."
    config = ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    found = {}
    for key, words in config["DEFAULT"].items():
        if key.endswith("requirements"):
            packages = re.findall(r"(?:^|\s)([\w-]+)", words)
            extra = key.removesuffix("requirements").rstrip("_")
            found[extra] = {IMPORTED.get(name, name) for name in packages} | BROUGHT.get(
                extra, set()
            )
    return found


def imports(tree):
    "Packages that a program imports, anywhere in it."
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found


EXTRAS = set().union(*(names for extra, names in groups().items() if extra not in ("", "dev")))


def run_without(names, code, *words, cwd):
    "Run code in a fresh interpreter that does not find some packages."
    code = WITHOUT.format(names=set(names)) + code
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True
    )


def glyphnb_without(names, *words, cwd):
    code = "from glyphnb.cli.main import main; sys.exit(main())"
    return run_without(names, code, *words, cwd=cwd)


@pytest.mark.parametrize(
    "words",
    ["--help", "morph ج ق --steps 4 --out film.gif", "letters --letters abc --out drawn"],
    ids=lambda words: words.split()[0],
)
def test_films_and_letters_need_no_extra(words, tmp_path):
    done = glyphnb_without(EXTRAS, *words.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--help" in words or any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words, extra",
    [
        ("morph ج ق --steps 4 --out film.mp4", "tools"),
        ("morph ج ق --steps 4 --path geodesic", "tools"),
        ("doctor", "tensorflow"),
    ],
)
def test_a_missing_extra_is_named_in_one_line_with_its_command(words, extra, tmp_path):
    done = glyphnb_without(EXTRAS, *words.split(), cwd=tmp_path)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("glyphnb: error: ") and f"pip install 'glyphnb[{extra}]'" in last
    assert "Traceback" not in done.stderr and not any(tmp_path.iterdir())


def test_in_python_too_and_only_what_glyphnb_imports(tmp_path):
    done = run_without(EXTRAS, "from glyphnb import VAE", cwd=tmp_path)
    assert "pip install 'glyphnb[tensorflow]'" in done.stderr.splitlines()[-1]
    done = run_without(EXTRAS, "import keras", cwd=tmp_path)  # of the user
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'keras'"
    code = "from importlib.util import find_spec; assert find_spec('no_such_package') is None"
    assert run_without([], code, cwd=tmp_path).returncode == 0


def test_every_package_that_is_imported_is_in_a_group():
    "Those of the base are never missing; each of the others leads to its extra."
    import glyphnb

    known, imported = groups(), set()
    for path in (ROOT / "glyphnb").glob("*/*.py"):
        imported |= imports(ast.parse(path.read_text(encoding="utf-8")))
    others = imported - set(sys.stdlib_module_names) - known[""] - {"glyphnb"}
    assert others <= EXTRAS
    assert others - set(glyphnb._EXTRAS) == set()
    for name, extra in glyphnb._EXTRAS.items():
        if extra in ("tools", "notebooks"):
            assert name in known[extra], name


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_needs_nothing_but_the_installed_package(path):
    "No package for developers, and no file of the repository."
    known, imported = groups(), set()
    users = set().union(*(names for extra, names in known.items() if extra != "dev"))
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(line for line in cell["source"] if not line.startswith("%"))
        if cell["cell_type"] == "code" and "google.colab" not in source:
            imported |= imports(ast.parse(source))
            assert not re.search(r"""["'/](tests|benchmarks|nbs|tools)/|__file__""", source)
    allowed = users | set(sys.stdlib_module_names) | {"glyphnb"}
    assert imported <= allowed, imported - allowed


def test_tensorflow_loads_without_a_word_and_says_what_matters(tmp_path):
    "Its notes about the machine go; a message of another kind stays."
    code = "import glyphnb, keras; keras.ops.zeros(1)"
    # JAX, which other tests load, has a wish of its own for the level of notes.
    env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'I0000 00:00:1.5 99 port.cc:153] oneDNN custom operations are on.\\n')\n"
        "os.write(2, b'2025-08-01 10:00:00.1: E cuda_dnn: Unable to register cuDNN factory: "
        "Attempting to register factory for plugin cuDNN\\n')\n"
        "os.write(2, b'the disk is full\\n')\n"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import glyphnb, tensorflow"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "the disk is full\n"
