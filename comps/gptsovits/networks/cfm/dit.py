"""The diffusion transformer: where a noisy mel should move (DiT, Peebles & Xie 2023; as in F5-TTS)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.networks.cfm.condition import FeatureEmbedding, TimeEmbedding

CONV_POSITION_KERNEL = 31
CONV_POSITION_GROUPS = 16


@dataclass(frozen=True)
class DitConfig:
    n_mels: int
    feature_dim: int  # of the frame features it is conditioned on
    dim: int
    n_layers: int
    n_heads: int
    head_dim: int
    ffn_dim: int
    n_feature_blocks: int
    feature_ffn_dim: int


class Dit(nn.Module):
    """`noisy`, `prompt` `[B, M, n_mels]` and embedded features `[B, M, C]` -> velocity `[B, M, n_mels]`."""

    rotations: Tensor

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.config = config
        self.time = TimeEmbedding(config.dim)
        self.step_size = TimeEmbedding(config.dim)
        self.features = FeatureEmbedding(config.feature_dim, config.n_feature_blocks, config.feature_ffn_dim)
        self.project = nn.Linear(2 * config.n_mels + config.feature_dim, config.dim)
        self.neighbourhood = ConvPositions(config.dim)
        self.register_buffer("rotations", rotations(config.head_dim))  # stored with the weights
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.modulation = nn.Linear(config.dim, 2 * config.dim)
        self.out = nn.Linear(config.dim, config.n_mels)

    def forward(self, noisy: Tensor, prompt: Tensor, features: Tensor, moment: Tensor) -> Tensor:
        """`features` from `embed_features`, `moment [B, C]` from `embed_moment`."""
        x = self.project(torch.cat([noisy, prompt, features], -1))  # [B, M, C]
        x = x + self.neighbourhood(x)
        angles = torch.arange(x.shape[1], device=x.device)[:, None] * self.rotations.float()  # [M, D / 2]
        for block in self.blocks:
            x = block(x, moment, angles)
        scale, shift = self.modulation(F.silu(moment))[:, None].chunk(2, dim=-1)  # [B, 1, C]
        velocity: Tensor = self.out(_normed(x) * (1 + scale) + shift)
        return velocity

    def embed_features(self, features: Tensor) -> Tensor:
        """Frame features `[B, M, feature_dim]` as `forward` takes them. The same at every solver step."""
        embedded: Tensor = self.features(features)
        return embedded

    def embed_moment(self, time: Tensor, step_size: Tensor) -> Tensor:
        """Solver time and step size, each `[B]` in 0 … 1 -> `[B, C]`."""
        moment: Tensor = self.time(time) + self.step_size(step_size)
        return moment


class ConvPositions(nn.Module):
    """Where a frame stands, told by what is around it: two wide grouped convolutions, `[B, T, C]`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(
                dim,
                dim,
                CONV_POSITION_KERNEL,
                groups=CONV_POSITION_GROUPS,
                padding=CONV_POSITION_KERNEL // 2,
            )
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)  # [B, C, T]
        for conv in self.convs:
            x = F.mish(conv(x))
        return x.transpose(1, 2)


class Block(nn.Module):
    """Attention and feed-forward; the moment scales, shifts and gates both (adaLN-Zero)."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        inner = config.n_heads * config.head_dim
        self.n_heads = config.n_heads
        self.modulation = nn.Linear(config.dim, 6 * config.dim)
        self.query = nn.Linear(config.dim, inner)
        self.key = nn.Linear(config.dim, inner)
        self.value = nn.Linear(config.dim, inner)
        self.out = nn.Linear(inner, config.dim)
        self.expand = nn.Linear(config.dim, config.ffn_dim)
        self.contract = nn.Linear(config.ffn_dim, config.dim)

    def forward(self, x: Tensor, moment: Tensor, angles: Tensor) -> Tensor:
        parts = self.modulation(F.silu(moment))[:, None].chunk(6, dim=-1)  # each [B, 1, C]
        shift_attention, scale_attention, gate_attention, shift_ffn, scale_ffn, gate_ffn = parts
        attended = self._attend(_normed(x) * (1 + scale_attention) + shift_attention, angles)
        x = x + gate_attention * attended
        hidden = self.expand(_normed(x) * (1 + scale_ffn) + shift_ffn)
        return x + gate_ffn * self.contract(F.gelu(hidden, approximate="tanh"))

    def _attend(self, x: Tensor, angles: Tensor) -> Tensor:
        # The rotation is applied before the heads are split, and is as wide as one head: so the first head
        # alone knows the positions. A trait of the architecture that the weights were trained with.
        query, key, value = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)  # [B, H, M, D]
            for part in (rotated(self.query(x), angles), rotated(self.key(x), angles), self.value(x))
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        attended: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return attended


def rotations(head_dim: int) -> Tensor:
    """Radians a frame for each pair of channels, `[D / 2]`."""
    return 1.0 / 10_000.0 ** (torch.arange(0, head_dim, 2) / head_dim)


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """`x [B, T, C]` with its first channels turned in pairs by `angles [T, pairs]` (RoPE, Su et al. 2021)."""
    turned, kept = x.split([2 * angles.shape[-1], x.shape[-1] - 2 * angles.shape[-1]], dim=-1)
    even, odd = turned.float().unflatten(-1, (-1, 2)).unbind(-1)  # each [B, T, pairs]
    cosine, sine = angles.cos(), angles.sin()
    pairs = torch.stack([even * cosine - odd * sine, odd * cosine + even * sine], -1)
    return torch.cat([pairs.flatten(-2).to(x.dtype), kept], -1)


def _normed(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)
