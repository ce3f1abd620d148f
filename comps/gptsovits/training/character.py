"""Character: how far a voice stands out from the mean of all voices.

A style encoder that has heard few voices takes unseen ones for more ordinary than they are: clones are alike,
and like the mean. So what sets a style apart from the mean style is multiplied when the model is saved.
"""

import torch
from torch import Tensor

from comps.gptsovits.dsp.spectrogram import magnitude_spectrogram
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.training.sizes import HOP_LENGTH, N_FFT, SAMPLE_RATE
from comps.gptsovits.training.sounds import read_mono
from comps.gptsovits.training.split import Item

MOST_VOICES = 200  # that the mean is taken over


@torch.no_grad()
def mean_style(decoder: VitsDecoder, items: list[Item]) -> Tensor:
    """`[G]`, over the first utterance of each voice in `items`."""
    first = {item.speaker: item for item in reversed(items)}
    chosen = sorted(first.values(), key=lambda item: item.file)[:MOST_VOICES]
    styles = []
    for item in chosen:
        samples = torch.from_numpy(read_mono(item.path, SAMPLE_RATE))[None]
        spectrogram = magnitude_spectrogram(samples, n_fft=N_FFT, hop_length=HOP_LENGTH)
        styles.append(decoder.style_encoder(spectrogram)[0, :, 0])
    return torch.stack(styles).mean(0)


@torch.no_grad()
def stand_out(decoder: VitsDecoder, mean: Tensor, factor: float) -> None:
    """Makes the style encoder's voices stand out from `mean [G]` by `factor` times as much, in place."""
    out = decoder.style_encoder.out
    out.weight *= factor
    out.bias.copy_(mean + factor * (out.bias - mean))
