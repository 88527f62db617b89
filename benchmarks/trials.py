"""The trials behind the default networks and schedule, of ten epochs where nothing else is said.

"vae" and "autoencoder" are trained and tested on the article's split, where both halves show the
same letters; "faces" are autoencoders trained on 16 typefaces and tested on 5 others. Time is
processor time, which other programs on the machine disturb little.

Usage: python benchmarks/trials.py [--only WORD] [--json FILE]

The chapters on training and on the VAE show the tables that this writes to
glyphnb/static/trials.json. With --only, the other rows of that file stay; the default is trained
again, because times are relative to it.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import keras
from keras import layers
from worker import make_data

import glyphnb
from glyphnb import VAE, Autoencoder, pixel_entropy, train

TABLE = Path(glyphnb.__file__).parent / "static" / "trials.json"
VAE_DEFAULT = {"encoder": (48, 64), "decoder": (128, 128, 64), "learning_rate": 4e-3}
AE_DEFAULT = {"encoder": (256,), "decoder": (256,), "learning_rate": 3e-3}
TRIALS = {
    "vae": {
        "the default": {},
        "seed 1": {"seed": 1},
        "seed 2": {"seed": 2},
        "ReLU in place of GELU": {"activation": "relu"},
        "wide: 512 | 512": {"encoder": (512,), "decoder": (512,)},
        "shallow decoder: 48, 64 | 256": {"decoder": (256,)},
        "peak rate 1e-3": {"learning_rate": 1e-3},
        "peak rate 1.6e-2": {"learning_rate": 1.6e-2},
        "constant rate 1e-3": {"constant": 1e-3},
        "constant rate 4e-3": {"constant": 4e-3},
        "batches of 32": {"batch_size": 32},
        "batches of 128": {"batch_size": 128},
        "last bias 0": {"bias": 0.0},
    },
    "autoencoder": {
        "the default": {},
        "linear encoder: | 512": {"encoder": (), "decoder": (512,)},
        "wide: 512 | 512": {"encoder": (512,), "decoder": (512,)},
        "conv": {"arch": "conv"},
    },
    "faces": {
        "the default": {},
        "the default, 20 epochs": {"epochs": 20},
        "conv, 5 epochs": {"arch": "conv", "epochs": 5},
    },
}


def networks(kind, given):
    "An encoder and a decoder of dense layers; the VAE makes two outputs of one of twice the width."
    latent_dim, outputs = (2, 4) if kind == "vae" else (128, 128)
    images = keras.Input((64, 64, 1))
    x = layers.Flatten()(images)
    for width in given["encoder"]:
        x = layers.Dense(width, activation=given["activation"])(x)
    encoder = keras.Model(images, layers.Dense(outputs)(x))
    codes = x = keras.Input((latent_dim,))
    for width in given["decoder"]:
        x = layers.Dense(width, given["activation"], kernel_initializer="he_normal")(x)
    x = layers.Dense(64 * 64, bias_initializer=keras.initializers.Constant(given["bias"]))(x)
    return {"encoder": encoder, "decoder": keras.Model(codes, layers.Reshape((64, 64, 1))(x))}


def trial(kind, images, validation, epochs=10, **changes) -> dict:
    "Train one variant; a dense one unless `arch` says otherwise."
    given = {"activation": "gelu", "bias": -3.0, "batch_size": 64, "constant": 0.0, "seed": 0}
    given |= (VAE_DEFAULT if kind == "vae" else AE_DEFAULT) | changes
    keras.utils.set_random_seed(given["seed"])
    options = {"arch": given["arch"]} if "arch" in given else networks(kind, given)
    model = VAE(2, **options) if kind == "vae" else Autoencoder(128, **options)
    times = [time.process_time()]
    clock = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: times.append(time.process_time())
    )
    if given["constant"]:
        model.compile(keras.optimizers.Adam(given["constant"]))
        history = model.fit(
            images,
            validation_data=(validation, validation),
            epochs=epochs,
            batch_size=given["batch_size"],
            callbacks=[clock],
            verbose=0,
        ).history
    else:
        options = {name: given[name] for name in ("batch_size", "learning_rate", "seed")}
        history = train(model, images, validation, epochs, callbacks=(clock,), **options)
    seconds = epochs * statistics.median(b - a for a, b in zip(times, times[1:], strict=False))
    return {"nats": history["val_loss"][-1], "seconds": seconds, "weights": model.count_params()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="WORD", help="rows with WORD in their name")
    parser.add_argument("--json", default=TABLE, metavar="FILE")
    arguments = parser.parse_args()
    path = Path(arguments.json)
    table = json.loads(path.read_text()) if arguments.only and path.exists() else {}
    for kind, variants in TRIALS.items():
        chosen = {name: variants[name] for name in variants if arguments.only in f"{kind}: {name}"}
        if not chosen:
            continue
        images, validation = make_data("faces" if kind == "faces" else "letters", 10_000)
        table["entropy, faces" if kind == "faces" else "entropy"] = pixel_entropy(validation)
        for name, changes in ({"the default": {}} | chosen).items():
            row = trial(kind, images, validation, **changes)
            table.setdefault(kind, {})[name] = row
            row["relative"] = row["seconds"] / table[kind]["the default"]["seconds"]
            figures = f"{row['nats']:8.1f} nats {row['relative']:6.1f} x time {row['weights']:10,}"
            print(f"{kind:12} {name:32} {figures}", flush=True)
            path.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
