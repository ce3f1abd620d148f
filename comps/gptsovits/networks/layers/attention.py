"""Multi-head attention over channels-first tensors, with learned relative positions in a window."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RelativePositions(nn.Module):
    """Keys and values for the offsets -w … w, shared by all heads (Shaw et al. 2018; as VITS uses it)."""

    def __init__(self, window: int, head_dim: int) -> None:
        super().__init__()
        self.window = window
        scale = head_dim**-0.5
        self.keys = nn.Parameter(torch.randn(1, 2 * window + 1, head_dim) * scale)  # [1, 2w+1, D]
        self.values = nn.Parameter(torch.randn(1, 2 * window + 1, head_dim) * scale)

    def scores(self, query: Tensor) -> Tensor:
        """What each query adds to the scores of its neighbours: `[B, H, T, D]` -> `[B, H, T, T]`."""
        size = query.shape[2]
        # Some columns of zeros: the matrix kernel for few columns rounds otherwise than that for many, which
        # serves the reference implementation.
        n_near = 2 * self.window + 1
        near = (query @ F.pad(self.keys[0].T, (0, -n_near % 16)))[..., :n_near]  # [B, H, T, 2w+1]
        offsets = self._offsets(size, query.device)
        index = (offsets + self.window).clamp(0, 2 * self.window).expand(*near.shape[:2], size, size)
        return near.gather(-1, index).masked_fill(offsets.abs() > self.window, 0.0)

    def mix(self, weights: Tensor) -> Tensor:
        """Relative values weighted by attention: `[B, H, T, T]` -> `[B, H, T, D]`."""
        size = weights.shape[-1]
        steps = torch.arange(2 * self.window + 1, device=weights.device)
        # Row i of the padded weights holds its own neighbours at columns i … i + 2w.
        index = torch.arange(size, device=weights.device)[:, None] + steps  # [T, 2w+1]
        padded = F.pad(weights, (self.window, self.window))
        near = padded.gather(-1, index.expand(*weights.shape[:2], size, -1))  # [B, H, T, 2w+1]
        return near @ self.values[0]

    @staticmethod
    def _offsets(size: int, device: torch.device) -> Tensor:
        positions = torch.arange(size, device=device)
        return positions[None] - positions[:, None]  # [T, T]


class Attention(nn.Module):
    """Scaled dot-product attention, `[B, C, T]` attending to `[B, C, U]`."""

    def __init__(self, channels: int, n_heads: int, *, window: int | None = None) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Conv1d(channels, channels, 1)
        self.key = nn.Conv1d(channels, channels, 1)
        self.value = nn.Conv1d(channels, channels, 1)
        self.out = nn.Conv1d(channels, channels, 1)
        self.relative = RelativePositions(window, channels // n_heads) if window is not None else None

    def forward(self, x: Tensor, context: Tensor, context_mask: Tensor | None = None) -> Tensor:
        """`context_mask [B, U]` is True where the context holds data. Returns `[B, C, T]`."""
        query = self._heads(self.query(x))  # [B, H, T, D]
        key = self._heads(self.key(context))  # [B, H, U, D]
        value = self._heads(self.value(context))
        query = query / math.sqrt(query.shape[-1])
        scores = query @ key.transpose(-2, -1)  # [B, H, T, U]
        if self.relative is not None:
            scores = scores + self.relative.scores(query)
        if context_mask is not None:
            # A finite value, as the weights were trained with: a row of padding stays a number.
            scores = scores.masked_fill(~context_mask[:, None, None], -1e4)
        weights = scores.softmax(-1)
        mixed = weights @ value  # [B, H, T, D]
        if self.relative is not None:
            mixed = mixed + self.relative.mix(weights)
        return self.out(mixed.transpose(2, 3).flatten(1, 2))  # [B, C, T]

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.n_heads, -1)).transpose(2, 3)  # [B, H, T, D]
