"""BigVGAN (Lee et al. 2023): mel frames -> samples. The vocoder of v3."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor, nn

from comps.gptsovits.networks.vocoders.antialias import AliasFreeSnake
from comps.gptsovits.networks.vocoders.hifigan import END_KERNEL, same_length_convs
from comps.gptsovits.networks.vocoders.margins import Margins, VocoderMargins

# How many samples (at its own stage's rate) an anti-aliased activation looks to each side.
SNAKE_REACH = 6


@dataclass(frozen=True)
class BigVganConfig:
    in_channels: int
    initial_channels: int
    upsample_rates: tuple[int, ...]
    upsample_kernels: tuple[int, ...]
    resblock_kernels: tuple[int, ...]
    resblock_dilations: tuple[tuple[int, ...], ...]
    has_output_bias: bool = False
    has_output_tanh: bool = False  # False: the samples are clamped to -1 … 1

    @property
    def hop_length(self) -> int:
        """Samples per mel frame."""
        return prod(self.upsample_rates)

    @cached_property
    def margins(self) -> VocoderMargins:
        """How far each stage looks."""
        reach = max(
            sum((size - 1) // 2 * (dilation + 1) + 2 * SNAKE_REACH for dilation in dilations)
            for size, dilations in zip(self.resblock_kernels, self.resblock_dilations, strict=True)
        )
        ends = END_KERNEL // 2
        return VocoderMargins.of(
            self.upsample_rates, self.upsample_kernels, reach=reach, first=ends, last=ends + SNAKE_REACH
        )

    @property
    def context_frames(self) -> int:
        """How many mel frames away from its own a sample looks, at most."""
        return self.margins.frames


class PeriodicBlock(nn.Module):
    """Pairs of a dilated and a plain convolution behind snakes, each pair beside a residual path."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.dilated = same_length_convs(channels, kernel_size, dilations)
        self.plain = same_length_convs(channels, kernel_size, [1] * len(dilations))
        # In the order they are heard: before the dilated, before the plain, before the next dilated …
        self.snakes = nn.ModuleList(AliasFreeSnake(channels) for _ in range(2 * len(dilations)))

    def forward(self, x: Tensor) -> Tensor:
        for i, (dilated, plain) in enumerate(zip(self.dilated, self.plain, strict=True)):
            hidden = dilated(self.snakes[2 * i](x))
            x = x + plain(self.snakes[2 * i + 1](hidden))
        return x


class Stage(nn.Module):
    """One upsampling step and the mean of its periodic blocks."""

    def __init__(self, channels: int, rate: int, kernel: int, config: BigVganConfig) -> None:
        super().__init__()
        self.up = nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2)
        self.blocks = nn.ModuleList(
            PeriodicBlock(channels // 2, size, dilations)
            for size, dilations in zip(config.resblock_kernels, config.resblock_dilations, strict=True)
        )

    def residual(self, x: Tensor) -> Tensor:
        total: Tensor = self.blocks[0](x)
        for block in self.blocks[1:]:
            total = total + block(x)
        return total / len(self.blocks)


class BigVgan(nn.Module):
    """Log mels `[B, n_mels, M]` -> samples `[B, M · hop_length]` in -1 … 1."""

    def __init__(self, config: BigVganConfig) -> None:
        super().__init__()
        self.config = config
        self.conv_in = nn.Conv1d(
            config.in_channels, config.initial_channels, END_KERNEL, padding=END_KERNEL // 2
        )
        self.stages = nn.ModuleList(
            Stage(config.initial_channels // 2**i, rate, kernel, config)
            for i, (rate, kernel) in enumerate(
                zip(config.upsample_rates, config.upsample_kernels, strict=True)
            )
        )
        last = config.initial_channels // 2 ** len(config.upsample_rates)
        self.snake = AliasFreeSnake(last)
        self.conv_out = nn.Conv1d(last, 1, END_KERNEL, padding=END_KERNEL // 2, bias=config.has_output_bias)

    def forward(self, mel: Tensor, *, context: tuple[int, int] = (0, 0)) -> Tensor:
        """`context` frames at the two ends are looked at and make no samples."""
        needed, margins = self.config.margins, Margins(*context)
        x, margins = margins.trimmed(self.conv_in(mel), needed.embedded)
        for stage, rate, need in zip(self.stages, self.config.upsample_rates, needed.stages, strict=True):
            assert isinstance(stage, Stage)
            x, margins = margins.scaled(rate).trimmed(stage.up(x), need.upsampled)
            x, margins = margins.trimmed(stage.residual(x), need.out)
        x = self.conv_out(self.snake(x)).squeeze(1)
        samples = torch.tanh(x) if self.config.has_output_tanh else x.clamp(-1.0, 1.0)
        return margins.trimmed(samples, 0)[0]
