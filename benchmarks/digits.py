"""Compare objectives on scikit-learn's handwritten digits, or on a folder of images of your own.

Usage: python benchmarks/digits.py [--images DIR] [--size N] [--grey] [--epochs N] [--json FILE]

The chapter "Objectives compared" shows the table that this writes to glyphnb/static/digits.json. A
folder is read as `load_data` reads it; a fifth of its images, drawn at random, is for the test.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from tqdm import tqdm

import glyphnb
from glyphnb import load_data
from glyphnb.judge.comparison import compare_objectives, contestants
from glyphnb.judge.likelihood import binarize

TABLE = Path(glyphnb.__file__).parent / "static" / "digits.json"


def read(images, size) -> np.ndarray:
    if images is None:
        return (load_digits().images[..., None] / 16).astype("float32")
    grey = load_data(images, size=size).images
    return grey[np.random.default_rng(0).permutation(len(grey))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", metavar="DIR", help="folder of images (default: the digits)")
    parser.add_argument("--size", type=int, default=28, help="their pixels per side (default: 28)")
    parser.add_argument("--grey", action="store_true", help="leave grey levels: no true likelihood")
    parser.add_argument("--latent-dim", type=int, default=8, help="(default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=60, help="(default: %(default)s)")
    parser.add_argument("-k", type=int, default=5000, help="codes per image (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the table there")
    arguments = parser.parse_args()
    pixels = read(arguments.images, arguments.size)
    pixels = pixels if arguments.grey else binarize(pixels, seed=0)
    known = 1500 if arguments.images is None else len(pixels) * 4 // 5
    options = {name: getattr(arguments, name) for name in ("latent_dim", "epochs", "k")}
    table = {}
    for name in tqdm(contestants(1), desc="train and measure"):
        table |= compare_objectives(pixels[:known], pixels[known:], names=(name,), **options)
    print(f"{'objective':20} {'-ELBO':>8} {'NLL':>8} {'+-':>6} {'KL':>6} {'units':>6}")
    for name, row in sorted(table.items(), key=lambda item: item[1]["nll"]):
        print(
            f"{name:20} {row['elbo']:8.2f} {row['nll']:8.2f} {row['error']:6.2f}"
            f" {row['kl']:6.1f} {row['units']:6}"
        )
    path = arguments.json or (None if arguments.images else TABLE)
    if path:
        Path(path).write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
