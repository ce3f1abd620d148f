"""Discriminators: periodic slices of the waveform (HiFi-GAN) and spectrograms (UnivNet), both narrow."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

PERIODS = (2, 3, 5, 7, 11)
TRANSFORMS = (256, 640, 1280)
_SLOPE = 0.1
Verdict = tuple[Tensor, list[Tensor]]  # scores, inner features


class PeriodJudge(nn.Module):
    """Looks at every `period`-th sample as a row of a picture."""

    def __init__(self, period: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.period = period
        widths = (1, *channels)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 1), (3 if i < len(channels) - 1 else 1, 1), padding=(2, 0)))
            for i, (a, b) in enumerate(zip(widths, channels, strict=False))
        )
        self.out = weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, samples: Tensor) -> Verdict:
        """Samples `[B, N]`."""
        samples = F.pad(samples, (0, -samples.shape[-1] % self.period))
        x = samples.unflatten(-1, (-1, self.period))[:, None]  # [B, 1, N / period, period]
        return _judge(x, self.convs, self.out)


class SpectrumJudge(nn.Module):
    """Looks at a magnitude spectrogram."""

    window: Tensor

    def __init__(self, n_fft: int, channels: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        strides = (1, 2, 2, 1)  # over frequency
        widths = (1, *[channels] * len(strides))
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, channels, (7, 3), (s, 1), padding=(3, 1)))
            for a, s in zip(widths, strides, strict=False)
        )
        self.out = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, samples: Tensor) -> Verdict:
        spectrum = torch.stft(
            samples.float(), self.n_fft, self.n_fft // 4, window=self.window, return_complex=True
        )
        magnitude = (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt()
        x = (magnitude[:, None] + 1e-3).log()  # [B, 1, K, T]
        return _judge(x, self.convs, self.out)


class Discriminators(nn.Module):
    def __init__(
        self, period_channels: tuple[int, ...] = (16, 32, 64, 128, 128), spectrum_channels: int = 16
    ) -> None:
        super().__init__()
        self.judges = nn.ModuleList(
            [
                *(PeriodJudge(period, period_channels) for period in PERIODS),
                *(SpectrumJudge(n_fft, spectrum_channels) for n_fft in TRANSFORMS),
            ]
        )

    def forward(self, samples: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Samples `[B, N]` -> every judge's scores and inner features."""
        verdicts = [judge(samples) for judge in self.judges]
        return [scores.float() for scores, _ in verdicts], [features for _, features in verdicts]


def _judge(x: Tensor, convs: nn.ModuleList, out: nn.Module) -> Verdict:
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), _SLOPE)
        features.append(x)
    return out(x).flatten(1), features
