"""Noise: a sequence's own randomness, as a function of its seed, the step and the token.

Nothing is remembered between draws, so whoever draws next, on whatever device, from a whole vocabulary or
from a few of its tokens, finds the same numbers; sampling.h has the same function. Two precisions of one
network choose alike wherever their logits nearly agree, because a token's noise is the token's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # as a signed number, which is all that torch has
_FACTORS = (0xBF58476D1CE4E5B9 - (1 << 64), 0x94D049BB133111EB - (1 << 64))
_BITS = 23  # what a float holds exactly, with a half more


@dataclass(frozen=True)
class Noise:
    seed: int

    def of_step(self, step: int, vocab_size: int, device: torch.device | str = "cpu") -> Tensor:
        """Exponentially distributed, `[V]`, above 0."""
        steps = torch.tensor([step], device=device)
        return exponential(torch.tensor([self.seed], device=device), steps, vocab_size)[0]


def exponential(seeds: Tensor, steps: Tensor, vocab_size: int) -> Tensor:
    """`[B, V]` for `seeds [B]` and `steps [B]`, both int64."""
    tokens = torch.arange(1, vocab_size + 1, device=seeds.device)
    state = _scrambled(seeds + GOLDEN * (steps + 1))  # [B]
    bits = _shifted(_scrambled(state[:, None] + GOLDEN * tokens), 64 - _BITS)  # [B, V]
    return -torch.log((bits.float() + 0.5) * 2.0**-_BITS)


def _scrambled(z: Tensor) -> Tensor:
    """The finalizer of splitmix64 (Steele, Lea and Flood 2014): each bit depends on every one."""
    z = (z ^ _shifted(z, 30)) * _FACTORS[0]
    z = (z ^ _shifted(z, 27)) * _FACTORS[1]
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, n: int) -> Tensor:
    """To the right, with zeros from the left."""
    return (z >> n) & ((1 << (64 - n)) - 1)
