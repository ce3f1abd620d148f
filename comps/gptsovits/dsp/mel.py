"""Log-mel spectrograms of the flow-matching decoders, and the range their networks see."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from comps.gptsovits.dsp.spectrogram import magnitude_spectrogram

# Magnitudes below it are not heard; its logarithm is finite.
_FLOOR = 1e-5
# The networks work on mels mapped linearly from [LOWEST, HIGHEST] to [-1, 1].
_LOWEST, _HIGHEST = -12.0, 2.0


def log_mel(samples: Tensor, *, rate: int, n_fft: int, hop_length: int, n_mels: int) -> Tensor:
    """Natural-log mel spectrogram `[B, n_mels, M]` of `samples` `[B, N]`: bands from 0 Hz to half the rate.

    Matches the reference implementation (tests/parity, kind dsp).
    """
    magnitudes = magnitude_spectrogram(samples, n_fft=n_fft, hop_length=hop_length)  # [B, K, M]
    filters = mel_filters(rate, n_fft, n_mels).to(magnitudes)  # [n_mels, K]
    return (filters @ magnitudes).clamp(min=_FLOOR).log()


def normalize_mel(mel: Tensor) -> Tensor:
    """Log mels to the networks' range: about [-1, 1]."""
    return (mel - _LOWEST) / (_HIGHEST - _LOWEST) * 2 - 1


def denormalize_mel(mel: Tensor) -> Tensor:
    """The inverse of `normalize_mel`."""
    return (mel + 1) / 2 * (_HIGHEST - _LOWEST) + _LOWEST


@lru_cache(maxsize=8)
def mel_filters(rate: int, n_fft: int, n_mels: int) -> Tensor:
    """Triangular filters `[n_mels, n_fft // 2 + 1]`, evenly spaced on Slaney's scale, each of unit area.

    Slaney, Auditory Toolbox (1998): linear below 1 kHz, logarithmic above. Equal to librosa's
    default filters.
    Computed in float64, because the difference of two near frequencies stands in a denominator.
    """
    bins = np.arange(n_fft // 2 + 1) * (rate / n_fft)  # [K], Hz
    edges = _mel_to_hertz(np.linspace(0.0, _hertz_to_mel(rate / 2), n_mels + 2))  # [n_mels + 2], Hz
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    # Rounded to float32 before the areas are made equal, as in librosa: equal to the last bit.
    triangles = np.clip(np.minimum(rising, falling), 0.0, None).astype(np.float32)  # [n_mels, K]
    with torch.inference_mode(False):  # kept for whoever comes, training too
        return torch.from_numpy(triangles * (2.0 / (high - low))).float()


# Slaney's scale: 15 mels up to the knee at 1 kHz, then 27 mels for each factor of 6.4.
_KNEE_HERTZ, _KNEE_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27.0


def _hertz_to_mel(hertz: float) -> float:
    if hertz < _KNEE_HERTZ:
        return hertz * _KNEE_MEL / _KNEE_HERTZ
    return float(_KNEE_MEL + np.log(hertz / _KNEE_HERTZ) / _LOG_STEP)


def _mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    above = _KNEE_HERTZ * np.exp((mel - _KNEE_MEL) * _LOG_STEP)
    return np.where(mel < _KNEE_MEL, mel * _KNEE_HERTZ / _KNEE_MEL, above)
