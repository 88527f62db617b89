"""Long work in one process: does memory grow, does time?

Usage: python benchmarks/soak.py [--part N] [--only WORD]

A million images are streamed, 20,000 small PNG files are loaded four times, 500 morphs are made,
and ten models are trained, each part in a process of its own and cut into steps. After the
first quarter of the steps, which fill caches, memory and time must stay:

* memory at the end is at most 48 MB above that after the first quarter;
* the median step of the last quarter takes at most 1.25 times as much processor time as that of the
  second quarter.

The exit status is 1 if one of them does not hold. `--part 50` does a fiftieth, for a quick look.
"""

import argparse
import gc
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

MOST_BYTES, MOST_TIMES = 48 << 20, 1.25


class Step(NamedTuple):
    "What one step has cost."

    seconds: float  # of processors, all threads together
    wall: float
    memory: int  # bytes that the process holds after it


class Verdict(NamedTuple):
    "How much more the end takes than what came after the first quarter."

    grown: int  # bytes
    slower: float  # times
    good: bool


def memory() -> int:
    "Bytes of memory that this process holds; where the system does not say, the most it has held."
    pages = Path("/proc/self/statm")
    if pages.is_file():
        return int(pages.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def measure(steps: Iterator) -> list[Step]:
    "Go through a part, step by step."
    found = []
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in steps:
        now = time.process_time(), time.perf_counter()
        found.append(Step(now[0] - cpu, now[1] - wall, memory()))
        cpu, wall = time.process_time(), time.perf_counter()
    return found


def judge(steps: list[Step]) -> Verdict:
    "Compare the end with what comes after the first quarter."
    quarter = max(1, len(steps) // 4)
    early, late = steps[quarter : 2 * quarter + 1], steps[-quarter - 1 :]
    grown = steps[-1].memory - steps[quarter].memory
    slower = statistics.median(s.seconds for s in late) / statistics.median(
        s.seconds for s in early
    )
    return Verdict(grown, slower, grown <= MOST_BYTES and slower <= MOST_TIMES)


def stream(share: int) -> Iterator:
    "Images for a training that never repeats one: a million, in 40 steps."
    from glyphnb import Stream, render_glyphs
    from glyphnb.autoencoders.training import Batches

    batches = Batches(Stream(render_glyphs("arabic"), 25_000 // share), batch_size=100, seed=0)
    for epoch in range(40):
        batches.start_epoch(epoch)
        for number in range(len(batches)):
            assert batches[number][0].shape[1:] == (64, 64, 1)
        yield


def folder(share: int) -> Iterator:
    "Small PNG files, 20,000 in 20 folders, each loaded four times."
    import numpy as np
    from PIL import Image

    from glyphnb import load_data, render_glyphs

    inks = render_glyphs("latin", size=32).ink
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place, str(k)) for k in range(20)]
        for k, path in enumerate(folders):
            path.mkdir()
            for n in range(1000 // share):
                ink = np.roll(inks[n % 26], n // 26 % 5, axis=1)
                Image.fromarray(255 - ink).save(
                    path / f"{chr(65 + n % 26)}_{k}-{n}.png", compress_level=1
                )
        for path in folders * 4:
            assert len(load_data(path, 32)) == 1000 // share
            yield


def whole_folder(share: int) -> Iterator:
    "The same files in one folder, read one by one: 20 steps of 1,000."
    import numpy as np
    from PIL import Image

    from glyphnb import render_glyphs
    from glyphnb.letters.folders import read_folder

    inks = render_glyphs("latin", size=32).ink
    with tempfile.TemporaryDirectory() as place:
        for n in range(20_000 // share):
            ink = np.roll(inks[n % 26], n // 26 % 5, axis=1)
            Image.fromarray(255 - ink).save(
                Path(place, f"{chr(65 + n % 26)}_{n}.png"), compress_level=1
            )
        for number, _ in enumerate(read_folder(place), 1):
            if number % (1000 // share) == 0:
                yield


def morphs(share: int) -> Iterator:
    "500 films of the shipped model, by the command, in 50 steps."
    from glyphnb.cli.main import main

    letters = "ابجدهوحطيكلمنسعفصقرشت"
    with tempfile.TemporaryDirectory() as place:
        for number in range(500 // share):
            pair = letters[number % 21], letters[(number * 8 + 5) % 21]
            ending = ("gif", "png", "apng")[number % 3]
            words = ["morph", *pair, "--out", f"{place}/{number}.{ending}", "--steps", "10"]
            assert main(words) == 0
            Path(place, f"{number}.{ending}").unlink()
            if number % 10 == 9 or share > 10:
                yield


def trainings(share: int) -> Iterator:
    "Ten VAEs, each trained for three epochs."
    from glyphnb import VAE, augment, render_glyphs, train

    images = augment(render_glyphs("arabic"), 6000 // share, seed=0)
    for seed in range(10):
        losses = train(VAE(seed=seed), images, epochs=3, seed=seed)["loss"]
        assert losses[-1] < losses[0]
        gc.collect()  # a model is a cycle, which goes when Python looks for garbage: it may wait
        yield


PARTS: dict[str, Callable[[int], Iterator]] = {
    "stream": stream,
    "folder": folder,
    "whole-folder": whole_folder,
    "morphs": morphs,
    "trainings": trainings,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--part", type=int, default=1, help="do this part of it: 50 is a fiftieth")
    parser.add_argument("--only", choices=PARTS, help="one of the parts")
    parser.add_argument("--here", action="store_true", help="in this process, for --only")
    asked = parser.parse_args()
    if not asked.here:
        names = [asked.only] if asked.only else [*PARTS]
        command = [sys.executable, __file__, "--part", str(asked.part), "--here", "--only"]
        quiet = {**os.environ, "TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore"}
        return max(subprocess.run([*command, name], env=quiet).returncode for name in names)
    said = sys.stdout
    with open(os.devnull, "w") as sys.stdout:  # what commands say
        steps = measure(PARTS[asked.only](asked.part))
    sys.stdout = said
    verdict = judge(steps)
    quarter = len(steps) // 4
    print(
        f"{asked.only:13}{len(steps):3} steps, {sum(s.wall for s in steps):5.0f} s; "
        f"memory {steps[0].memory >> 20} MB, {steps[quarter].memory >> 20} after a quarter, "
        f"{steps[-1].memory >> 20} at the end ({verdict.grown / 2**20:+.0f}); "
        f"a step {steps[quarter].seconds:.2f} s of processors, "
        f"{verdict.slower:.2f} times that at the end: {'good' if verdict.good else 'TOO MUCH'}",
        flush=True,
    )
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
