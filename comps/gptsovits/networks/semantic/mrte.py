"""MRTE: content attends to text, and takes on the style."""

from torch import Tensor, nn

from comps.gptsovits.networks.layers.attention import Attention
from comps.gptsovits.networks.layers.masks import masked

N_HEADS = 4


class MRTE(nn.Module):
    """Multi-reference timbre encoder (Mega-TTS, Jiang et al. 2023), reduced to one cross-attention."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.content_in = nn.Conv1d(channels, hidden, 1)
        self.text_in = nn.Conv1d(channels, hidden, 1)
        self.attention = Attention(hidden, N_HEADS)
        self.out = nn.Conv1d(hidden, channels, 1)

    def forward(
        self,
        content: Tensor,
        text: Tensor,
        style: Tensor,
        content_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> Tensor:
        """`content [B, C, T]`, `text [B, C, P]`, `style [B, M, 1]` -> `[B, C, T]`."""
        content = self.content_in(masked(content, content_mask))  # [B, M, T]
        text = self.text_in(masked(text, text_mask))  # [B, M, P]
        attended = self.attention(masked(content, content_mask), masked(text, text_mask), text_mask)
        return self.out(masked(attended + content + style, content_mask))
