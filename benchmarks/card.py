"""What training takes on a graphics card, and how far that is from the card's limit, as JSON.

Usage: KERAS_BACKEND=jax python benchmarks/card.py [EPOCHS]

Any backend of Keras will do, and so will a processor; `device` says what was used. The limit is
the rate of products of large matrices in the same backend and precision: what the device does when
it waits for nothing. A training step counts as three passes through the networks' products: one is
for the loss, and two are for the gradients.
"""

import json
import math
import statistics
import sys
import time

from worker import make_data

from glyphnb import VAE, Autoencoder, train

import keras  # isort: skip
from keras import ops  # isort: skip

CASES = {
    "autoencoder, batches of 64": (lambda: Autoencoder(128), 64),
    "autoencoder, batches of 1024": (lambda: Autoencoder(128), 1024),
    "VAE, batches of 64": (lambda: VAE(), 64),
    "VAE, batches of 1024": (lambda: VAE(), 1024),
    "the article's VAE, batches of 128": (lambda: VAE(arch="article"), 128),
}


def flops(network) -> int:
    "Operations of one image through a network's products, forwards."
    total = 0
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            grid = layer.input if "Transpose" in type(layer).__name__ else layer.output
            total += 2 * math.prod(layer.kernel.shape) * math.prod(grid.shape[1:-1])
    return total


def matmul_rate(size=4096, times=20) -> float:
    "Operations a second in products of square matrices."
    matrix = keras.random.normal((size, size)) / size**0.5
    for count in (2, times):  # the first round compiles
        start, product = time.perf_counter(), matrix
        for _ in range(count):
            product = ops.matmul(product, matrix)
        ops.convert_to_numpy(product[0, 0])  # waits for the last one
    return times * 2 * size**3 / (time.perf_counter() - start)


class Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


def main(epochs: int) -> dict:
    images, _ = make_data("letters", 10_000)
    limit, cases = matmul_rate(), {}
    for name, (make, batch_size) in CASES.items():
        model, clock = make(), Clock()
        train(model, images, None, epochs, batch_size, callbacks=(clock,))
        work = 3 * (flops(model.encoder) + flops(model.decoder))
        rate = len(images) / statistics.median(clock.seconds[1:])
        cases[name] = {
            "samples a second": rate,
            f"seconds for {epochs} epochs": sum(clock.seconds),
            "% of the limit": 100 * work * rate / limit,
        }
    device = f"{keras.backend.backend()} on {ops.zeros(1).device}"
    return {"device": device, "operations a second": limit, "cases": cases}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30), indent=2))
