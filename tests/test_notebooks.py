"""What a reader sees where Quarto is not: in Jupyter, on a code host, in a page of nbconvert."""

import html
import importlib.machinery
import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "nbs").glob("[0-9]*/[0-9]*.ipynb"))


def code_cells(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield cell, "".join(cell["source"])


@pytest.fixture(scope="module")
def tidy():
    loader = importlib.machinery.SourceFileLoader("tidy", str(ROOT / "tools" / "tidy"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
    loader.exec_module(module)
    return module.tidy


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_form_of_a_chapter(path):
    "What the course hides is folded, pictures are described, and no widget left its state behind."
    for cell, source in code_cells(path):
        jupyter = cell["metadata"].get("jupyter", {})
        if source.startswith(("#| hide", "#| code-fold: true")):
            assert jupyter.get("source_hidden"), cell["id"]
        if source.startswith("#| code-fold: true") and cell["outputs"]:
            assert jupyter.get("outputs_hidden"), cell["id"]
        for output in cell["outputs"]:
            data = output.get("data", {})
            assert "image/png" not in data and "image/gif" not in data, cell["id"]
            for picture in re.findall("<img [^>]*>", "".join(data.get("text/html", ""))):
                assert re.search(r' alt="[^"]{20,}"', picture), picture[-80:]
    assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_it_installs_itself_on_colab_and_nowhere_else(path):
    from IPython.core.inputtransformer2 import TransformerManager

    code = TransformerManager().transform_cell(next(code_cells(path))[1])
    calls = []

    class Shell:
        def __init__(self, name):
            self.name = name

        def __str__(self):
            return f"<{self.name} object>"

        def run_line_magic(self, name, line):
            calls.append(f"{name} {line}")

    exec(code, {"get_ipython": lambda: Shell("ipykernel.zmqshell.ZMQInteractiveShell")})
    assert calls == []
    exec(code, {"get_ipython": lambda: Shell("google.colab._shell.Shell")})
    assert len(calls) == 1
    assert re.fullmatch(r'pip install -q "glyphnb\[tensorflow(,export)?\]"', calls[0]), calls


def test_a_page_of_nbconvert_describes_its_pictures():
    from nbconvert import HTMLExporter

    path = ROOT / "nbs" / "1_letters" / "10_glyphs.ipynb"
    page = HTMLExporter().from_filename(str(path))[0]
    sources = "\n".join(source for _, source in code_cells(path))
    for name, tag in (("fig-alt", r'<img [^>]*?alt="([^"]*)"'), ("fig-cap", "<figcaption>(.*?)<")):
        said = [json.loads(text) for text in re.findall(rf"#\| {name}: (.*)", sources)]
        shown = [html.unescape(text) for text in re.findall(tag, page)]
        assert shown == said and shown


def test_tidy_folds_describes_and_changes_nothing_a_second_time(tidy):
    def cell(source, *outputs):
        cell = {"cell_type": "code", "execution_count": None, "id": source[:9], "metadata": {}}
        return cell | {"outputs": list(outputs), "source": [source]}

    png = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBO\nRw0="}}
    text = {"output_type": "stream", "name": "stdout", "text": ["4\n"]}
    figure = '#| fig-cap: "A < B."\n#| fig-alt: "Two letters, \\"A\\" and B."\nshow()'
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Title"]}
    notebook = {
        "cells": [title, cell("#| hide\ntest()"), cell("#| code-fold: true\n4", text)],
        "metadata": {"widgets": {"state": {}}},
    }
    notebook["cells"].append(cell(figure, png))
    named = {"cells": [title, cell("#| default_exp part.module")], "metadata": {}}
    tidy(named, True)
    tidy(notebook, True)
    _, colab, hidden, solution, shown = notebook["cells"]
    assert colab["id"] == "colab"
    (_, both), install = named["cells"], "".join(colab["source"])
    assert "".join(both["source"]) == f"#| default_exp part.module\n{install}"
    assert both["metadata"] == hidden["metadata"]
    assert hidden["metadata"]["jupyter"] == {"source_hidden": True}
    assert solution["metadata"]["jupyter"] == {"source_hidden": True, "outputs_hidden": True}
    assert "".join(shown["outputs"][0]["data"]["text/html"]) == (
        '<figure class="described">\n<img src="data:image/png;base64,iVBORw0=" '
        'alt="Two letters, &quot;A&quot; and B.">\n'
        "<figcaption>A &lt; B.</figcaption>\n</figure>"
    )
    assert not notebook["metadata"]
    once = json.dumps(notebook)
    tidy(notebook, True)
    assert json.dumps(notebook) == once
    shown["source"] = [figure.replace("A < B.", "Two.")]
    tidy(notebook, True)
    assert json.dumps(notebook) == once.replace("A < B.", "Two.").replace("A &lt; B.", "Two.")


def test_tidy_joins_what_a_cell_prints(tidy):
    def printed(text, name="stdout"):
        return {"output_type": "stream", "name": name, "text": text.splitlines(keepends=True)}

    outputs = [printed("$"), printed(" ls\na"), printed("\n", "stderr"), printed("b")]
    cells = [{"cell_type": "code", "source": ["x"], "metadata": {}, "outputs": outputs}]
    tidy({"cells": cells, "metadata": {}}, False)
    assert cells[0]["outputs"] == [printed("$ ls\na"), printed("\n", "stderr"), printed("b")]
