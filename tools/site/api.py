"""The reference: what a name is for, its arguments and their comments, read from the modules."""

import ast
import io
import re
import tokenize

import bibliography

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def comments(text):
    "Comments of a module, each by the number of its line."
    found = tokenize.generate_tokens(io.StringIO(text).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in found if t.type == tokenize.COMMENT}


def made(node):
    "Names that a statement defines."
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    parts = [part for target in targets for part in getattr(target, "elts", [target])]
    return [node.name] if hasattr(node, "name") else [getattr(part, "id", None) for part in parts]


def place(module, name):
    "The anchor of the cell where a name is made; an anchor knows no capitals, so they are marked."
    return f"source-of-{module}." + re.sub(r"([A-Z]+)", r"\1-", name)


def public(tree):
    "Names that a module gives away, and their definitions in its order."
    asked = next((ast.literal_eval(n.value) for n in tree.body if made(n) == ["__all__"]), ())
    return {name: node for node in tree.body for name in made(node) if name in asked}


def names(text):
    "Names that a module gives away."
    return set(public(ast.parse(text)))


def arguments(node):
    "Arguments of a function: name with stars, annotation, default, line."
    args = node.args
    plain = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(plain) - len(args.defaults)) + args.defaults
    rows = list(zip(plain, defaults, strict=True))
    rows += [(args.vararg, None)] if args.vararg else []
    rows += list(zip(args.kwonlyargs, args.kw_defaults, strict=True))
    rows += [(args.kwarg, None)] if args.kwarg else []
    stars = {id(args.vararg): "*", id(args.kwarg): "**"}
    return [
        (stars.get(id(arg), "") + arg.arg, arg.annotation, default, arg.lineno)
        for arg, default in rows
        if arg.arg not in ("self", "cls")
    ]


def fields(node):
    "Fields of a data class, as the arguments that they become."
    return [
        (item.target.id, item.annotation, item.value, item.lineno)
        for item in node.body
        if isinstance(item, ast.AnnAssign)
    ]


def code(text):
    return f"`{text}`" if text else ""


def escape(text):
    "A text for a cell of a table, which a bar would end."
    return text.replace("|", "\\|")


def table(rows, said, returns=None):
    "Arguments with what their comments say; the last row is what comes back."
    head, cells = ["argument", "type", "default", "meaning"], []
    for name, annotation, default, line in rows:
        kind, value = (ast.unparse(part) if part else "" for part in (annotation, default))
        cells.append([code(name), code(kind), code(value), said.get(line, "")])
    if returns:
        kind, text = returns
        cells.append(["*returns*", code(kind), "", text])
    kept = [i for i in range(4) if any(row[i] for row in cells)]
    lines = ["| " + " | ".join(escape(row[i]) for i in kept) + " |" for row in [head, *cells]]
    lines.insert(1, "|---" * len(kept) + "|")
    return ["", *lines, ""] if cells else []


def result(node, said):
    "What a function returns: the annotation and the comment of the line that closes its head."
    line = max((n.lineno for n in [node.returns] if n), default=0)
    if not line:  # `):  # a comment`, after the last argument and before the body
        last = max([a.end_lineno for a in ast.walk(node.args) if hasattr(a, "end_lineno")] or [0])
        line = next((n for n in range(last + 1, node.body[0].lineno) if n in said), 0)
    kind = ast.unparse(node.returns) if node.returns else ""
    return (kind, said.get(line, "")) if kind or line else None


def signature(rows):
    "Names and defaults, without types: those stand in the table."
    words = [name + (f"={ast.unparse(default)}" if default else "") for name, _, default, _ in rows]
    return f"({', '.join(words)})"


def names_in(text):
    "Keys of what the docstrings of a module name of the bibliography."
    texts = [
        docstring(n) for n in ast.walk(ast.parse(text)) if isinstance(n, (*FUNCTION, ast.ClassDef))
    ]
    found = [bibliography.mentions(text) for text in texts if "Source: " in text]
    return dict.fromkeys(entry.key for some in found for *_, entry, _ in some)


def docstring(node):
    text = re.sub(r"^(Source: )", r"\n\1", ast.get_docstring(node) or "", flags=re.M)
    return bibliography.link(text, set())


def entry(name, node, module, said, depth=3):
    "A directive for a function, class or constant, with all that it holds."
    fence, inner = "`" * (depth + 2), []
    if isinstance(node, ast.ClassDef):
        first = next((n for n in node.body if getattr(n, "name", "") == "__init__"), None)
        rows = arguments(first) if first else fields(node)
        kind, head = "class", f"{name}{signature(rows)}"
        inner = [docstring(node), *table(rows, said)]
        for item in node.body:
            if isinstance(item, FUNCTION) and item.name[0] != "_" and docstring(item):
                inner += [entry(item.name, item, None, said, depth - 1)]
    elif isinstance(node, FUNCTION):
        rows = arguments(node)
        marks = {ast.unparse(mark) for mark in node.decorator_list}
        kind = "function" if module else "method"
        head = f"{name}{signature(rows)}"
        if marks & {"property", "cached_property"}:
            kind, head = "property", name
        inner = [docstring(node), *table(rows, said, result(node, said))]
    else:
        kind, head, inner = "data", name, [said.get(node.lineno, "")]
    options = [f":module: {module}"] if module else []
    if module:
        inner.append(f"[The code](#{place(module, name)})")
    return "\n".join([f"{fence}{{py:{kind}}} {head}", *options, "", *inner, fence])


def page(title, modules):
    "The page of a sub-package: `modules` are names, files and titles of chapters, texts."
    lines = [f"# {title}"]
    for name, chapter, read, text in modules:
        tree, said = ast.parse(text), comments(text)
        lines += [f"## {name}", ast.get_docstring(tree) or "", f"Read: [{read}]({chapter})"]
        lines += [entry(n, node, name, said) for n, node in public(tree).items()]
    return "\n\n".join(lines)
