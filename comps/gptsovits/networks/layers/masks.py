"""Masks over time, for batches whose rows differ in length."""

import torch
from torch import Tensor


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """True where a position holds data: lengths `[B]` -> bool `[B, size]`."""
    return torch.arange(size, device=lengths.device)[None] < lengths[:, None]


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """`x [B, C, T]` with padding set to zero; `mask [B, T]` is None when nothing is padded."""
    return x if mask is None else x * mask[:, None].to(x.dtype)
