"""One post-norm transformer block, with and without a cache."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.networks.t2s.cache import Turn
from comps.gptsovits.networks.t2s.config import T2SConfig


class Block(nn.Module):
    def __init__(self, config: T2SConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.out = nn.Linear(config.dim, config.dim)
        self.norm1 = nn.LayerNorm(config.dim)
        self.expand = nn.Linear(config.dim, config.ffn_dim)
        self.contract = nn.Linear(config.ffn_dim, config.dim)
        self.norm2 = nn.LayerNorm(config.dim)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`x [B, T, C]`, `mask [T, T]` or `[B, 1, T, T]`, True where a query may look.

        Returns the output and this block's keys and values `[B, H, T, D]`.
        """
        query, key, value = self._project(x)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self._finish(x, mixed), key, value

    def step(self, x: Tensor, layer: int, turn: Turn) -> Tensor:
        """One position per row: `x [B, 1, C]` -> `[B, 1, C]`."""
        return self._finish(x, turn.attend(layer, *self._project(x)))

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        heads = self.qkv(x).unflatten(-1, (3, self.n_heads, -1))  # [B, T, 3, H, D]
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)  # each [B, H, T, D]
        return query, key, value

    def _finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        x = self.norm1(x + self.out(mixed.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.contract(torch.relu(self.expand(x))))
