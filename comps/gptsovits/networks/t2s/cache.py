"""The key/value cache of the T2S transformer: two tensors and their lengths, allocated once."""

from __future__ import annotations

import torch
from torch import Tensor

from comps.gptsovits.networks.t2s.config import T2SConfig


class KVCache:
    """`keys`, `values` `[L, R, H, N, D]` for R rows of at most N positions.

    A row holds one sequence: its phonemes first, then its tokens. Which row belongs to whom is the
    caller's business; nothing here allocates or frees.
    """

    def __init__(
        self,
        config: T2SConfig,
        n_rows: int,
        capacity: int,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        shape = (config.n_layers, n_rows, config.n_heads, capacity, config.head_dim)
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.lengths = torch.zeros(n_rows, dtype=torch.long, device=device)  # positions filled
        self.n_phonemes = torch.zeros(n_rows, dtype=torch.long, device=device)

    @property
    def capacity(self) -> int:
        return self.keys.shape[3]

    @property
    def n_bytes(self) -> int:
        return 2 * self.keys.numel() * self.keys.element_size()

    def clear(self, row: int) -> None:
        """Forget a row. Its memory is overwritten by the next prefill."""
        self.lengths[row] = 0
        self.n_phonemes[row] = 0

    def view(self, layer: int, rows: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values of `rows [B]`, the first `length` positions: each `[B, H, length, D]`."""
        if rows.numel() == 1:  # no copy for the common case of one running sequence
            row = int(rows)
            return self.keys[layer, row : row + 1, :, :length], self.values[layer, row : row + 1, :, :length]
        return self.keys[layer, rows, :, :length], self.values[layer, rows, :, :length]
