"""MelContext: frame features that know their neighbours and the speaker, at the mel's own rate."""

from torch import Tensor, nn

from comps.gptsovits.networks.layers.masks import masked
from comps.gptsovits.networks.layers.wavenet import WaveNet


class MelContext(nn.Module):
    """`x [B, C, M]`, `style [B, G, 1]` -> `[B, C, M]`."""

    def __init__(self, channels: int, n_layers: int, kernel_size: int, style_dim: int) -> None:
        super().__init__()
        self.pre = nn.Conv1d(channels, channels, 1)
        self.net = WaveNet(channels, n_layers, kernel_size, condition_channels=style_dim)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask [B, M]` is True where a row holds data."""
        return masked(self.out(self.net(masked(self.pre(x), mask), style, mask)), mask)
