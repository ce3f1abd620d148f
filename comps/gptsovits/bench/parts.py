"""The second stage alone: seconds of work a second of audio."""

import time
from collections.abc import Callable

import torch

from comps.gptsovits.engine.synthesis import vits_slices
from comps.gptsovits.model import Model
from comps.gptsovits.networks.vits.decoder import VitsDecoder

N_PHONEMES, N_TOKENS = 60, 100


@torch.inference_mode()
def decoder_seconds(model: Model, n_tokens: int = N_TOKENS) -> tuple[float, float]:
    """Seconds a second of audio takes: as the engine does it, and in one piece as the network is written."""
    decoder = model.decoder
    assert isinstance(decoder, VitsDecoder)
    g = torch.Generator().manual_seed(0)
    tokens = torch.randint(decoder.config.n_bins, (1, n_tokens), generator=g).to(model.device)
    phonemes = torch.randint(300, (1, N_PHONEMES), generator=g).to(model.device)
    style = torch.zeros(1, decoder.config.style_dim, 1).to(model.device, model.dtype)
    noise = torch.randn(decoder.noise_shape(n_tokens), generator=g).to(style)
    audio_seconds = n_tokens / model.facts.token_rate

    def in_slices() -> None:
        for _ in vits_slices(decoder, tokens, phonemes, style, g, sample_rate=model.sample_rate):
            pass

    def whole() -> None:
        decoder.decode(tokens, phonemes, style, noise)

    return _seconds(in_slices) / audio_seconds, _seconds(whole) / audio_seconds


def _seconds(work: Callable[[], None]) -> float:
    """The quicker of two runs: the first pays for what is prepared once."""
    times = []
    for _ in range(2):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
