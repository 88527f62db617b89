"""Seconds of one PyTorch training step of the article's networks, on a batch of 128.

Usage: python benchmarks/torch_step.py autoencoder|vae
"""

import statistics
import sys
import time

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits


def encoder(variational: bool) -> nn.Sequential:
    layers = []
    for channels, filters in ((1, 32), (32, 64)):
        layers += [nn.Conv2d(channels, filters, 3, stride=2, padding=1), nn.ReLU()]
        layers += [nn.BatchNorm2d(filters)] * variational
    layers.append(nn.Flatten())
    if variational:
        return nn.Sequential(*layers, nn.Linear(16384, 16), nn.BatchNorm1d(16), nn.Linear(16, 4))
    return nn.Sequential(*layers, nn.Linear(16384, 128))


def decoder(variational: bool) -> nn.Sequential:
    layers = [nn.Linear(2 if variational else 128, 16384)]
    layers += [nn.ReLU(), nn.BatchNorm1d(16384)] * variational
    layers.append(nn.Unflatten(1, (64, 16, 16)))
    filters = (64, 16, 8) if variational else (64, 64, 32)
    for before, after in zip(filters, filters[1:], strict=False):
        layers += [nn.ConvTranspose2d(before, after, 3, 2, padding=1, output_padding=1), nn.ReLU()]
        layers += [nn.BatchNorm2d(after)] * variational
    return nn.Sequential(*layers, nn.ConvTranspose2d(filters[-1], 1, 3, padding=1))


def main(variational: bool) -> float:
    torch.manual_seed(0)
    images = (torch.rand(128, 1, 64, 64) < 0.15).float()
    encode, decode = encoder(variational), decoder(variational)
    optimizer = torch.optim.Adam([*encode.parameters(), *decode.parameters()], lr=1e-3)
    times = []
    for _ in range(40):
        start = time.perf_counter()
        codes, divergence = encode(images), 0
        if variational:
            z_mean, z_log_var = codes.chunk(2, dim=1)
            codes = z_mean + torch.exp(0.5 * z_log_var) * torch.randn_like(z_mean)
            divergence = 0.5 * (z_mean**2 + z_log_var.exp() - 1 - z_log_var).sum(dim=1).mean()
        nll = binary_cross_entropy_with_logits(decode(codes), images, reduction="sum") / 128
        optimizer.zero_grad()
        (nll + divergence).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[10:])


if __name__ == "__main__":
    print(main(sys.argv[1] == "vae"))
