"""Slots: which row of the KV cache belongs to whom. Integers only."""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush


class Slots:
    """Hands out the rows `0 … n_rows - 1`, the lowest free one first, so that busy rows stay together."""

    def __init__(self, n_rows: int) -> None:
        if n_rows < 1:
            raise ValueError(f"a cache has at least one row, not {n_rows}")
        self.n_rows = n_rows
        self._free = list(range(n_rows))
        heapify(self._free)
        self._rows: dict[Hashable, int] = {}

    @property
    def n_free(self) -> int:
        return len(self._free)

    def take(self, owner: Hashable) -> int:
        """A row for `owner`. Raises `LookupError` when none is free or the owner has one already."""
        if owner in self._rows:
            raise LookupError(f"{owner!r} has row {self._rows[owner]} already")
        if not self._free:
            raise LookupError("no row is free")
        row = self._rows[owner] = heappop(self._free)
        return row

    def row(self, owner: Hashable) -> int:
        return self._rows[owner]

    def release(self, owner: Hashable) -> None:
        """Frees the owner's row; nothing happens when it has none."""
        row = self._rows.pop(owner, None)
        if row is not None:
            heappush(self._free, row)
