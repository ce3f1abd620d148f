"""Waveforms to semantic tokens with what training has made so far: content encoder and codebook."""

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from comps.gptsovits.networks.encoders.content import ContentEncoder
from comps.gptsovits.networks.semantic.quantizer import SemanticQuantizer
from comps.gptsovits.training.content import FRAME_SAMPLES, HOP_SAMPLES

TOKEN_SAMPLES = 2 * HOP_SAMPLES  # at 16 kHz: 25 tokens a second
_CENTRE = FRAME_SAMPLES // 2 + HOP_SAMPLES // 2  # of token 0: the middle of its two frames


def token_centres(n: int) -> NDArray[np.float64]:
    """Where the middle of each of `n` tokens lies, in samples at 16 kHz."""
    return np.arange(n, dtype=np.float64) * TOKEN_SAMPLES + _CENTRE


def load_content(work: Path) -> ContentEncoder:
    """The content encoder that stage `features` wrote into `work/content`."""
    folder = work / "content"
    encoder = ContentEncoder(json.loads((folder / "config.json").read_text("utf-8")))
    encoder.model.load_state_dict(load_file(folder / "model.safetensors"))
    return encoder.eval()


def load_quantizer(work: Path) -> SemanticQuantizer:
    """The quantizer that stage `codebook` wrote into `work/codebook.safetensors`."""
    tensors = {
        name.removeprefix("quantizer."): tensor
        for name, tensor in load_file(work / "codebook.safetensors").items()
    }
    n_bins, dim = tensors["codebook"].shape
    quantizer = SemanticQuantizer(n_bins, dim, feature_dim=tensors["project.weight"].shape[1])
    quantizer.load_state_dict(tensors)
    return quantizer.eval()


class Tokenizer:
    """`encode` makes tokens of 16 kHz samples as inference does."""

    def __init__(self, work: Path, *, device: str = "cpu") -> None:
        self.content = load_content(work).to(device)
        self.quantizer = load_quantizer(work).to(device)
        self._device = device

    @property
    def n_bins(self) -> int:
        return len(self.quantizer.codebook)

    @torch.no_grad()
    def encode(self, waveform: NDArray[np.float32], *, tail: int = 0) -> NDArray[np.int64]:
        """Tokens [S] of a waveform [N] at 16 kHz with `tail` zeros appended.

        S = ((N + tail - 400) // 320 + 1) // 2.
        """
        samples = torch.from_numpy(np.pad(waveform, (0, tail))).to(self._device)[None]
        features: Tensor = self.content(samples)  # [1, C, T]
        return np.asarray(self.quantizer.encode(features)[0].cpu().numpy(), np.int64)
