"""Models of official size with random weights: their speed can be judged, their speech cannot."""

from dataclasses import replace

import numpy as np
import torch

from comps.cores.errors import InvalidOption
from comps.gptsovits.model import Model
from comps.gptsovits.networks.encoders.content import ContentEncoder
from comps.gptsovits.networks.semantic.prior import PriorConfig
from comps.gptsovits.networks.t2s import T2S, T2SConfig
from comps.gptsovits.networks.vits.decoder import VitsConfig, VitsDecoder
from comps.gptsovits.networks.vocoders.hifigan import HifiGanConfig
from comps.gptsovits.versions import FACTS, Version
from comps.gptsovits.voice import Voice

T2S_CONFIG = T2SConfig(
    n_symbols=732, vocab_size=1025, dim=512, n_heads=16, ffn_dim=2048, n_layers=24, bert_dim=1024
)
_HIFIGAN = HifiGanConfig(
    in_channels=192,
    initial_channels=512,
    upsample_rates=(10, 8, 2, 2, 2),
    upsample_kernels=(16, 16, 8, 2, 2),
    resblock_kernels=(3, 7, 11),
    resblock_dilations=((1, 3, 5),) * 3,
    style_dim=512,
)
_PRO_HIFIGAN = replace(_HIFIGAN, style_dim=1024)
V2_CONFIG = VitsConfig(
    prior=PriorConfig(
        n_symbols=732,
        feature_dim=768,
        channels=192,
        latent_channels=192,
        ffn_channels=768,
        n_heads=2,
        n_layers=6,
        kernel_size=3,
        mrte_channels=512,
    ),
    vocoder=_HIFIGAN,
    content_dim=768,
    n_bins=1024,
    token_stride=2,
    style_bins=704,
    style_hidden=128,
    style_dim=512,
    flow_channels=192,
    n_flows=4,
    n_flow_layers=4,
    flow_kernel_size=5,
)
_PRO_CONFIG = replace(V2_CONFIG, style_dim=1024, speaker_dim=20_480, vocoder=_PRO_HIFIGAN)
CONFIGS = {
    Version.V2: V2_CONFIG,
    Version.V2PRO: _PRO_CONFIG,
    Version.V2PROPLUS: replace(
        _PRO_CONFIG,
        vocoder=replace(_PRO_HIFIGAN, initial_channels=768, upsample_kernels=(20, 16, 8, 2, 2)),
    ),
}
# Clips are not listened to here, so their encoder may be of any size.
_CONTENT_CONFIG = {"hidden_size": 768, "num_hidden_layers": 1, "intermediate_size": 64}


def synthetic_model(version: Version) -> Model:
    """A model of a version's official sizes. Raises `InvalidOption` where there is no table of them.

    The T2S weights are numbers of float16, kept in float32: the reference's training stores its checkpoints
    so, and the published ones have two bytes a weight.
    """
    if version not in CONFIGS:
        raise InvalidOption(f"synthetic models are of {', '.join(CONFIGS)}, not {version}")
    torch.manual_seed(0)
    facts = FACTS[version]
    return Model(
        id=f"synthetic-{version}",
        version=version,
        facts=facts,
        fingerprint=f"synthetic-{version}",
        t2s=_as_stored(T2S(T2S_CONFIG).eval()),
        decoder=VitsDecoder(CONFIGS[version]).eval(),
        content=ContentEncoder(_CONTENT_CONFIG).eval(),
        bert=None,
        tokenizer=None,
        speaker=None,
        languages=("en",),
        sample_rate=facts.sample_rate,
        spectrogram=facts.spectrogram,
    )


def _as_stored(t2s: T2S) -> T2S:
    for weight in t2s.parameters():
        weight.data = weight.data.half().float()
    return t2s


def synthetic_voice(model: Model, *, n_tokens: int = 125, n_phonemes: int = 60, seed: int = 0) -> Voice:
    """A voice of five seconds with a prompt, made of nothing."""
    rng = np.random.default_rng(seed)
    config = model.decoder.config
    return Voice(
        fingerprint=model.fingerprint,
        model_id=model.id,
        style=(0.1 * rng.standard_normal(config.style_dim)).astype(np.float32),
        prompt_tokens=rng.integers(0, config.n_bins, n_tokens, dtype=np.int32),
        prompt_phonemes=rng.integers(0, model.t2s.config.n_symbols, n_phonemes, dtype=np.int32),
        seconds=n_tokens / model.facts.token_rate,
    )
