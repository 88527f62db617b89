"""What batching and arrays are worth: pairs of ways to one result, timed alternately in one run.

Usage: python benchmarks/basics.py [--runs N] [--json FILE]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from glyphnb.augment import augment, create_augmentor_pipeline
from glyphnb.glyphs import (
    change_image_background,
    get_pixel,
    load_data,
    render_glyphs,
    save_glyphs,
)
from glyphnb.latent import normal_grid
from glyphnb.vae import load_pretrained


def by_pixel(scan: Path):
    "Invert one scan as the article does, pixel by pixel."
    image = Image.open(scan)
    inverted = Image.new("L", image.size)
    for i in range(image.width):
        for j in range(image.height):
            inverted.putpixel((i, j), 255 - get_pixel(image, i, j))
    inverted.save(scan.parent / "inverted.png")


def pairs(place: Path):
    "Name, slow way, fast way, and how many times more work the fast way does in one call."
    letters = render_glyphs("arabic")
    save_glyphs(letters, place / "scans")
    change_image_background(place / "scans", place / "ink")
    outputs = (place / f"out{i}" for i in range(10_000))
    vae, grid = load_pretrained(), normal_grid(10)

    def with_augmentor():
        out = next(outputs)
        create_augmentor_pipeline(place / "ink", f"../{out.name}").sample(100)
        load_data(out)

    def invert_all():
        change_image_background(place / "scans", next(outputs))

    def predict_each():
        for code in grid:
            vae.decoder.predict(code[None], verbose=0)

    first = place / "scans" / "original_0.png"
    python = [sys.executable, "-c"]
    quiet = {"capture_output": True, "check": True}
    return [
        ("inverting a scan of 1000 x 1000", lambda: by_pixel(first), invert_all, 21),
        (
            "a copy of a letter, ready to train on",
            with_augmentor,
            lambda: augment(letters, 10_000),
            100,
        ),
        ("a 10 x 10 grid, predict a point", predict_each, lambda: vae.decode(grid), 1),
        (
            "import tensorflow / import glyphnb",
            lambda: subprocess.run([*python, "import tensorflow"], **quiet),
            lambda: subprocess.run([*python, "import glyphnb.cli"], **quiet),
            1,
        ),
    ]


def seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="timed pairs (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    arguments = parser.parse_args()
    table = {}
    with tempfile.TemporaryDirectory() as place:
        for name, slow, fast, work in pairs(Path(place)):
            fast()  # not counted: the first call compiles
            ratios = [work * seconds(slow) / seconds(fast) for _ in range(arguments.runs)]
            table[name] = {
                "median": statistics.median(ratios),
                "min": min(ratios),
                "max": max(ratios),
            }
            shown = "  ".join(f"{key} {value:7.1f}" for key, value in table[name].items())
            print(f"{name:40} times less: {shown}", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
