"""Magnitude spectrograms, framed as the official models were trained on them."""

import torch
import torch.nn.functional as F
from torch import Tensor


def magnitude_spectrogram(samples: Tensor, *, n_fft: int, hop_length: int) -> Tensor:
    """Magnitudes `[B, K, T]` of `samples` `[B, N]`: K = n_fft // 2 + 1 bins, T = N // hop_length frames.

    The signal is reflected by (n_fft - hop_length) / 2 at both ends, so that frame t is centred on its own
    hop, and a small constant under the root keeps silence differentiable. The window is Hann's, as long as
    the transform. A signal shorter than the reflection has no spectrogram: ValueError.
    Matches the reference implementation (tests/parity, kind dsp).
    """
    margin = (n_fft - hop_length) // 2
    if samples.shape[-1] <= margin:
        raise ValueError(f"{samples.shape[-1]} samples are too few: more than {margin} are needed")
    samples = F.pad(samples.unsqueeze(1), (margin, margin), mode="reflect").squeeze(1)  # [B, N + 2 margin]
    window = torch.hann_window(n_fft, dtype=samples.dtype, device=samples.device)
    spectrum = torch.stft(
        samples, n_fft, hop_length=hop_length, window=window, center=False, return_complex=True
    )  # [B, K, T]
    return (spectrum.real.square() + spectrum.imag.square() + 1e-8).sqrt()
