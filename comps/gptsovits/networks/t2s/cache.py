"""The key/value cache of the T2S transformer: two tensors and their lengths, allocated once."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.networks.layers.masks import length_mask
from comps.gptsovits.networks.t2s.config import T2SConfig


class Turn(Protocol):
    """One step of some rows: what every layer of it needs of the cache. `token_positions [B]`."""

    token_positions: Tensor

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Keep a layer's new key and value, and let the query see the whole row: each `[B, H, 1, D]`."""
        ...

    def finish(self) -> None:
        """All layers are through: the rows are one position longer."""
        ...


class Store(Protocol):
    """What a prefill needs of a cache."""

    def store(self, layer: int, row: int, keys: Tensor, values: Tensor) -> None: ...

    def occupy(self, row: int, *, n_phonemes: int, n_tokens: int) -> None: ...


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
        self.keys, self.values = (self._allocate(shape, device, dtype) for _ in range(2))
        self.lengths = torch.zeros(n_rows, dtype=torch.long, device=device)  # positions filled
        self.n_phonemes = torch.zeros(n_rows, dtype=torch.long, device=device)

    @staticmethod
    def _allocate(shape: tuple[int, ...], device: torch.device | str, dtype: torch.dtype) -> Tensor:
        # What is masked is still multiplied, by zero: it has to be a number.
        return torch.zeros(shape, device=device, dtype=dtype)

    @property
    def capacity(self) -> int:
        return self.keys.shape[3]

    @property
    def n_bytes(self) -> int:
        return 2 * self.keys.numel() * self.keys.element_size()

    def store(self, layer: int, row: int, keys: Tensor, values: Tensor) -> None:
        """A layer's first keys and values of a row: each `[H, T, D]`."""
        n = keys.shape[1]
        self.keys[layer, row, :, :n] = keys.to(self.keys.dtype)
        self.values[layer, row, :, :n] = values.to(self.values.dtype)

    def occupy(self, row: int, *, n_phonemes: int, n_tokens: int) -> None:
        """All layers of a row are stored."""
        self.lengths[row] = n_phonemes + n_tokens
        self.n_phonemes[row] = n_phonemes

    def turn(self, rows: Tensor) -> Turn:
        """The next step of `rows [B]`."""
        return MaskedTurn(self, rows)

    def view(self, layer: int, rows: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values of `rows [B]`, the first `length` positions: each `[B, H, length, D]`."""
        if rows.numel() == 1:  # no copy for the common case of one running sequence
            row = int(rows)
            return self.keys[layer, row : row + 1, :, :length], self.values[layer, row : row + 1, :, :length]
        return self.keys[layer, rows, :, :length], self.values[layer, rows, :, :length]


class MaskedTurn:
    """All rows attend at once, as long as the longest; a mask hides what lies beyond a shorter row."""

    def __init__(self, cache: KVCache, rows: Tensor) -> None:
        self._cache = cache
        self._rows = rows
        self._positions = cache.lengths[rows]
        self._length = int(self._positions.max()) + 1
        self._mask = None
        if rows.numel() > 1:
            self._mask = length_mask(self._positions + 1, self._length)[:, None, None]  # [B, 1, 1, N]
        self.token_positions = self._positions - cache.n_phonemes[rows]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        cache = self._cache
        cache.keys[layer, self._rows, :, self._positions] = key[:, :, 0].to(cache.keys.dtype)
        cache.values[layer, self._rows, :, self._positions] = value[:, :, 0].to(cache.values.dtype)
        keys, values = cache.view(layer, self._rows, self._length)
        return F.scaled_dot_product_attention(query, keys.to(query), values.to(query), attn_mask=self._mask)

    def finish(self) -> None:
        self._cache.lengths[self._rows] = self._positions + 1
