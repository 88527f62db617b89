"""Autoencoders and variational autoencoders on images of letters."""

import os

import lazy_loader

__version__ = "0.1.0"

# TensorFlow reads these once, while it loads, so they are set before any module can import it.
# What the user has set stays. oneDNN makes a training step 1.3 to 1.5 times cheaper on processors
# without AVX-512; the log level hides notes about it, and about graphics cards that are not there.
_WISHES = {"TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
_CHOSEN_BY = {name: "user" if name in os.environ else "glyphnb" for name in _WISHES}
for _name, _value in _WISHES.items():
    os.environ.setdefault(_name, _value)

# `from glyphnb import VAE` loads a name from the module that `__init__.pyi` names, and nothing before.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def settings() -> dict[str, str]:
    "Tell the settings that TensorFlow loads with, and who chose them."
    return {name: f"{os.environ.get(name)} ({who})" for name, who in _CHOSEN_BY.items()}
