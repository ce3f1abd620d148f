"""Alias-free periodic activations: twice the rate, a snake, and back, with a low-pass filter each way."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FILTER_TAPS = 12
RATIO = 2
# Kaiser window of 12 taps for a cutoff of a quarter and a transition of 0.3 of the doubled rate.
KAISER_BETA = 4.663800127934911


def half_band_filter() -> Tensor:
    """The windowed-sinc low-pass `[1, 1, taps]` that BigVGAN was designed with; its sum is 1."""
    window = torch.kaiser_window(FILTER_TAPS, periodic=False, beta=KAISER_BETA)
    time = torch.arange(FILTER_TAPS) - (FILTER_TAPS - 1) / 2
    taps = window * torch.sinc(time / RATIO)
    return (taps / taps.sum())[None, None]


class AliasFreeSnake(nn.Module):
    """`x + sin²(αx) / β` per channel, `[B, C, T]` -> `[B, C, T]` (BigVGAN, Lee et al. 2023, section 3.2).

    The sine makes overtones. At twice the rate most of them still lie below half of it, and the filter before
    going back removes them, where otherwise they would fold down as noise. α and β are stored as logarithms.
    The filters are stored with the weights, so they are taken from there.
    """

    up_filter: Tensor
    down_filter: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_alpha = nn.Parameter(torch.zeros(channels))
        self.log_beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("up_filter", half_band_filter())  # [1, 1, taps]
        self.register_buffer("down_filter", half_band_filter())

    def forward(self, x: Tensor) -> Tensor:
        return self._halve(self._snake(self._double(x)))

    def _snake(self, x: Tensor) -> Tensor:
        alpha, beta = self.log_alpha.exp()[:, None], self.log_beta.exp()[:, None]  # [C, 1]
        return x + (1.0 / (beta + 1e-9)) * torch.sin(x * alpha).square()

    def _double(self, x: Tensor) -> Tensor:
        """Zeros between the samples, then the filter; beyond the ends the outermost samples go on."""
        margin = FILTER_TAPS // RATIO - 1
        padded = F.pad(x, (margin, margin), mode="replicate")
        taps = RATIO * self.up_filter.expand(x.shape[1], -1, -1)  # [C, 1, taps]
        doubled = F.conv_transpose1d(padded, taps, stride=RATIO, groups=x.shape[1])
        cut = margin * RATIO + (FILTER_TAPS - RATIO) // 2
        return doubled[..., cut:-cut]

    def _halve(self, x: Tensor) -> Tensor:
        left = FILTER_TAPS // 2 - 1  # the taps are even in number: one fewer to the left
        padded = F.pad(x, (left, FILTER_TAPS // 2), mode="replicate")
        taps = self.down_filter.expand(x.shape[1], -1, -1)
        return F.conv1d(padded, taps, stride=RATIO, groups=x.shape[1])
