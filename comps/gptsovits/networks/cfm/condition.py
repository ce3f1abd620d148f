"""What the DiT is conditioned on besides the noisy mel: solver time, step size and frame features."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Positions beyond the table all look like the last one.
N_POSITIONS = 4096
TIME_WAVES = 256
# Times lie in 0 … 1; the sines were laid out for thousandths.
TIME_SCALE = 1000.0


class TimeEmbedding(nn.Module):
    """Scalars `[B]` in 0 … 1 -> `[B, C]`: sines and cosines of geometric frequencies, then two layers."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.expand = nn.Linear(TIME_WAVES, dim)
        self.contract = nn.Linear(dim, dim)

    def forward(self, time: Tensor) -> Tensor:
        half = TIME_WAVES // 2
        waves = torch.exp(
            torch.arange(half, device=time.device, dtype=torch.float32) * (-math.log(10_000) / (half - 1))
        )
        phases = TIME_SCALE * time.float()[:, None] * waves  # [B, waves / 2]
        waved = torch.cat([phases.sin(), phases.cos()], -1).to(time.dtype)
        embedded: Tensor = self.contract(F.silu(self.expand(waved)))
        return embedded


class ResponseNorm(nn.Module):
    """Global response normalisation over time (ConvNeXt V2, Woo et al. 2023), `[B, T, C]`.

    A channel that is louder over the whole sequence than the others are is amplified.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(1, 1, dim))
        self.bias = nn.Parameter(torch.zeros(1, 1, dim))

    def forward(self, x: Tensor) -> Tensor:
        loudness = x.norm(dim=1, keepdim=True)  # [B, 1, C]
        relative = loudness / (loudness.mean(-1, keepdim=True) + 1e-6)
        return self.gain * (x * relative) + self.bias + x


class ConvNeXtBlock(nn.Module):
    """Mixes neighbours channel by channel, then channels frame by frame: `[B, T, C]` -> `[B, T, C]`."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.expand = nn.Linear(dim, hidden)
        self.response = ResponseNorm(hidden)
        self.contract = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.mix(x.transpose(1, 2)).transpose(1, 2)  # [B, T, C]
        hidden = F.gelu(self.expand(self.norm(hidden)))
        return x + self.contract(self.response(hidden))


class FeatureEmbedding(nn.Module):
    """Frame features `[B, M, C]` with their positions, refined by convolutions."""

    positions: Tensor

    def __init__(self, dim: int, n_blocks: int, hidden: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvNeXtBlock(dim, hidden) for _ in range(n_blocks))
        self.register_buffer("positions", position_table(N_POSITIONS, dim), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        if not len(self.blocks):
            return features
        index = torch.arange(features.shape[1], device=features.device).clamp(max=N_POSITIONS - 1)
        x = features + self.positions[index].to(features.dtype)
        for block in self.blocks:
            x = block(x)
        return x


def position_table(n_positions: int, dim: int) -> Tensor:
    """`[n_positions, dim]`: the cosines of all frequencies, then their sines."""
    rates = 1.0 / 10_000.0 ** (torch.arange(0, dim, 2).float() / dim)  # [dim / 2]
    angles = torch.arange(n_positions)[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], -1)
