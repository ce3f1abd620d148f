"""Weights of official size that need not be stored: each tensor follows from its name, its shape and a seed.

The stored outputs of full-size networks were computed on weights made by this rule:

    generator   numpy RandomState, seeded with crc32(name) XOR seed
    values      mean + std · standard normal (as float32), in the tensor's shape
    precision   rounded to float16, as published files are

with the mean and the spread of `_moments`, chosen so that activations neither vanish nor explode.
"""

from collections.abc import Mapping
from math import prod
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

Shape = tuple[int, ...]

# (mean, spread) by the last part of the name, whatever the shape.
_BY_LAST_PART = {
    "inited": (1.0, 0.0),
    "num_batches_tracked": (0.0, 0.0),
    "running_var": (1.0, 0.05),
    "running_mean": (0.0, 0.05),
    "embed": (0.0, 0.6),
    "embed_avg": (0.0, 0.6),
    "weight_g": (1.0, 0.1),
    "original0": (1.0, 0.1),
}


def rebuilt(shapes: Mapping[str, Shape], *, seed: int) -> dict[str, Tensor]:
    """The tensors of those names and shapes, in float32 after rounding to float16."""
    return {name: _tensor(name, shape, seed) for name, shape in shapes.items()}


def _tensor(name: str, shape: Shape, seed: int) -> Tensor:
    mean, spread = _moments(name, shape)
    if spread == 0.0:
        return torch.full(shape, mean)
    generator = np.random.RandomState((crc32(name.encode()) ^ seed) & 0xFFFFFFFF)
    noise = np.asarray(generator.standard_normal(shape), dtype=np.float32)
    return torch.from_numpy((mean + spread * noise).astype(np.float16).astype(np.float32))


def _moments(name: str, shape: Shape) -> tuple[float, float]:
    last = name.rpartition(".")[2]
    if last in _BY_LAST_PART:
        return _BY_LAST_PART[last]
    if last in ("emb_rel_k", "emb_rel_v"):
        return 0.0, shape[-1] ** -0.5
    if len(shape) <= 1:
        return _mean_of_vector(name, last), 0.05
    if "embedding" in name:
        return 0.0, 0.5
    return 0.0, 0.8 * prod(shape[1:]) ** -0.5


def _mean_of_vector(name: str, last: str) -> float:
    """Slopes of PReLU start at 0.25, scales of norms and snakes at 1, everything else at 0."""
    if "prelu" in name:
        return 0.25
    scales = last == "weight" and ("norm" in name.lower() or ".bn" in name)
    return 1.0 if scales or last in ("gamma", "alpha") else 0.0
