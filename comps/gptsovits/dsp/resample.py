"""Two resamplers, because the reference implementation hears through two.

The content encoder is fed by soxr's high-quality resampler, the spectrograms by a short windowed sinc. Which
is used where decides the last bits of a voice, so both are here, under names that say which.
"""

import math

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor

from comps.gptsovits.dsp.torchaudio_parts import transforms


def resample_sinc(samples: Tensor, *, from_rate: int, to_rate: int) -> Tensor:
    """`samples` `[..., N]` at `to_rate`, `[..., ceil(N · to / from)]`: a Hann-windowed sinc of six crossings.

    For what becomes a spectrogram, a mel or a filter bank. Runs on the samples' own device.
    """
    if from_rate == to_rate:
        return samples
    resampled: Tensor = _sinc_resampler(from_rate, to_rate).to(samples)(samples)
    return resampled


def _sinc_resampler(from_rate: int, to_rate: int) -> torch.nn.Module:
    # The transform computes its kernel in float64; `functional.resample` does so in the samples' own type,
    # which costs two digits when the rates have a small common divisor.
    resampler: torch.nn.Module = transforms.Resample(from_rate, to_rate)
    return resampler


def resample_soxr(samples: NDArray[np.float32], *, from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """`samples` `[N]` at `to_rate`, `[ceil(N · to / from)]`, by soxr at its HQ setting.

    For what the content encoder hears. Equal to `librosa.resample` with its defaults.
    """
    if from_rate == to_rate:
        return samples
    resampled = soxr.resample(samples, from_rate, to_rate, quality="HQ")
    length = math.ceil(samples.shape[-1] * to_rate / from_rate)
    # soxr rounds the length to the nearest; the missing last sample is silence.
    return np.pad(resampled[:length], (0, max(0, length - len(resampled)))).astype(np.float32, copy=False)
