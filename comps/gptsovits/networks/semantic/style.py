"""Style: who speaks, as one vector from a spectrogram of any length (Meta-StyleSpeech, Min et al. 2021)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL_SIZE = 5
N_HEADS = 2


class GatedConv(nn.Module):
    """A gated convolution beside a residual path, `[B, C, T]`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, 2 * channels, KERNEL_SIZE, padding=KERNEL_SIZE // 2)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.glu(self.conv(x), dim=1)


class StyleAttention(nn.Module):
    """Self-attention beside a residual path, `[B, T, C]`.

    The scores are divided by the root of the *whole* width rather than a head's: a trait of the
    architecture that the weights were trained with.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (N_HEADS, -1)).transpose(1, 2)  # [B, H, T, D]
            for part in (self.query(x), self.key(x), self.value(x))
        )
        scores = query @ key.transpose(-2, -1) / math.sqrt(x.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None], -torch.inf)
        mixed = scores.softmax(-1) @ value
        return x + self.out(mixed.transpose(1, 2).flatten(2))


class StyleEncoder(nn.Module):
    """The first `n_bins` bins of a reference spectrogram `[B, K, T]` -> style `[B, G, 1]`."""

    def __init__(self, n_bins: int, hidden: int, style_dim: int) -> None:
        super().__init__()
        self.n_bins = n_bins
        self.spectral = nn.ModuleList([nn.Linear(n_bins, hidden), nn.Linear(hidden, hidden)])
        self.temporal = nn.ModuleList([GatedConv(hidden), GatedConv(hidden)])
        self.attention = StyleAttention(hidden)
        self.out = nn.Linear(hidden, style_dim)

    def forward(self, spectrogram: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask [B, T]` is True where the spectrogram holds data."""
        x = spectrogram[:, : self.n_bins].transpose(1, 2)  # [B, T, K]
        for linear in self.spectral:
            x = linear(x)
            x = x * torch.tanh(F.softplus(x))  # Mish, in the arithmetic of the reference implementation
        x = x.transpose(1, 2)  # [B, C, T]
        for conv in self.temporal:
            x = conv(x)
        x = x.transpose(1, 2)  # [B, T, C]
        if mask is not None:
            x = x * mask[..., None].to(x.dtype)
        x = self.out(self.attention(x, mask))  # [B, T, G]
        if mask is None:
            return (x / x.shape[1]).sum(1)[..., None]
        weights = mask.to(x.dtype)[..., None]
        return ((x * weights).sum(1) / weights.sum(1))[..., None]


class SpeakerFusion(nn.Module):
    """Adds a speaker-verification vector to the style (v2Pro, v2ProPlus)."""

    def __init__(self, speaker_dim: int, style_dim: int, prior_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(speaker_dim, style_dim)
        self.activation = nn.PReLU(style_dim)
        self.to_prior = nn.Linear(style_dim, prior_dim)

    def forward(self, style: Tensor, speaker: Tensor) -> Tensor:
        """`style [B, G, 1]`, `speaker [B, E]` -> `[B, G, 1]`."""
        return self.activation(style + self.project(speaker)[..., None])

    def for_prior(self, style: Tensor) -> Tensor:
        """The narrower style that the semantic prior was trained with: `[B, G, 1]` -> `[B, M, 1]`."""
        return self.to_prior(style.transpose(1, 2)).transpose(1, 2)
