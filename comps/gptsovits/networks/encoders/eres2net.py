"""Speaker vectors by ERes2NetV2 (Chen et al. 2024): who speaks, from filter banks of any length."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLE_RATE = 16_000
# The network was trained with a ReLU that saturates here.
CEILING = 20.0


@dataclass(frozen=True)
class SpeakerConfig:
    channels: int  # after the first convolution; each stage but the first doubles its width
    n_blocks: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]  # of one of the `scale` groups that a block's channels are split into
    scale: int
    expansion: int
    reduction: int = 4  # in the attention that fuses two maps
    n_mels: int = 80


class SpeakerEncoder(nn.Module):
    """Filter banks `[B, T, n_mels]` -> speaker vectors `[B, E]`.

    Two resolutions are fused bottom-up, and their mean over time is the vector: E = channels · frequencies of
    the last stage. The projection that the network was trained to classify speakers with is not used by any
    decoder, and not kept. Matches the reference implementation (tests/parity, kind sv).
    """

    def __init__(self, config: SpeakerConfig) -> None:
        super().__init__()
        self.config = config
        self.conv_in = nn.Conv2d(1, config.channels, 3, padding=1, bias=False)
        self.norm_in = nn.BatchNorm2d(config.channels)
        self.stages = nn.ModuleList()
        incoming = config.channels
        for i, n_blocks in enumerate(config.n_blocks):
            outgoing = config.channels * 2**i * config.expansion
            stage = nn.Sequential()
            for j in range(n_blocks):
                # The two deeper stages weigh a group against its predecessor instead of adding them up.
                stride = 2 if i > 0 and j == 0 else 1
                stage.append(Block(incoming, outgoing, stride, config.widths[i], config, is_attentive=i >= 2))
                incoming = outgoing
            self.stages.append(stage)
        self.downsample = nn.Conv2d(incoming // 2, incoming, 3, stride=2, padding=1, bias=False)
        self.fusion = AttentiveFusion(incoming, config.reduction)

    @property
    def dim(self) -> int:
        """Width `E` of a speaker vector."""
        frequencies = self.config.n_mels
        for _ in range(len(self.stages) - 1):
            frequencies = (frequencies + 1) // 2
        return self.downsample.out_channels * frequencies

    def forward(self, filter_banks: Tensor) -> Tensor:
        return self.fused(filter_banks).flatten(1, 2).mean(-1)

    def fused(self, filter_banks: Tensor) -> Tensor:
        """The map `[B, C, frequencies, T / 8]` that is averaged over time."""
        x = filter_banks.transpose(1, 2)[:, None]  # [B, 1, n_mels, T]
        x = F.relu(self.norm_in(self.conv_in(x)))
        *shallow, deepest = self.stages
        for stage in shallow:
            x = stage(x)
        return self.fusion(deepest(x), self.downsample(x))


class AttentiveFusion(nn.Module):
    """Two maps `[B, C, K, T]` mixed by weights that look at both."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.contract = nn.Conv2d(2 * channels, channels // reduction, 1)
        self.norm_hidden = nn.BatchNorm2d(channels // reduction)
        self.expand = nn.Conv2d(channels // reduction, channels, 1)
        self.norm_out = nn.BatchNorm2d(channels)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        hidden = F.silu(self.norm_hidden(self.contract(torch.cat([first, second], 1))))
        lean = torch.tanh(self.norm_out(self.expand(hidden)))  # -1: all second … 1: all first
        return first * (1.0 + lean) + second * (1.0 - lean)


class Block(nn.Module):
    """A residual block whose middle layer is a chain of narrow convolutions, each hearing the one before."""

    def __init__(
        self,
        incoming: int,
        outgoing: int,
        stride: int,
        width: int,
        config: SpeakerConfig,
        *,
        is_attentive: bool,
    ) -> None:
        super().__init__()
        scale = config.scale
        self.conv_in = nn.Conv2d(incoming, width * scale, 1, stride=stride, bias=False)
        self.norm_in = nn.BatchNorm2d(width * scale)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(scale))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(scale))
        self.fusions = nn.ModuleList(
            AttentiveFusion(width, config.reduction) for _ in range(scale - 1 if is_attentive else 0)
        )
        self.conv_out = nn.Conv2d(width * scale, outgoing, 1, bias=False)
        self.norm_out = nn.BatchNorm2d(outgoing)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or incoming != outgoing:
            self.shortcut = nn.Sequential(
                nn.Conv2d(incoming, outgoing, 1, stride=stride, bias=False), nn.BatchNorm2d(outgoing)
            )

    def forward(self, x: Tensor) -> Tensor:
        groups = _relu(self.norm_in(self.conv_in(x))).chunk(len(self.convs), dim=1)
        heard: list[Tensor] = []
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            group = groups[i]
            if heard:
                group = self.fusions[i - 1](heard[-1], group) if len(self.fusions) else heard[-1] + group
            heard.append(_relu(norm(conv(group))))
        return _relu(self.norm_out(self.conv_out(torch.cat(heard, 1))) + self.shortcut(x))


def _relu(x: Tensor) -> Tensor:
    return x.clamp(0.0, CEILING)
