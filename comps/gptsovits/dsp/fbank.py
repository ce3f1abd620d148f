"""Kaldi filter banks, the input of the speaker encoder."""

import torch
from torch import Tensor

from comps.gptsovits.dsp.torchaudio_parts import kaldi

RATE = 16_000


def filter_bank(samples: Tensor, *, n_mels: int = 80) -> Tensor:
    """Log filter-bank energies `[B, T, n_mels]` of `samples` `[B, N]` at 16 kHz, 100 frames a second.

    Kaldi's defaults (25 ms Povey windows every 10 ms, pre-emphasis 0.97) without dither, on samples in
    [-1, 1] and without mean normalisation: that is what the official speaker encoder is fed, although Kaldi's
    own recipes use 16-bit integers. A signal shorter than one window gives no frames.
    """
    options = {"num_mel_bins": n_mels, "sample_frequency": float(RATE), "dither": 0.0}
    return torch.stack([kaldi.fbank(row[None], **options) for row in samples.float()])
