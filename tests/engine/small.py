"""A complete model small enough to run hundreds of times in a test, with random weights."""

from collections.abc import Generator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from comps.cores.audio.waveform import Waveform
from comps.gptsovits.model import Model
from comps.gptsovits.native import Library, load_library
from comps.gptsovits.networks.encoders.content import ContentEncoder
from comps.gptsovits.networks.semantic.prior import PriorConfig
from comps.gptsovits.networks.t2s import T2S, T2SConfig
from comps.gptsovits.networks.vits.decoder import VitsConfig, VitsDecoder
from comps.gptsovits.networks.vocoders.hifigan import HifiGanConfig
from comps.gptsovits.versions import FACTS, SpectrogramFacts, Version

SAMPLE_RATE = 8_000
N_SYMBOLS, N_BINS, FEATURES = 732, 64, 24

T2S_CONFIG = T2SConfig(
    n_symbols=N_SYMBOLS, vocab_size=N_BINS + 1, dim=32, n_heads=2, ffn_dim=64, n_layers=2, bert_dim=8
)
DECODER_CONFIG = VitsConfig(
    prior=PriorConfig(
        n_symbols=N_SYMBOLS,
        feature_dim=FEATURES,
        channels=16,
        latent_channels=16,
        ffn_channels=32,
        n_heads=2,
        n_layers=2,
        kernel_size=3,
        mrte_channels=16,
    ),
    vocoder=HifiGanConfig(
        in_channels=16,
        initial_channels=32,
        upsample_rates=(10, 4, 2, 2),
        upsample_kernels=(16, 8, 4, 4),
        resblock_kernels=(3, 7),
        resblock_dilations=((1, 3, 5), (1, 3, 5)),
        style_dim=16,
    ),
    content_dim=FEATURES,
    n_bins=N_BINS,
    token_stride=2,
    style_bins=33,
    style_hidden=16,
    style_dim=16,
    flow_channels=16,
    n_flows=2,
    n_flow_layers=2,
    flow_kernel_size=5,
)
CONTENT_CONFIG = {
    "hidden_size": FEATURES,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}


def small_model(model_id: str = "small", seed: int = 0, *, decoder: VitsConfig = DECODER_CONFIG) -> Model:
    """The same weights for the same seed."""
    torch.manual_seed(seed)
    spectrogram = SpectrogramFacts(rate=SAMPLE_RATE, n_fft=400, hop_length=160)
    facts = replace(FACTS[Version.V2], sample_rate=SAMPLE_RATE, languages=("en",), spectrogram=spectrogram)
    t2s = T2S(T2S_CONFIG).eval()
    # Random weights say much the same everywhere; a wider head makes the seed and the text matter.
    t2s.head.weight.data.mul_(4.0)
    vits = VitsDecoder(decoder).eval()
    vits.quantizer.codebook.normal_()
    return Model(
        id=model_id,
        version=Version.V2,
        facts=facts,
        fingerprint=f"small-{seed}",
        t2s=t2s,
        decoder=vits,
        content=ContentEncoder(CONTENT_CONFIG).eval(),
        bert=None,
        tokenizer=None,
        speaker=None,
        languages=("en",),
        sample_rate=SAMPLE_RATE,
        spectrogram=spectrogram,
    )


def clip(seed: int = 0, seconds: float = 3.5, rate: int = 16_000) -> Waveform:
    """A hum with its own pitch and a little noise: nothing a listener would like, but sound."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    pitch = 90.0 + 20.0 * (seed % 10)
    hum = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 6))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3.0 * t)
    return Waveform((0.1 * hum * swell + 0.01 * rng.standard_normal(len(t))).astype(np.float32), rate)


def library_or_skip() -> Library:
    """The compiled functions; the test is skipped where there is no compiler."""
    library = load_library()
    if library is None:
        pytest.skip("there is no C++ compiler")
    return library


def returned(slices: Generator[None, None, Tensor]) -> Tensor:
    """What a prefill returns after its last slice."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            logits: Tensor = end.value
            return logits
