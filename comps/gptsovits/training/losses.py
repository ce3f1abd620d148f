"""Losses of the vocoder: multi-resolution mel distance, and the least-squares adversarial game."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.dsp.mel import mel_filters

# Transform sizes and mel bands: fine in time, in between, fine in frequency.
RESOLUTIONS = ((256, 40), (512, 80), (1024, 100), (2048, 128))
_FLOOR = 1e-5


class MelDistance(nn.Module):
    """Mean absolute difference of log-mel spectrograms, averaged over `RESOLUTIONS`."""

    def __init__(self, rate: int) -> None:
        super().__init__()
        for n_fft, n_mels in RESOLUTIONS:
            self.register_buffer(f"filters_{n_fft}", mel_filters(rate, n_fft, n_mels), persistent=False)
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Samples `[B, N]` of both."""
        total = made.new_zeros(())
        for n_fft, _ in RESOLUTIONS:
            total = total + F.l1_loss(self._mel(made, n_fft), self._mel(real, n_fft))
        return total / len(RESOLUTIONS)

    def _mel(self, samples: Tensor, n_fft: int) -> Tensor:
        window = self.get_buffer(f"window_{n_fft}")
        spectrum = torch.stft(samples, n_fft, n_fft // 4, window=window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        magnitude = (power + 1e-9).sqrt()
        return (self.get_buffer(f"filters_{n_fft}") @ magnitude).clamp(min=_FLOOR).log()


def judge_loss(real: list[Tensor], made: list[Tensor]) -> Tensor:
    """What the discriminators minimise: real -> 1, made -> 0 (Mao et al. 2017), averaged over judges."""
    losses = [(1 - r).square().mean() + m.square().mean() for r, m in zip(real, made, strict=True)]
    return torch.stack(losses).mean()


def deceive_loss(made: list[Tensor]) -> Tensor:
    """What the generator minimises: to be taken for real."""
    return torch.stack([(1 - m).square().mean() for m in made]).mean()


def feature_distance(real: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """Mean absolute difference of the discriminators' inner features (Larsen et al. 2016)."""
    pairs = [
        F.l1_loss(m.float(), r.float().detach())
        for real_maps, made_maps in zip(real, made, strict=True)
        for r, m in zip(real_maps, made_maps, strict=True)
    ]
    return torch.stack(pairs).mean()
