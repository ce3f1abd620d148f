"""BigVGAN (Lee et al. 2023): mel frames -> samples. The vocoder of v3."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from comps.gptsovits.networks.vocoders.antialias import AliasFreeSnake
from comps.gptsovits.networks.vocoders.hifigan import same_length_convs


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

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(x)
        total: Tensor = self.blocks[0](x)
        for block in self.blocks[1:]:
            total = total + block(x)
        return total / len(self.blocks)


class BigVgan(nn.Module):
    """Log mels `[B, n_mels, M]` -> samples `[B, M · hop_length]` in -1 … 1."""

    def __init__(self, config: BigVganConfig) -> None:
        super().__init__()
        self.config = config
        self.conv_in = nn.Conv1d(config.in_channels, config.initial_channels, 7, padding=3)
        self.stages = nn.ModuleList(
            Stage(config.initial_channels // 2**i, rate, kernel, config)
            for i, (rate, kernel) in enumerate(
                zip(config.upsample_rates, config.upsample_kernels, strict=True)
            )
        )
        last = config.initial_channels // 2 ** len(config.upsample_rates)
        self.snake = AliasFreeSnake(last)
        self.conv_out = nn.Conv1d(last, 1, 7, padding=3, bias=config.has_output_bias)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.conv_in(mel)
        for stage in self.stages:
            x = stage(x)
        x = self.conv_out(self.snake(x)).squeeze(1)
        return torch.tanh(x) if self.config.has_output_tanh else x.clamp(-1.0, 1.0)
