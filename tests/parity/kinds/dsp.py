"""Spectrograms, mels, both resamplers and the joining of fragments."""

import re
from dataclasses import asdict

import torch
from torch import Tensor

from comps.gptsovits.dsp.crossfade import overlap_add
from comps.gptsovits.dsp.mel import log_mel, mel_filters, normalize_mel
from comps.gptsovits.dsp.resample import resample_sinc, resample_soxr
from comps.gptsovits.dsp.spectrogram import magnitude_spectrogram
from comps.gptsovits.versions import FACTS, Version
from tests.parity.kinds.kind import Kind, output


class Dsp(Kind):
    """Rates stand in the outputs' names, window and overlap lengths in the config's notes."""

    @output(r"ta_resample_(?P<source>\d+)_(?P<target>\d+)")
    def sinc(self, source: str, target: str) -> Tensor:
        return resample_sinc(self.inputs[f"wav_{source}"], from_rate=int(source), to_rate=int(target))

    @output(r"librosa_(?P<target>\d+)k_(?P<source>\d+)")
    def soxr(self, target: str, source: str) -> Tensor:
        samples = self.inputs[f"wav_{source}"][0].numpy()
        return torch.from_numpy(resample_soxr(samples, from_rate=int(source), to_rate=1000 * int(target)))

    @output(r"spec_(?P<rate>\d+)")
    def spectrogram(self, rate: str) -> Tensor:
        n_fft, hop = self._noted("n_fft", 2048), self._noted("hop", 640)
        return magnitude_spectrogram(self.inputs[f"wav_{rate}"], n_fft=n_fft, hop_length=hop)

    @output(r"mel_(?P<version>v\d)_(?P<rate>\d+)")
    def mel(self, version: str, rate: str) -> Tensor:
        return log_mel(self.inputs[f"wav_{rate}"], **_settings(version))

    @output(r"mel_(?P<version>v\d)_norm")
    def normalized_mel(self, version: str) -> Tensor:
        settings = _settings(version)
        return normalize_mel(log_mel(self.inputs[f"wav_{settings['rate']}"], **settings))

    @output(r"melbasis_(?P<version>v\d)")
    def mel_basis(self, version: str) -> Tensor:
        settings = _settings(version)
        return mel_filters(settings["rate"], settings["n_fft"], settings["n_mels"])

    @output(r"sola")
    def joined(self) -> Tensor:
        n_pieces = sum(name.startswith("sola_") for name in self.inputs)
        pieces = [self.inputs[f"sola_{i}"] for i in range(n_pieces)]
        return overlap_add(pieces, overlap=self._noted("overlap", 480), search=self._noted("search", 320))

    def _noted(self, word: str, default: int) -> int:
        found = re.search(rf"\b{word} (\d+)", str(self.case.config.get("notes", "")))
        return int(found[1]) if found else default


def _settings(version: str) -> dict[str, int]:
    flow = FACTS[Version(version)].flow
    assert flow is not None
    return {**asdict(flow.mel), "n_mels": flow.n_mels}
