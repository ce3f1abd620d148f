"""A linear layer whose weights are packed: what a prefill uses of the compiled functions."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.native.library import Library
from comps.gptsovits.native.packing import Packed


class PackedLinear(nn.Module):
    """`x [..., K]` -> `[..., N]` in float32; each row of the result is the same whoever its neighbours are.

    Takes the place of an `nn.Linear`, whose weights it keeps packed alone: its state dict is empty.
    With `n_heads`, outputs are packed head by head, `[H, 3, D]`, and given back as `[3, H, D]`.
    """

    def __init__(self, packed: Packed, library: Library, *, n_heads: int | None = None) -> None:
        super().__init__()
        self.packed = packed
        self.n_heads = n_heads
        self._library = library

    def forward(self, x: Tensor) -> Tensor:
        packed = self.packed
        rows = x.reshape(-1, packed.n_in).float()
        rows = F.pad(rows, (0, packed.padded_in - packed.n_in)).contiguous()
        y = torch.empty(len(rows), packed.padded_out)
        self._library.linear(packed.view, rows.data_ptr(), len(rows), y.data_ptr(), torch.get_num_threads())
        y = y[:, : packed.n_out]
        if self.n_heads is not None:
            y = y.unflatten(1, (self.n_heads, 3, -1)).transpose(1, 2).flatten(1)
        return y.view(*x.shape[:-1], packed.n_out)

    def holding(self, packed: Packed) -> "PackedLinear":
        """The same layer with other weights."""
        return PackedLinear(packed, self._library, n_heads=self.n_heads)


def by_head(rows: Tensor, n_heads: int) -> Tensor:
    """`[3 H D, ...]` -> the same in the order `[H, 3, D]`."""
    return rows.unflatten(0, (3, n_heads, -1)).transpose(0, 1).flatten(0, 2)
