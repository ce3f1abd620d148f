"""What lies between the halves of the bundled model's decoder: log-mels of speech, about zero mean.

A VITS learns its latents. With hours of speech instead of weeks that costs more than it brings: a vocoder of
learned latents was still deaf to whose voice they carry when one of log-mels copied speech well. And as
nobody has to learn them first, both halves train beside each other.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from comps.gptsovits.dsp.mel import log_mel
from comps.gptsovits.training.sizes import HOP_LENGTH, LATENT_CHANNELS, N_FFT, SAMPLE_RATE
from comps.gptsovits.training.sounds import Sounds

# Latents are taken for Gaussians of this deviation about what was measured (a quarter of a neper): no prior
# need be surer than that of what nobody hears.
DEVIATION = 0.1
_MEAN, _SCALE = -5.0, 2.5  # of log-mels of speech, nearly


def latent_frames(samples: Tensor) -> Tensor:
    """Latents `[B, Z, F]` of samples `[B, N]`."""
    mel = log_mel(samples, rate=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=LATENT_CHANNELS)
    return (mel - _MEAN) / _SCALE


def louder(latents: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    """The latents of the same sound, multiplied by `gain`."""
    return latents + np.float32(np.log(gain) / _SCALE)


@dataclass(frozen=True)
class Latents:
    """Of every utterance, end to end: `values [frames, Z]`, mapped rather than loaded."""

    values: NDArray[np.float16]
    starts: NDArray[np.int64]

    def of(self, index: int) -> NDArray[np.float16]:
        """Of one utterance, `[F, Z]`."""
        return self.values[self.starts[index] : self.starts[index + 1]]


def load_latents(sounds: Sounds, cache: Path) -> Latents:
    """Latents of all sounds, computed the first time."""
    path = cache / "mels.npy"
    starts = np.concatenate([[0], np.cumsum(np.diff(sounds.starts) // HOP_LENGTH)])
    if path.exists():
        stored: NDArray[np.float16] = np.load(path, mmap_mode="r")
        if len(stored) == starts[-1]:  # else the corpus has grown
            return Latents(stored, starts)
    pieces = [
        latent_frames(torch.from_numpy(sounds.waveform(i))[None])[0].T.half().numpy()
        for i in tqdm(range(len(sounds)), desc="latents")
    ]
    np.save(path, np.concatenate(pieces))
    return Latents(np.load(path, mmap_mode="r"), starts)
