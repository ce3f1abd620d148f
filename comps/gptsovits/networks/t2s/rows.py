"""A cache whose rows attend one by one, so that none can tell who else is in the batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.networks.t2s.cache import KVCache


class RowwiseCache(KVCache):
    """As `KVCache`, but a row's attention runs over exactly its own positions.

    A batched attention sums over the longest row's positions, masked; the order of the additions, and with
    it the last bits of the result, then depend on the neighbours. Here they do not, nothing is padded and
    nothing is copied; the price is a call a row, which on a CPU is smaller than the copies it saves.
    """

    @staticmethod
    def _allocate(shape: tuple[int, ...], device: torch.device | str, dtype: torch.dtype) -> Tensor:
        # Nothing is read before it is written, so the system need not find memory before that either.
        return torch.empty(shape, device=device, dtype=dtype)

    def turn(self, rows: Tensor) -> RowwiseTurn:
        return RowwiseTurn(self, rows)


class RowwiseTurn:
    def __init__(self, cache: RowwiseCache, rows: Tensor) -> None:
        self._cache = cache
        self._rows = rows
        positions = cache.lengths[rows]
        self._at: list[tuple[int, int]] = list(zip(rows.tolist(), positions.tolist(), strict=True))
        self.token_positions = positions - cache.n_phonemes[rows]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        mixed = []
        for i, (row, position) in enumerate(self._at):
            keys[row, :, position] = key[i, :, 0]
            values[row, :, position] = value[i, :, 0]
            span = slice(row, row + 1), slice(None), slice(position + 1)
            mixed.append(
                F.scaled_dot_product_attention(
                    query[i : i + 1], keys[span].to(query.dtype), values[span].to(query.dtype)
                )
            )
        return mixed[0] if len(mixed) == 1 else torch.cat(mixed)

    def finish(self) -> None:
        self._cache.lengths[self._rows] += 1
