"""The transformer encoder of the semantic prior: relative attention and convolutional feed-forward."""

from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.networks.layers.attention import Attention
from comps.gptsovits.networks.layers.masks import masked

RELATIVE_WINDOW = 4


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of `[B, C, T]`."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class FeedForward(nn.Module):
    def __init__(self, channels: int, hidden: int, kernel_size: int) -> None:
        super().__init__()
        self.pads = ((kernel_size - 1) // 2, kernel_size // 2)
        self.expand = nn.Conv1d(channels, hidden, kernel_size)
        self.contract = nn.Conv1d(hidden, channels, kernel_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = F.relu(self.expand(F.pad(masked(x, mask), self.pads)))
        return masked(self.contract(F.pad(masked(x, mask), self.pads)), mask)


class EncoderBlock(nn.Module):
    def __init__(self, channels: int, hidden: int, n_heads: int, kernel_size: int) -> None:
        super().__init__()
        self.attention = Attention(channels, n_heads, window=RELATIVE_WINDOW)
        self.norm1 = ChannelNorm(channels)
        self.feed_forward = FeedForward(channels, hidden, kernel_size)
        self.norm2 = ChannelNorm(channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = self.norm1(x + self.attention(x, x, mask))
        return self.norm2(x + self.feed_forward(x, mask))


class Encoder(nn.Module):
    """`[B, C, T]` -> `[B, C, T]`; post-norm blocks, positions from relative attention alone."""

    def __init__(self, channels: int, hidden: int, n_heads: int, n_layers: int, kernel_size: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            EncoderBlock(channels, hidden, n_heads, kernel_size) for _ in range(n_layers)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = masked(x, mask)
        for block in self.blocks:
            x = block(x, mask)
        return masked(x, mask)
