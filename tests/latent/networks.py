"""Decoders with random weights, for tests of paths."""

import numpy as np


def network(seed, latent_dim, pixels=12):
    "A smooth decoder with random weights."
    rng = np.random.default_rng(seed)
    first, last = rng.normal(size=(latent_dim, 16)), rng.normal(size=(16, pixels)) / 4

    def decode(codes):
        return (np.tanh(np.asarray(codes, "float64") @ first) @ last).reshape(-1, 3, 4, 1)

    return decode


def step_lengths(decode, codes):
    return np.linalg.norm(np.diff(decode(codes).reshape(len(codes), -1), axis=0), axis=1)
