"""Spectrograms side by side, for eyes: a buzz shows as stripes that speech does not have, a blur as haze."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from comps.gptsovits.dsp.mel import log_mel

_BANDS, _TRANSFORM, _HOP = 128, 1024, 240
_DECIBELS = 60.0  # shown below the loudest


def draw_spectrograms(sounds: dict[str, NDArray[np.float32]], rate: int, path: Path) -> None:
    """One mel spectrogram under another, titled by the names of `sounds` ([N] at `rate`); a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    longest = max(len(samples) for samples in sounds.values()) / rate
    figure, axes = pyplot.subplots(len(sounds), 1, figsize=(9, 2.3 * len(sounds)), sharex=True, squeeze=False)
    for axis, (name, samples) in zip(axes[:, 0], sounds.items(), strict=True):
        mel = log_mel(
            torch.from_numpy(samples)[None], rate=rate, n_fft=_TRANSFORM, hop_length=_HOP, n_mels=_BANDS
        )[0]
        decibels = mel.numpy() * (20 / np.log(10))
        axis.imshow(
            decibels,
            origin="lower",
            aspect="auto",
            vmin=decibels.max() - _DECIBELS,
            extent=(0, len(samples) / rate, 0, _BANDS),
            cmap="magma",
        )
        axis.set_xlim(0, longest)
        axis.set_yticks([])
        axis.set_title(name, loc="left", fontsize=9)
    axes[-1, 0].set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
