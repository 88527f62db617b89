"""Trials of VAEs for letters of one's own, by the ruler "sharp and whole".

Each row is trained for 3,000 steps of 64 images. "typeface" is a to z in DejaVu Sans; "typefaces"
is a to z in eight faces; with --images, a folder of your own takes their place.

Usage: python benchmarks/letters.py [--only WORD] [--images DIR] [--json FILE]

The chapter "Sharp between two letters" shows the table that this writes to
glyphnb/static/letters.json.
"""

import argparse
import json
import time
from pathlib import Path

import glyphnb
from glyphnb import VAE, augment, load_data, render_glyphs, train
from glyphnb.judge.ruler import measure_drawing
from glyphnb.letters.augment import ARTICLE, GENTLE
from glyphnb.vae.interpolation import letter_vae
from glyphnb.vae.prior import NormalPrior, learn_prior

TABLE = Path(glyphnb.__file__).parent / "static" / "letters.json"
FACES = [
    "DejaVu Sans",
    "DejaVu Sans Bold",
    "DejaVu Sans Mono",
    "DejaVu Serif",
    "STIX",
    "STIX Italic",
    "Computer Modern",
    "Computer Modern Typewriter",
]
PLANE = {"latent_dim": 2, "arch": "dense", "plain": True}
TRIALS = {
    "2 numbers, dense, quarter turns": {
        "latent_dim": 2,
        "arch": "dense",
        "plain": True,
        "turns": True,
    },
    "2 numbers, dense": {"latent_dim": 2, "arch": "dense", "plain": True},
    "16 numbers, dense": {"arch": "dense", "sharp": 0},
    "16 numbers, conv": {"sharp": 0},
    "16 numbers, conv, no warm-up": {"sharp": 0, "warm_up_share": 0},
    "16 numbers, dense, sharp": {"arch": "dense"},
    "16 numbers, conv, sharp": {},
    "32 numbers, conv, sharp": {"latent_dim": 32},
}


def trial(letters, steps=3000, plain=False, turns=False, **options) -> dict:
    "Train one variant, and measure what it draws with N(0, I) and with the density of its codes."
    recipe = ARTICLE if turns else GENTLE
    images = augment(letters, 9000, seed=0, distortions=recipe)
    fresh = augment(letters, 1000, seed=1, distortions=recipe, fresh=True)
    epochs = round(steps * 64 / len(images))
    model = VAE(options["latent_dim"], options["arch"]) if plain else letter_vae(steps, **options)
    start = time.process_time()
    history = train(model, images, fresh, epochs, learning_rate=4e-3)
    seconds = time.process_time() - start
    prior = learn_prior(model, images)
    fitted = measure_drawing(model, prior, letters, images, fresh)
    normal = measure_drawing(model, NormalPrior(model.latent_dim), letters[:2], images, fresh)
    return {
        "nats": history["val_loss"][-1],
        "seconds": seconds,
        "normal": {"samples": normal.samples, "sheet": normal.sheet},
        **fitted._asdict(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="WORD", help="rows with WORD in their name")
    parser.add_argument("--images", metavar="DIR", help="a folder of letters in place of typefaces")
    parser.add_argument("--json", default=TABLE, metavar="FILE")
    arguments = parser.parse_args()
    lower = "abcdefghijklmnopqrstuvwxyz"
    sets = {"typeface": ["DejaVu Sans"], "typefaces": FACES}
    glyphs = {name: render_glyphs(lower, faces, size=64) for name, faces in sets.items()}
    if arguments.images:
        glyphs = {"folder": load_data(arguments.images, 64)}
    path = Path(arguments.json)
    table = json.loads(path.read_text()) if arguments.only and path.exists() else {}
    for kind, letters in glyphs.items():
        for name, options in TRIALS.items():
            if arguments.only in f"{kind}: {name}":
                row = table.setdefault(kind, {})[name] = trial(letters, **options)
                shares = [row["normal"]["samples"], row["samples"], row["sheet"], row["morphs"]]
                print(
                    f"{kind:10} {name:34} {row['nats']:7.1f}",
                    *(f"{s:6.0%}" for s in shares),
                    flush=True,
                )
                path.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
