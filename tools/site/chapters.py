"""Chapters as Sphinx reads them: captions and alternative texts, folded cells, nothing hidden."""

import ast
import base64
import html
import io
import json
import re

import api
import bibliography
import glossary
from PIL import Image

PICTURE = re.compile(r'<img src="data:(image/\w+);base64,([^"]+)"(?: alt="([^"]*)")?[^>]*>')
CONTRACT = re.compile(r"\n(?=\*\*(?:You get|It takes)\*\*)")


def directives(source):
    "What the lines `#| name: value` of a cell say, and the cell without them."
    found = dict(re.findall(r"^#\| ([\w-]+)(?:: *(.*))?$", source, re.M))
    values = {k: json.loads(v) if v.startswith('"') else v for k, v in found.items()}
    return values, re.sub(r"^#\|.*\n?", "", source, flags=re.M).strip()


def with_picture(output):
    "An output whose picture stands in HTML, for hosts of notebooks, as the picture itself."
    data = output.get("data", {})
    found = PICTURE.search("".join(data.get("text/html", "")))
    if found and "<picture" not in "".join(data["text/html"]):
        del data["text/html"]
        data[found[1]] = found[2]
    return output, html.unescape(found[3] or "") if found else ""


def shown_width(output):
    "Pixels of a figure whose texts are as large as the prose, 16 pixels; 0 without texts."
    data = output.get("data", {})
    if "image/png" not in data:
        return 0
    image = Image.open(io.BytesIO(base64.b64decode("".join(data["image/png"]))))
    smallest = float(image.info.get("smallest text", "0 px").removesuffix(" px"))
    return smallest and round(image.width * 16 / smallest)


def code_cell(cell, number):
    "A cell of code, or None where a reader of the site has no use for it."
    said, source = directives(cell["source"])
    grader = "= Exercise(" in source
    if "default_exp" in said or ("hide" in said and not grader):
        return None
    notes, tags = {}, []
    if grader and "hide" in said:
        tags, notes["code_prompt_show"] = ["hide-input"], "Grader"
    elif said.get("code-fold") == "true":
        tags, notes["code_prompt_show"] = ["hide-cell"], said.get("code-summary", "Code")
    elif said.get("echo") == "false":
        tags = ["remove-input"]
    if tags and "code_prompt_show" in notes:
        notes["code_prompt_hide"] = notes["code_prompt_show"]
    outputs, described = [], said.get("fig-alt", "")
    for output in cell["outputs"]:
        output, alt = with_picture(output)
        outputs.append(output)
        described = described or alt
    if described:
        notes["image"] = {"alt": described}
    widths = [width for width in map(shown_width, outputs) if width]
    if described and widths:
        notes["image"] |= {"classes": "texts", "width": f"{max(widths)}px"}
    if "fig-cap" in said:
        notes["figure"] = {"caption": said["fig-cap"], "name": f"{said['label']}-{number}"}
    metadata = {"tags": tags, "mystnb": notes}
    return {**cell, "source": source, "outputs": outputs, "metadata": metadata}


FIRST = (
    '<a class="way first" href="0_start/00_tour.html">Begin with the tour</a>'
    '<a class="way first" href="explore.html">Explore the plane</a>'
)


def title_of(notebook):
    return re.match(r"# (.+)", "".join(notebook["cells"][0]["source"]))[1]


def names_in(notebook):
    "Keys of what a chapter names of the bibliography, each once, in order."
    found = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            mentions = bibliography.mentions("".join(cell["source"]))
            found |= {entry.key: None for *_, entry, _ in mentions}
    return list(found)


def module_of(notebook):
    "The module that a chapter exports, with dots, or None."
    text = "".join("".join(cell["source"]) + "\n" for cell in notebook["cells"])
    found = re.search(r"^#\| default_exp (.*)$", text, re.M)
    return found and f"glyphnb.{found[1]}"


def anchors(source, module, names):
    "A cell of text that the reference can link to: in the next cell these names are made."
    if "#| export" not in source:
        return []
    made = [name for node in ast.parse(source).body for name in api.made(node) if name in names]
    marks = [f"({api.place(module, name)})=" for name in dict.fromkeys(made)]
    cell = {"cell_type": "markdown", "id": "".join(["made-", *made[:1]]), "metadata": {}}
    return [cell | {"source": "\n".join(marks)}] if marks else []


def ways(name, colab):
    "What one can do with a chapter besides reading it, as links."
    up = "../" * (len(name.parts) - 1)
    first = FIRST if name.stem == "index" else ""
    return first + (
        f'<a class="way" href="{colab}/{name.as_posix()}">Open in Colab</a>'
        f'<a class="way" href="{up}_sources/{name.as_posix()}" download>Download the notebook</a>'
    )


def adapt(notebook, name, colab, module=None, names=()):
    "The text of a notebook for Sphinx: the file `name`; the reference has `names` of its `module`."
    words = "../" * (len(name.parts) - 1) + "glossary.md"
    cells = []
    for cell in notebook["cells"]:
        cell["source"] = source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            cells += anchors(source, module, names)
            cell = code_cell(cell, name.stem[:2])
        elif cell["cell_type"] == "markdown":
            source = re.sub(r"^(#+ .*) \{#[^}]*\}$", r"\1", source, flags=re.M)
            cell["source"] = glossary.link(CONTRACT.sub(r"\\\n", source), words)
        if cell:
            cells.append(cell)
    cells[0]["source"] += "\n\n" + ways(name, colab)
    notebook["cells"] = cells
    return json.dumps(notebook, ensure_ascii=False, sort_keys=True)
