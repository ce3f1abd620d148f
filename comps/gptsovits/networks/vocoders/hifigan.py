"""HiFi-GAN (Kong et al. 2020): latent or mel frames -> samples."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.networks.vocoders.margins import Margins, VocoderMargins

LEAKY_SLOPE = 0.1
# The last activation has PyTorch's default slope: an oddity of the original that the weights know.
LAST_LEAKY_SLOPE = 0.01
END_KERNEL = 7  # of the first and the last convolution


@dataclass(frozen=True)
class HifiGanConfig:
    in_channels: int
    initial_channels: int
    upsample_rates: tuple[int, ...]
    upsample_kernels: tuple[int, ...]
    resblock_kernels: tuple[int, ...]
    resblock_dilations: tuple[tuple[int, ...], ...]
    style_dim: int | None = None  # None: no global condition
    has_output_bias: bool = False

    @property
    def hop_length(self) -> int:
        """Samples per input frame."""
        return prod(self.upsample_rates)

    @cached_property
    def margins(self) -> VocoderMargins:
        """How far each stage looks."""
        reach = max(
            sum((size - 1) // 2 * (dilation + 1) for dilation in dilations)
            for size, dilations in zip(self.resblock_kernels, self.resblock_dilations, strict=True)
        )
        ends = END_KERNEL // 2
        return VocoderMargins.of(
            self.upsample_rates, self.upsample_kernels, reach=reach, first=ends, last=ends
        )

    @property
    def context_frames(self) -> int:
        """How many input frames away from its own a sample looks, at most."""
        return self.margins.frames


def same_length_convs(channels: int, kernel_size: int, dilations: Sequence[int]) -> nn.ModuleList:
    """A convolution for each dilation, padded so that `[B, C, T]` keeps its T."""
    return nn.ModuleList(
        nn.Conv1d(
            channels, channels, kernel_size, dilation=dilation, padding=(kernel_size - 1) * dilation // 2
        )
        for dilation in dilations
    )


class ResBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair beside a residual path."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.dilated = same_length_convs(channels, kernel_size, dilations)
        self.plain = same_length_convs(channels, kernel_size, [1] * len(dilations))

    def forward(self, x: Tensor) -> Tensor:
        for dilated, plain in zip(self.dilated, self.plain, strict=True):
            hidden = dilated(F.leaky_relu(x, LEAKY_SLOPE))
            x = x + plain(F.leaky_relu(hidden, LEAKY_SLOPE))
        return x


class Stage(nn.Module):
    """One upsampling step and the mean of its residual blocks."""

    def __init__(self, channels: int, rate: int, kernel: int, config: HifiGanConfig) -> None:
        super().__init__()
        self.up = nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2)
        self.blocks = nn.ModuleList(
            ResBlock(channels // 2, size, dilations)
            for size, dilations in zip(config.resblock_kernels, config.resblock_dilations, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(self.upsampled(x))

    def upsampled(self, x: Tensor) -> Tensor:
        y: Tensor = self.up(F.leaky_relu(x, LEAKY_SLOPE))
        return y

    def residual(self, x: Tensor) -> Tensor:
        total: Tensor = self.blocks[0](x)
        for block in self.blocks[1:]:
            total = total + block(x)
        return total / len(self.blocks)


class AnyHifiGan(nn.Module, ABC):
    """However it is computed: `x [B, Z, F]`, `style [B, G, 1]` -> samples `[B, F · hop_length]` in -1 … 1."""

    config: HifiGanConfig

    @abstractmethod
    def forward(self, x: Tensor, style: Tensor | None = None, *, context: tuple[int, int] = (0, 0)) -> Tensor:
        """`context` frames at the two ends are looked at and make no samples."""


class HifiGan(AnyHifiGan):
    """The network as it is written."""

    def __init__(self, config: HifiGanConfig) -> None:
        super().__init__()
        self.config = config
        self.conv_in = nn.Conv1d(
            config.in_channels, config.initial_channels, END_KERNEL, padding=END_KERNEL // 2
        )
        self.condition = nn.Conv1d(config.style_dim, config.initial_channels, 1) if config.style_dim else None
        self.stages = nn.ModuleList(
            Stage(config.initial_channels // 2**i, rate, kernel, config)
            for i, (rate, kernel) in enumerate(
                zip(config.upsample_rates, config.upsample_kernels, strict=True)
            )
        )
        last = config.initial_channels // 2 ** len(config.upsample_rates)
        self.conv_out = nn.Conv1d(last, 1, END_KERNEL, padding=END_KERNEL // 2, bias=config.has_output_bias)

    def forward(self, x: Tensor, style: Tensor | None = None, *, context: tuple[int, int] = (0, 0)) -> Tensor:
        needed, margins = self.config.margins, Margins(*context)
        x = self.conv_in(x)
        if self.condition is not None and style is not None:
            x = x + self.condition(style)
        x, margins = margins.trimmed(x, needed.embedded)
        for stage, rate, need in zip(self.stages, self.config.upsample_rates, needed.stages, strict=True):
            assert isinstance(stage, Stage)
            x, margins = margins.scaled(rate).trimmed(stage.upsampled(x), need.upsampled)
            x, margins = margins.trimmed(stage.residual(x), need.out)
        samples = torch.tanh(self.conv_out(F.leaky_relu(x, LAST_LEAKY_SLOPE))).squeeze(1)
        return margins.trimmed(samples, 0)[0]
