"""Autoencoders and variational autoencoders on images of letters."""

import os
import re
import sys
import tempfile
from importlib.machinery import PathFinder
from importlib.util import find_spec

import lazy_loader

__version__ = "0.1.0"

# TensorFlow reads these once, while it loads, so they are set before any module can import it.
# What the user has set stays. oneDNN makes a training step 1.3 to 1.5 times cheaper on processors
# without AVX-512; the log level hides notes about it, and about graphics cards that are not there.
_WISHES = {"TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
if not find_spec("tensorflow"):  # Keras would ask for it all the same
    _WISHES |= {"KERAS_BACKEND": name for name in ("torch", "jax") if find_spec(name)}
_CHOSEN_BY = {name: "user" if name in os.environ else "glyphnb" for name in _WISHES}
for _name, _value in _WISHES.items():
    os.environ.setdefault(_name, _value)

# Packages that a plain `pip install glyphnb` leaves out, and the extra that brings each.
_EXTRAS = {
    **dict.fromkeys("keras tensorflow".split(), "tensorflow"),
    **dict.fromkeys("jax torch".split()),  # an extra of the same name
    **dict.fromkeys("Augmentor constriction imageio_ffmpeg moviepy ot pypdfium2".split(), "tools"),
    **dict.fromkeys("scipy skimage sklearn threadpoolctl zxingcpp".split(), "tools"),
    **dict.fromkeys("onnx onnxruntime".split(), "export"),
    **dict.fromkeys("anywidget IPython ipywidgets traitlets".split(), "notebooks"),
}


class _Missing:
    "The last of Python's finders: it says how to install what glyphnb imports and nobody has found."

    @staticmethod
    def find_spec(name, path=None, target=None):
        frame = sys._getframe(1)
        while "importlib._bootstrap" in frame.f_code.co_filename:
            frame = frame.f_back
        importer = frame.f_globals.get("__name__", "").partition(".")[0]
        if name not in _EXTRAS or importer not in ("glyphnb", "keras"):
            return None  # Python says what it always says
        from .letters.glyphs import GlyphnbError

        kind = type("NotInstalled", (GlyphnbError, ModuleNotFoundError), {"__module__": "glyphnb"})
        command = f"pip install 'glyphnb[{_EXTRAS[name] or name}]'"
        others = "with JAX or PyTorch: [jax], [torch]; " if name == "keras" else ""
        raise kind(f"this needs {name}: {command} ({others}everything: 'glyphnb[all]')")


# Notes of TensorFlow about the machine. It prints them before it reads its settings, so that
# no setting stops them, and a notebook shows them in red.
_NOTES = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|[IWE]\d{4} .*\b(port|cudart_stub|cuda_\w+|computation_placer|cpu_feature_guard)\.cc:"
    rb"|.*(oneDNN custom operations are on|Could not find cuda drivers|register factory for plugin)"
)


class _Quiet:
    "The first of Python's finders, until TensorFlow loads: without its notes, unless the user wants them."

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(_Quiet)
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader and os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "0":
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _without_notes(load, module)  # type: ignore
        return spec


def _without_notes(load, module):
    "Load a module, and print what it wrote to the standard error, except for notes."
    try:
        shown = os.dup(2)
    except OSError:  # there is no such thing, as in a program without a terminal
        return load(module)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            load(module)
        finally:
            os.dup2(shown, 2)
            os.close(shown)
            written.seek(0)
            lines = [line for line in written if line.strip() and not _NOTES.match(line)]
            if lines:
                os.write(2, b"".join(lines))


sys.meta_path.insert(0, _Quiet)  # type: ignore[arg-type]
sys.meta_path.append(_Missing)  # type: ignore[arg-type]

# `from glyphnb import VAE` loads a name from the module that `__init__.pyi` names, and nothing before.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def settings() -> dict[str, str]:
    "Tell the settings that TensorFlow loads with, and who chose them."
    return {name: f"{os.environ.get(name)} ({who})" for name, who in _CHOSEN_BY.items()}


def start() -> int:
    "Load the command line and run it: what the program `glyphnb` calls, with its exit status."
    try:
        from .cli.main import main

        return main()
    except KeyboardInterrupt:  # while it loads; a command reports its own
        print("glyphnb: interrupted; no file was left half-written", file=sys.stderr)
        return 130
