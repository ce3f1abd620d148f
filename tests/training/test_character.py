"""Voices stand out from their mean as much more as is asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import torch

from comps.gptsovits.dsp.spectrogram import magnitude_spectrogram
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.training.character import mean_style, stand_out
from comps.gptsovits.training.sizes import HOP_LENGTH, N_FFT, SAMPLE_RATE
from comps.gptsovits.training.split import Item
from tests.engine.small import DECODER_CONFIG


def test_styles_move_away_from_the_mean_of_one_clip_a_voice(tmp_path: Path) -> None:
    torch.manual_seed(0)
    decoder = VitsDecoder(replace(DECODER_CONFIG, style_bins=N_FFT // 2 + 1)).eval()
    items = []
    for n, speaker in enumerate(["a", "a", "b", "c"]):
        path = tmp_path / f"{n}.wav"
        wave = np.sin(np.arange(SAMPLE_RATE // 4) * 0.02 * (n + 1)).astype(np.float32)
        soundfile.write(path, wave, SAMPLE_RATE, subtype="FLOAT")
        items.append(Item(path, path.name, speaker, "", (), 0.25))

    def style(item: Item) -> torch.Tensor:
        samples = torch.from_numpy(soundfile.read(item.path, dtype="float32")[0])[None]
        spectrogram = magnitude_spectrogram(samples, n_fft=N_FFT, hop_length=HOP_LENGTH)
        return decoder.style([spectrogram])[0, :, 0]

    with torch.inference_mode():
        mean, before = mean_style(decoder, items), [style(item) for item in items]
        torch.testing.assert_close(mean, torch.stack([before[0], *before[2:]]).mean(0))
    stand_out(decoder, mean, 1.5)
    with torch.inference_mode():
        for item, old in zip(items, before, strict=True):
            torch.testing.assert_close(style(item) - mean, 1.5 * (old - mean), rtol=1e-3, atol=1e-5)
