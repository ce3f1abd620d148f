"""Vocos (Siuzdak 2023): frames -> the spectra of short windows -> samples. The bundled model's vocoder.

Residual blocks work at the frames' rate, then at a few times that, and an inverse Fourier transform makes the
samples: a tenth of HiFi-GAN's work, and as much less of its training. The original stays at the frames' rate,
which is 94 Hz there; at 50 Hz a window would be too long for the phases to be guessed, hence the second rate.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.networks.vocoders.margins import Margins

KERNEL_SIZE = 7
EXPANSION = 3  # of a block's inner width
MAX_LOG_MAGNITUDE = 5.0  # e^5 in one bin is far beyond full scale
RESIDUAL_SCALE = 0.2  # what a block begins with


@dataclass(frozen=True)
class VocosConfig:
    in_channels: int
    channels: int
    n_layers: int
    rate: int  # how many windows a frame becomes
    window_channels: int
    n_window_layers: int
    window_hop: int  # samples from one window to the next
    n_fft: int  # samples of a window

    @property
    def hop_length(self) -> int:
        """Samples per input frame."""
        return self.rate * self.window_hop

    @property
    def window_context(self) -> int:
        """How many windows away from its own a window's samples look, at most."""
        overlap = math.ceil((self.n_fft - self.window_hop) / 2 / self.window_hop)
        return overlap + KERNEL_SIZE // 2 * self.n_window_layers

    @property
    def context_frames(self) -> int:
        """How many input frames away from its own a sample looks, at most."""
        return math.ceil(self.window_context / self.rate) + KERNEL_SIZE // 2 * (1 + self.n_layers)


class ConvNeXtBlock(nn.Module):
    """Along time each channel for itself, then all channels of a position (Liu et al. 2022), `[B, C, T]`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, KERNEL_SIZE, padding=KERNEL_SIZE // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, EXPANSION * channels)
        self.narrow = nn.Linear(EXPANSION * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), RESIDUAL_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).transpose(1, 2))
        y = self.narrow(F.gelu(self.widen(y))) * self.scale
        return x + y.transpose(1, 2)


class AnyVocos(nn.Module, ABC):
    """However it is computed: `x [B, Z, F]` -> samples `[B, F · hop_length]` in -1 … 1."""

    config: VocosConfig

    @abstractmethod
    def forward(self, x: Tensor, style: Tensor | None = None, *, context: tuple[int, int] = (0, 0)) -> Tensor:
        """`context` frames at the two ends make no samples. A style is not looked at: frames tell all."""


class Vocos(AnyVocos):
    """The network as it is written."""

    window: Tensor

    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.config = config
        self.conv_in = nn.Conv1d(config.in_channels, config.channels, KERNEL_SIZE, padding=KERNEL_SIZE // 2)
        self.frame_blocks = nn.Sequential(*(ConvNeXtBlock(config.channels) for _ in range(config.n_layers)))
        self.frame_norm = nn.LayerNorm(config.channels)
        self.up = nn.Linear(config.channels, config.rate * config.window_channels)
        self.window_blocks = nn.Sequential(
            *(ConvNeXtBlock(config.window_channels) for _ in range(config.n_window_layers))
        )
        self.window_norm = nn.LayerNorm(config.window_channels)
        self.spectrum = nn.Linear(config.window_channels, config.n_fft + 2)  # log-magnitudes, then phases
        nn.init.normal_(self.spectrum.weight, std=0.02)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    def forward(self, x: Tensor, style: Tensor | None = None, *, context: tuple[int, int] = (0, 0)) -> Tensor:
        config = self.config
        x, margins = self.frame_blocks(self.conv_in(x)), Margins(*context)
        x, margins = margins.trimmed(x, math.ceil(config.window_context / config.rate))
        x = self.up(self.frame_norm(x.transpose(1, 2)))  # [B, F, rate · C]
        x = x.unflatten(-1, (config.rate, -1)).flatten(1, 2).transpose(1, 2)  # [B, C, W]
        x = self.window_norm(self.window_blocks(x).transpose(1, 2))
        samples = self._overlapped(self._windows(self.spectrum(x))).to(x.dtype)
        return margins.scaled(config.hop_length).trimmed(samples, 0)[0]

    def _windows(self, spectrum: Tensor) -> Tensor:
        """Log-magnitudes and phases `[B, W, n_fft + 2]` -> windowed samples `[B, W, n_fft]`."""
        log_magnitude, phase = spectrum.float().chunk(2, -1)
        magnitude = log_magnitude.clamp(max=MAX_LOG_MAGNITUDE).exp()
        bins = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
        return torch.fft.irfft(bins, n=self.config.n_fft) * self.window.float()

    def _overlapped(self, windows: Tensor) -> Tensor:
        """Their sum where they overlap, divided by what the windows themselves add up to."""
        n_fft, hop, n = self.config.n_fft, self.config.window_hop, windows.shape[1]
        length, edge = (n - 1) * hop + n_fft, (n_fft - hop) // 2
        shares = self.window.float().square()[None, :, None].expand(1, n_fft, n)
        total, share = (
            F.fold(parts, (1, length), (1, n_fft), stride=(1, hop))[:, 0, 0, edge : length - edge]
            for parts in (windows.transpose(1, 2), shares)
        )
        return (total / share.clamp(min=1e-3)).clamp(-1.0, 1.0)
