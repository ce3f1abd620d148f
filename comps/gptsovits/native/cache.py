"""The cache that the compiled step reads."""

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.native.library import LANES, Kind
from comps.gptsovits.native.packing import DTYPES, round_up
from comps.gptsovits.networks.t2s import T2SConfig


class PackedCache:
    """`keys [L, R, H, N / 16, D, 16]`, `values [L, R, H, N, D]` for R rows of at most N positions.

    Nothing is read before it is written, so the system need not find memory before that either. Lengths are
    numbers of Python, for a step reads them one by one.
    """

    def __init__(self, config: T2SConfig, n_rows: int, capacity: int, *, kind: Kind = Kind.FLOAT32) -> None:
        """For a network that was packed as `kind`: keys and values are in bfloat16 unless exact."""
        self.kind = kind = Kind.FLOAT32 if kind is Kind.FLOAT32 else Kind.BFLOAT16
        self.n_rows, self.capacity = n_rows, round_up(capacity, LANES)
        shape = config.n_layers, n_rows, config.n_heads, self.capacity // LANES, config.head_dim, LANES
        self.keys = torch.empty(shape, dtype=DTYPES[kind])
        self.values = torch.empty((*shape[:3], self.capacity, config.head_dim), dtype=DTYPES[kind])
        self.lengths_of = [0] * n_rows  # positions filled
        self.phonemes_of = [0] * n_rows

    def store(self, layer: int, row: int, keys: Tensor, values: Tensor) -> None:
        """A layer's first keys and values of a row: each `[H, T, D]`."""
        n = keys.shape[1]
        self.values[layer, row, :, :n] = values
        blocks = F.pad(keys, (0, 0, 0, -n % LANES)).unflatten(1, (-1, LANES))  # [H, T / 16, 16, D]
        self.keys[layer, row, :, : blocks.shape[1]] = blocks.transpose(2, 3)

    def occupy(self, row: int, *, n_phonemes: int, n_tokens: int) -> None:
        """All layers of a row are stored."""
        self.lengths_of[row] = n_phonemes + n_tokens
        self.phonemes_of[row] = n_phonemes
