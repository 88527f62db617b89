"""Train one network in a process of its own, and print what it cost as JSON.

Usage: python benchmarks/worker.py '{"kind": "vae", "side": "article", "data": "letters",
                                     "n": 10000, "epochs": 30}'

`side` "article" is the article's recipe: its networks, Adam at 1e-3, batches of 128, and
TensorFlow's stock settings, unless `settings` is "ours". Any other side is a network of this
package (`arch`) with its own schedule. KERAS_BACKEND chooses another backend, and with it a card.
"""

import json
import os
import resource
import statistics
import sys
import time

import numpy as np

import glyphnb


def make_data(name: str, n: int):
    "Four fifths to train on and one fifth to test on."
    from glyphnb import augment, find_fonts, render_glyphs, split_by_source

    if name == "letters":  # the article's random split: both halves show the same 21 letters
        images = augment(render_glyphs("arabic"), n, seed=0).images
        return images[: n * 4 // 5], images[n * 4 // 5 :]
    if name == "faces":  # 16 typefaces to train on, 5 to test on
        letters = render_glyphs("latin", list(find_fonts("abc")), size=128)
        known, unseen = split_by_source(letters, 5 / 21, by="faces", seed=0)
        train, test = augment(known, n * 4 // 5, seed=0), augment(unseen, n // 5, seed=1)
        return train.images, test.images
    if name == "noise":  # made in place, so that the peak of memory is not that of making it
        images = np.random.default_rng(0).random((n, 64, 64, 1), dtype="float32")
        return images[: n * 4 // 5], images[n * 4 // 5 :]
    raise ValueError(f"`data` must be 'letters', 'faces' or 'noise', got {name!r}")


def make_model(kind: str, arch: str):
    from glyphnb import VAE, Autoencoder

    return VAE(2, arch) if kind == "vae" else Autoencoder(128, arch)


def peak() -> int:
    "Most memory that this process has held so far, in bytes."
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(task: dict) -> dict:
    article = task["side"] == "article"
    stock = task.get("settings", "stock" if article else "ours") == "stock"
    for name in glyphnb.settings() if stock else ():
        os.environ.pop(name, None)
    import keras

    from glyphnb import pixel_entropy, train

    train_images, test_images = make_data(task["data"], task["n"])
    model = make_model(task["kind"], "article" if article else task.get("arch", "dense"))
    epochs, steps = [], []
    validation = None if task.get("no_validation") else test_images

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = self.last = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            now = time.perf_counter()
            steps.append(now - self.last)
            self.last = now

        def on_epoch_end(self, epoch, logs=None):
            loss = (logs or {}).get("val_loss")
            epochs.append({"seconds": time.perf_counter() - self.start, "loss": loss})

    before = peak()
    if article:
        model.compile(keras.optimizers.Adam(1e-3))
        model.fit(
            train_images,
            validation_data=None if validation is None else (validation, validation),
            batch_size=128,
            epochs=task["epochs"],
            callbacks=[Clock()],
            verbose=0,
        )
    else:
        options = task.get("options", {})
        train(model, train_images, validation, task["epochs"], callbacks=(Clock(),), **options)
    grown = peak() - before  # before the entropy, which takes memory of its own
    return {
        "epochs": epochs,
        "step": statistics.median(steps[10:] or steps),  # the first ones compile and fill caches
        "entropy": pixel_entropy(test_images),
        "data": train_images.nbytes + test_images.nbytes,
        "grown": grown,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
