"""Every claim of speed, measured: two ways to one result, alternately, in one run on one machine.

Usage: python benchmarks/bench.py [--quick] [--only WORD] [--runs N] [--json FILE]

The article's recipe is trained to its end on 10,000 images, twice, so the whole table takes an
hour and a quarter on two cores. `--quick` takes five minutes: one pair a row, the training of a
twenty-fifth of the images, whose ratios are those of small data, and none of the rows that ask for
equal time, for unseen typefaces or for memory. Rows for a graphics card come last,
if Keras has one.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
QUIET = {"capture_output": True, "check": True, "text": True}


def seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def program(*words, **settings) -> str:
    "Run Python in a process of its own; what the user set for TensorFlow does not reach it."
    names = {"TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL"}
    environment = {k: v for k, v in os.environ.items() if k not in names} | settings
    return subprocess.run([sys.executable, *words], env=environment, **QUIET).stdout


def worker(**task) -> dict:
    return json.loads(program(HERE / "worker.py", json.dumps(task)))


def paired(slow, fast, runs, work=1):
    "Times that the slow way takes longer, pair by pair; the fast one does `work` times as much."
    fast()  # not counted: the first call compiles and fills caches
    return [work * seconds(slow) / seconds(fast) for _ in range(runs)]


def data_rows(place: Path, runs: int, quick: bool):
    "From scans to arrays."
    import Augmentor

    from glyphnb import (
        augment,
        change_image_background,
        get_pixel,
        load_data,
        render_glyphs,
        save_glyphs,
    )

    letters = render_glyphs("arabic")
    save_glyphs(letters, place / "scans")
    change_image_background(place / "scans", place / "ink")
    outputs = (place / f"out{i}" for i in range(10_000))
    scan = Image.open(place / "scans" / "original_0.png")

    def by_pixel():
        inverted = Image.new("L", scan.size)
        for i in range(scan.width):
            for j in range(scan.height):
                inverted.putpixel((i, j), 255 - get_pixel(scan, i, j))
        inverted.save(place / "inverted.png")

    def with_augmentor():  # its own `sample`; reduced first, which is its fastest order
        out = next(outputs)
        with contextlib.redirect_stdout(io.StringIO()):  # it says what it found
            pipeline = Augmentor.Pipeline(place / "ink", out)
        pipeline.resize(probability=1, width=64, height=64)
        pipeline.rotate90(probability=0.1)
        pipeline.rotate(probability=0.2, max_left_rotation=5, max_right_rotation=10)
        pipeline.skew_left_right(probability=0.1)
        pipeline.greyscale(probability=1)
        pipeline.sample(500)
        load_data(out)

    invert = partial(change_image_background, place / "scans")
    yield (
        "inverting 21 scans of 1000 x 1000 / pixel by pixel",
        90,
        paired(by_pixel, lambda: invert(next(outputs)), runs, 21),
    )
    yield (
        "10,000 images from 21 letters / Augmentor and load_data",
        100,
        paired(with_augmentor, lambda: augment(letters, 10_000).images, runs, 20),
    )


def plane_rows(place: Path, runs: int, quick: bool):
    "Sheets and films: one call against one call a point."
    from glyphnb import lerp, load_pretrained, normal_grid

    vae = load_pretrained()
    grid, path = normal_grid(10), lerp(*normal_grid(2)[[0, 3]], [i / 89 for i in range(90)])
    for name, codes in (("10 x 10 sheet", grid), ("90-frame morph", path.astype("float32"))):

        def one_by_one(codes=codes):
            for code in codes:
                vae.decoder.predict(code[None], verbose=0)

        ratios = paired(one_by_one, lambda codes=codes: vae.decode(codes), runs)
        yield f"{name} / one predict a point", 100, ratios


def program_rows(place: Path, runs: int, quick: bool):
    "Waiting for a program to start, and to end."
    film = "from glyphnb.cli.main import main; main(['morph', 'بق', '--out', {!r}])"
    plain = film.format(str(place / "plain.gif"))
    keras = "from glyphnb.vae import pretrained; pretrained.NumpyVAE = pretrained.load_pretrained;"
    keras += film.format(str(place / "keras.gif"))
    tensorflow = partial(program, "-c", "import tensorflow")
    show_help = "from glyphnb.cli.main import main; main(['--help'])"
    yield (
        "import glyphnb / import tensorflow",
        20,
        paired(tensorflow, partial(program, "-c", "import glyphnb"), runs),
    )
    yield (
        "glyphnb --help / import tensorflow",
        20,
        paired(tensorflow, partial(program, "-c", show_help), runs),
    )
    yield (
        "glyphnb morph ب ق / the same through Keras",
        3,
        paired(partial(program, "-c", keras), partial(program, "-c", plain), runs),
    )


def step_rows(place: Path, runs: int, quick: bool):
    "One training step of the article's own networks on the same batch of 128."

    def step(kind, **options):
        task = {"data": "letters", "n": 1600, "no_validation": True, "epochs": 2 if quick else 4}
        return worker(kind=kind, side="article", **task, **options)["step"]

    def torch_step(kind):
        return float(program(HERE / "torch_step.py", kind))

    for kind in ("autoencoder", "vae"):
        rows = [(step(kind), step(kind, settings="ours")) for _ in range(runs)]
        yield f"step of the article's {kind} / stock Keras fit", 1.3, [a / b for a, b in rows]
        try:
            own = [rows[0][1]] if quick else [step(kind, settings="ours") for _ in range(runs)]
            rows = [(torch_step(kind), ours) for ours in own]
        except subprocess.CalledProcessError:
            print(f"{'':4}(PyTorch is not installed: its steps are left out)", flush=True)
            continue
        yield f"step of the article's {kind} / PyTorch", 1.3, [a / b for a, b in rows]


RECIPES = {"autoencoder": (15, 20, 8), "vae": (30, 10, 20)}  # the article's epochs, ours, the goal
FACES = {
    "autoencoder": ("conv", 15),
    "vae": ("dense", 10),
}  # ours for unseen faces: network, epochs


def training_rows(place: Path, runs: int, quick: bool):
    "Whole trainings, validation included: ours before and after the article's."
    n = 400 if quick else 10_000
    for kind, (epochs, own_epochs, goal) in RECIPES.items():
        ours = [worker(kind=kind, side="ours", data="letters", n=n, epochs=own_epochs)]
        theirs = worker(kind=kind, side="article", data="letters", n=n, epochs=epochs)
        if not quick:
            ours.append(worker(kind=kind, side="ours", data="letters", n=n, epochs=own_epochs))
        final = [run["epochs"][-1]["loss"] for run in (theirs, *ours)]
        entropy = f"the pixels' entropy is {theirs['entropy']:.1f} of it"
        print(f"{'':4}last loss {final[0]:.1f}, ours {max(final[1:]):.1f}; {entropy}", flush=True)
        whole = [sum(epoch["seconds"] for epoch in run["epochs"]) for run in (theirs, *ours)]
        reached = [t * (loss <= final[0]) for t, loss in zip(whole[1:], final[1:], strict=True)]
        ratios = [whole[0] / t if t else 0.0 for t in reached]  # 0: the loss was not reached
        yield f"training the {kind} to the recipe's last loss / the recipe", goal, ratios
        if kind == "vae" and not quick:
            epochs = int(whole[0] / statistics.median(e["seconds"] for e in ours[0]["epochs"]))
            run = worker(kind=kind, side="ours", data="letters", n=n, epochs=epochs)
            gained = final[0] - run["epochs"][-1]["loss"]
            yield f"nats below the recipe in its time ({epochs} epochs)", 25, [gained]


def face_rows(place: Path, runs: int, quick: bool):
    "Letters of five typefaces that no training image shows, in no more than the recipe's time."
    task = {"data": "faces", "n": 10_000}
    for kind, (arch, own_epochs) in () if quick else FACES.items():
        theirs = worker(kind=kind, side="article", epochs=RECIPES[kind][0], **task)
        ours = worker(kind=kind, side="ours", arch=arch, epochs=own_epochs, **task)
        whole = [sum(epoch["seconds"] for epoch in run["epochs"]) for run in (theirs, ours)]
        gained = theirs["epochs"][-1]["loss"] - ours["epochs"][-1]["loss"]
        share = f"{whole[1] / whole[0]:.2f} of its time"
        yield f"unseen faces, {kind}: nats below the recipe in {share}", 0, [gained]


def memory_rows(place: Path, runs: int, quick: bool):
    "Peak growth while training, against the size of the data."
    for kind in () if quick else RECIPES:
        small, large = (
            worker(kind=kind, side="ours", data="noise", n=n, epochs=2) for n in (2_000, 12_000)
        )
        grown = (large["grown"] - small["grown"]) / (large["data"] - small["data"])
        yield f"{kind}: bytes of data / bytes of growth", 1, [1 / max(grown, 1e-3)]


def card_rows(place: Path, runs: int, quick: bool):
    "What a graphics card makes of it, where Keras has one: KERAS_BACKEND chooses the backend."
    if "cpu" in program("-c", "import keras; print(keras.ops.zeros(1).device)").lower():
        print(f"{'':4}(Keras sees no graphics card: its rows are left out)", flush=True)
        return
    card = json.loads(program(HERE / "card.py"))
    print(f"{'':4}{card['device']}, {card['operations a second']:.3g} operations a second")
    for case, figures in card["cases"].items():
        for name, value in figures.items():
            yield f"{case}: {name}", None, [value]


GROUPS = [data_rows, plane_rows, program_rows, memory_rows, step_rows, training_rows, face_rows]
GROUPS += [card_rows]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small data, one pair a row")
    parser.add_argument("--only", default="", metavar="WORD", help="groups with WORD in their name")
    parser.add_argument("--runs", type=int, help="pairs per row (default: 3, or 1 with --quick)")
    parser.add_argument(
        "--json", metavar="FILE", help="write the table there; with --only, other rows stay"
    )
    arguments = parser.parse_args()
    runs = arguments.runs or (1 if arguments.quick else 3)
    kept = arguments.only and arguments.json and Path(arguments.json).exists()
    table = json.loads(Path(arguments.json).read_text()) if kept else {}
    print(
        f"{'ours / the other way':70} {'goal':>6} {'median':>8} {'min':>8} {'max':>8}", flush=True
    )
    for group in GROUPS:
        if arguments.only not in group.__name__:
            continue
        with tempfile.TemporaryDirectory() as place:
            for name, goal, values in group(Path(place), runs, arguments.quick):
                row = {"goal": goal, "median": statistics.median(values)}
                table[name] = row | {"min": min(values), "max": max(values)}
                figures = " ".join(f"{value:8.1f}" for value in list(table[name].values())[1:])
                print(f"{name:70} {'' if goal is None else goal:>6} {figures}", flush=True)
                if arguments.json:  # row by row: a run that is stopped keeps what it has measured
                    text = json.dumps(table, indent=2, ensure_ascii=False) + "\n"
                    Path(arguments.json).write_text(text)


if __name__ == "__main__":
    main()
