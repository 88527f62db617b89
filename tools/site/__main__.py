#!/usr/bin/env python3
"""Build the site: python tools/site [--out FOLDER]"""

import argparse
import json
import re
import shutil
import sys
import time
from collections import defaultdict
from configparser import ConfigParser
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import api
import bibliography
import glossary
import yaml
from chapters import adapt, module_of, names_in, title_of
from sphinx.cmd.build import build_main

from glyphnb.cli.main import main as explore

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NBS = ROOT / "nbs"
FACTS = ConfigParser(delimiters=["="])
FACTS.read(ROOT / "settings.ini", encoding="utf-8")
FACTS = FACTS["DEFAULT"]
COLAB = "https://colab.research.google.com/github/{user}/{repo}/blob/{branch}/nbs".format(**FACTS)


SPINE = "one of ten pages for a reader with three hours"


def parts():
    "Titles of the parts of the course with their chapters, in the order of `_quarto.yml`."
    said = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    sections = [part for part in said["website"]["sidebar"]["contents"] if "section" in part]
    return {part["section"]: sorted(NBS.glob(part["contents"])) for part in sections}


def contents(trees):
    "The table of contents, of which the site makes its navigation and its order of reading."
    return "\n\n".join(
        "\n".join([f"```{{toctree}}\n:hidden:\n:caption: {title}\n", *names, "```"])
        for title, names in trees.items()
    )


def pages():
    "Everything that Sphinx reads: names of files, and their texts."
    made, trees, modules, named = {}, {}, defaultdict(list), defaultdict(list)
    for title, paths in parts().items():
        trees[title] = [path.relative_to(NBS).with_suffix("").as_posix() for path in paths]
        for path in paths:
            name = path.relative_to(NBS)
            notebook = json.loads(path.read_text("utf-8"))
            for key in names_in(notebook):
                named[key].append(f"[{title_of(notebook)}]({name.as_posix()})")
            module = module_of(notebook)
            if module:
                text = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text("utf-8")
                package = module.rpartition(".")[0]
                read = (f"../{name.as_posix()}", title_of(notebook))
                modules[package].append((module, *read, text))
                for key in api.names_in(text):
                    named[key].append(f"[{module}](api/{package}.md)")
            made[name] = adapt(notebook, name, COLAB, module, api.names(text) if module else ())
    for package, texts in modules.items():
        made[Path("api", f"{package}.md")] = api.page(package, texts)
    made[Path("explore.md")] = (HERE / "explore.md").read_text("utf-8")
    made[Path("glossary.md")] = glossary.SOURCE.read_text("utf-8")
    made[Path("bibliography.md")] = bibliography.page(named)
    trees["Play and look up"] = ["explore", "glossary", "bibliography"]
    trees["Reference"] = [f"api/{package}" for package in modules]
    index = json.loads((NBS / "index.ipynb").read_text("utf-8"))
    table = {"cell_type": "markdown", "id": "contents", "metadata": {}, "source": contents(trees)}
    index["cells"].append(table)
    made[Path("index.ipynb")] = adapt(index, Path("index.ipynb"), COLAB)
    return made


def write(folder, wanted):
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def build(work):
    "Run Sphinx; its warnings are errors. MyST-NB also writes beside the pages, so they move later."
    words = ["-b", "html", "-c", HERE, "-d", work / "doctrees", "-j", "auto", "-q", "-W"]
    if build_main([*map(str, words), "--keep-going", str(work / "source"), str(work / "html")]):
        sys.exit("the site is not built")


def put(made, out):
    "Put the pages where they are wanted, in place of older ones and of nothing else."
    if out.exists() and any(out.iterdir()) and not (out / "objects.inv").is_file():
        sys.exit(f"{out} holds something else than a site: name another folder, or empty this one")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(made, out)


def spine():
    "Names of the pages for a reader with three hours: those that are bold on the first page."
    index = (NBS / "index.ipynb").read_text("utf-8")
    bold = re.findall(r"\*\*\[[^\]]+\]\([\w/]+/(\w+)\.ipynb\)", index)
    return [f"{stem}.html" for stem in bold]


def mark(text, page, names):
    "Mark the chapters of the spine in the navigation of a page."
    for name in names:
        address = "#" if name == page else rf"(?:[^\"]*/)?{name}"
        link = rf'((?:current )?reference internal" href="{address}")'
        text = re.sub(
            rf'(<li class="toctree-l1[^"]*"><a class="){link}', rf'\1spine \2 title="{SPINE}"', text
        )
    return text


def finish(out, chapters):
    """Make the page of the plane, and mark the spine.

    The buttons of a chapter download the notebook itself.
    """
    with redirect_stdout(None):
        if explore(["explore", "--out", str(out / "plane.html")]):
            sys.exit("the page of the plane was not made")
    for name in chapters:
        if name.suffix == ".ipynb":
            shutil.copy(NBS / name, out / "_sources" / name)
    names = spine()
    for path in out.rglob("*.html"):  # older themes load fonts early, in a way that disks refuse
        text = mark(path.read_text("utf-8"), path.name, names)
        path.write_text(re.sub(r'<link rel="preload" as="font"[^>]*>', "", text), "utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "_site")
    asked = parser.parse_args()
    start = time.monotonic()
    wanted = pages()
    pictures = {Path(path.name): path.read_bytes() for path in NBS.glob("*.gif")}
    with TemporaryDirectory() as folder:
        write(Path(folder, "source"), wanted | pictures)
        build(Path(folder))
        put(Path(folder, "html"), asked.out)
    finish(asked.out, wanted)
    print(
        f"{len(wanted)} pages in {time.monotonic() - start:.0f} s; open {asked.out / 'index.html'}"
    )


if __name__ == "__main__":
    main()
