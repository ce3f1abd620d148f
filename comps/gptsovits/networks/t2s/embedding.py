"""Sine positions with a learned strength."""

import math

import torch
from torch import Tensor, nn


def sine_table(n_positions: int, dim: int) -> Tensor:
    """`[n_positions, dim]`, sines and cosines interleaved (Vaswani et al. 2017)."""
    position = torch.arange(n_positions, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, dim, 2, dtype=torch.float32) * (-math.log(10_000.0) / dim))
    table = torch.empty(n_positions, dim)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)
    return table


class SinePositions(nn.Module):
    """Adds `alpha · table[position]`; the table is computed, not stored, and grows on demand."""

    table: Tensor

    def __init__(self, dim: int, n_positions: int = 4096) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1))
        self.register_buffer("table", sine_table(n_positions, dim), persistent=False)

    def at(self, positions: Tensor) -> Tensor:
        """What to add at integer `positions` of any shape: `[...]` -> `[..., C]`."""
        return self.alpha * self.table[positions]

    def first(self, n: int) -> Tensor:
        """What to add at positions 0 … n-1: `[n, C]`."""
        if n > self.table.shape[0]:
            grown = sine_table(2 * n, self.table.shape[1])
            self.table = grown.to(self.table)
        return self.alpha * self.table[:n]
