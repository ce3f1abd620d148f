"""The small content encoder to be trained: a stock `HubertModel`, its filterbank start and the heads that
teach it.

HuBERT's seven convolutions on raw samples cost more than its transformer at this width and take long to
learn what a filterbank knows. A HuBERT *configuration* may as well have three: the first (15 ms kernels,
100 steps a second) starts as band-pass filters in four phases, whose rectified sum is a band's magnitude;
the second sums phases and brings 50 frames a second. Field of view (400 samples) and hop (320) are those of
the original, so frame counts agree, and any `transformers` loads it.
"""

import numpy as np
import torch
from torch import Tensor, nn

from comps.gptsovits.dsp import torchaudio_parts  # noqa: F401

from transformers import HubertConfig, HubertModel  # isort: skip

from comps.gptsovits.training.alignment import CONSONANTS, PHONES, VOWELS

FRAME_SAMPLES, HOP_SAMPLES = 400, 320  # at 16 kHz
N_BANDS = 64
N_PHASES = 4
# A frame's class: pause, a consonant, or a vowel without and with stress.
N_CLASSES = 1 + len(CONSONANTS) + 2 * len(VOWELS)


def class_of(phones: np.ndarray, stress: np.ndarray) -> np.ndarray:
    """Frame classes of phonemes (index into PHONES) and stress digits, same shape."""
    stressed = (phones > len(CONSONANTS)) & (stress > 0)
    return np.asarray(phones + stressed * len(VOWELS), np.int64)


def phone_of_class() -> np.ndarray:
    """The phoneme (index into PHONES) of each of the N_CLASSES."""
    plain = np.arange(len(PHONES))
    return np.concatenate([plain, plain[-len(VOWELS) :]])


def content_config(*, hidden: int = 256, n_layers: int = 4, n_heads: int = 4) -> HubertConfig:
    """The configuration of the content encoder."""
    width = N_BANDS * N_PHASES
    return HubertConfig(
        conv_dim=(width, width, width),
        conv_kernel=(240, 2, 1),
        conv_stride=(160, 2, 1),
        conv_bias=False,
        feat_extract_norm="group",
        hidden_size=hidden,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        intermediate_size=4 * hidden,
        num_conv_pos_embeddings=64,
        num_conv_pos_embedding_groups=16,
        hidden_dropout=0.05,
        attention_dropout=0.05,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        layerdrop=0.0,
        mask_time_prob=0.06,
        mask_time_length=5,
    )


class ContentTeacher(nn.Module):
    """The encoder with linear heads: class of the frame, phonemes before and after it, place within it.

    The class is what matters. The others, at a low weight, keep in the features what makes a codebook finer
    than one word a phoneme: where in the phoneme a frame lies and what it leans towards, rather than who
    speaks.
    """

    def __init__(self, config: HubertConfig) -> None:
        super().__init__()
        self.encoder = HubertModel(config)
        hidden = config.hidden_size
        self.frame_class = nn.Linear(hidden, N_CLASSES)
        self.before = nn.Linear(hidden, len(PHONES))
        self.after = nn.Linear(hidden, len(PHONES))
        self.place = nn.Linear(hidden, 1)
        start_as_filterbank(self.encoder)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of samples [B, N]: logits of class, before and after [B, T, K], place within the phoneme [B, T]."""
        features = self.encoder(waveform).last_hidden_state  # [B, T, C]
        return (
            self.frame_class(features),
            self.before(features),
            self.after(features),
            self.place(features)[..., 0],
        )


def start_as_filterbank(encoder: HubertModel) -> None:
    """Set the first convolution to windowed sinusoids in mel spacing; the second gathers their phases."""
    weights = dict(encoder.feature_extractor.named_parameters())
    first = weights["conv_layers.0.conv.weight"]  # [bands * phases, 1, 240]
    second = weights["conv_layers.1.conv.weight"]  # [width, bands * phases, 2]
    kernel = first.shape[-1]
    mels = torch.linspace(_mel(80.0), _mel(7_600.0), N_BANDS)
    hertz = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    time = (torch.arange(kernel) - (kernel - 1) / 2) / 16_000.0
    phases = torch.arange(N_PHASES) * (2 * np.pi / N_PHASES)
    waves = torch.cos(2 * np.pi * hertz[:, None, None] * time + phases[:, None])  # [bands, phases, kernel]
    window = torch.hann_window(kernel, periodic=False)
    with torch.no_grad():
        first.copy_((waves * window).reshape(first.shape) * (2.0 / kernel**0.5))
        second.normal_(std=0.3 * second.shape[1] ** -0.5)
        for band in range(N_BANDS):
            for tap in range(2):
                second[2 * band + tap, band * N_PHASES : (band + 1) * N_PHASES, tap] += 0.5


def _mel(hertz: float) -> float:
    return 2595.0 * float(np.log10(1.0 + hertz / 700.0))
