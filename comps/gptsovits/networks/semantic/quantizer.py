"""Content features to semantic tokens and back: one codebook at 25 tokens a second."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SemanticQuantizer(nn.Module):
    """A strided projection and a frozen codebook. `D` is the width of the content features."""

    codebook: Tensor

    def __init__(self, n_bins: int, dim: int, *, feature_dim: int | None = None, stride: int = 2) -> None:
        """`stride` 2 pairs 50 Hz frames into 25 Hz tokens; early models at 50 tokens a second have 1."""
        super().__init__()
        self.project = nn.Conv1d(feature_dim or dim, dim, stride, stride=stride)
        self.register_buffer("codebook", torch.zeros(n_bins, dim))  # [bins, D]

    def encode(self, features: Tensor) -> Tensor:
        """Nearest codebook row per projected frame: `[B, D, T]` -> tokens `[B, T // stride]`."""
        x = self.project(features).transpose(1, 2)  # [B, S, D]
        # |x|² is the same for every row of the codebook, but it takes part in the rounding that breaks
        # ties: kept, so that the tokens equal the reference implementation's.
        distance = x.pow(2).sum(-1, keepdim=True) - 2 * x @ self.codebook.T + self.codebook.pow(2).sum(-1)
        return distance.argmin(-1)

    def decode(self, tokens: Tensor) -> Tensor:
        """Codebook rows: tokens `[B, S]` -> `[B, D, S]`."""
        return F.embedding(tokens, self.codebook).transpose(1, 2)
