"""The second stage alone: seconds of work a second of audio."""

import copy
import time
from collections.abc import Callable

import torch

from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.packing import pack_decoder
from comps.gptsovits.engine.synthesis import vits_parts
from comps.gptsovits.engine.windows import sounded
from comps.gptsovits.model import Model
from comps.gptsovits.networks.vits.decoder import VitsDecoder

N_PHONEMES, N_TOKENS = 60, 100
ROUNDS = 4


@torch.inference_mode()
def decoder_seconds(
    model: Model,
    n_tokens: int = N_TOKENS,
    *,
    precision: Precision = Precision.AUTO,
) -> tuple[float, float]:
    """Seconds a second of audio takes: as the engine does it, and in one piece as the network is written.

    Of a model as it was loaded. The plain network has whichever number of threads suits it.
    """
    plain = model.decoder
    assert isinstance(plain, VitsDecoder)
    ours = copy.deepcopy(plain)
    available = torch.get_num_threads()
    n_ours = pack_decoder(ours, precision, n_threads=available)
    g = torch.Generator().manual_seed(0)
    tokens = torch.randint(plain.config.n_bins, (1, n_tokens), generator=g).to(model.device)
    phonemes = torch.randint(300, (1, N_PHONEMES), generator=g).to(model.device)
    style = torch.zeros(1, plain.config.style_dim, 1).to(model.device, model.dtype)
    noise = torch.randn(plain.noise_shape(n_tokens), generator=g).to(style)

    def in_slices() -> None:
        for _ in sounded(vits_parts(ours, tokens, phonemes, style, g, sample_rate=model.sample_rate)):
            pass

    def whole() -> None:
        plain.decode(tokens, phonemes, style, noise)

    runs = [(in_slices, n_ours), *((whole, n) for n in {1, available})]
    best = [float("inf")] * len(runs)
    for round_ in range(ROUNDS + 1):  # in turn, so that what else the machine does slows all alike
        for i, (run, n_threads) in enumerate(runs):
            torch.set_num_threads(n_threads)
            seconds = _seconds(run)
            if round_:  # the first pays for what is prepared once
                best[i] = min(best[i], seconds)
    torch.set_num_threads(available)
    audio_seconds = n_tokens / model.facts.token_rate
    return best[0] / audio_seconds, min(best[1:]) / audio_seconds


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
