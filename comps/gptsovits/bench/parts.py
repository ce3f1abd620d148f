"""The two stages, each alone: tokens a second, and seconds of work a second of audio."""

import importlib
import time
from collections.abc import Callable
from typing import Any

import torch

from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.runner import Runner
from comps.gptsovits.engine.sampling import History, Sampler
from comps.gptsovits.engine.scheduler import Key
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.engine.synthesis import vits_slices
from comps.gptsovits.model import Model
from comps.gptsovits.networks.vits.decoder import VitsDecoder

N_PHONEMES, N_PROMPT, N_TOKENS = 60, 125, 100
CAPACITY = 512
# Lives with the tests: it is a yardstick, not a part of the product.
YARDSTICK = "tests.bench.plain_loop"


@torch.inference_mode()
def plain_tokens_per_second(model: Model, n_tokens: int = N_TOKENS) -> float | None:
    """Of the plain float32 loop; None where its module is not at hand. To be run before a runner is made."""
    try:
        yardstick: Any = importlib.import_module(YARDSTICK)
    except ModuleNotFoundError:
        return None
    sequence = _sequence(model, 0, n_tokens)

    def loop() -> None:
        yardstick.speak_tokens(
            model.t2s,
            sequence.phonemes,
            sequence.prompt,
            sequence.sampler,
            sequence.generator,
            max_tokens=n_tokens,
        )

    return n_tokens / _seconds(loop)


@torch.inference_mode()
def tokens_per_second(model: Model, n_rows: int, n_tokens: int = N_TOKENS) -> float:
    """Of the engine's runner with so many sequences at once, all together."""
    runner = Runner(model.t2s, n_rows, capacity=CAPACITY)

    def loop() -> None:
        sequences = [_sequence(model, row, n_tokens) for row in range(n_rows)]
        for row, sequence in enumerate(sequences):
            sequence.take(runner.prefill(sequence, row))
        while not sequences[0].is_done:
            for sequence, logits in zip(sequences, runner.step(sequences, range(n_rows)), strict=True):
                sequence.take(logits)

    return n_rows * n_tokens / _seconds(loop)


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


def _sequence(model: Model, seed: int, n_tokens: int) -> Sequence:
    config = model.t2s.config
    g = torch.Generator().manual_seed(seed)
    prompt = torch.randint(config.vocab_size - 1, (N_PROMPT,), generator=g).to(model.device)
    return Sequence(
        key=Key(seed, 0),
        phonemes=torch.randint(config.n_symbols, (N_PHONEMES,), generator=g).to(model.device),
        bert=None,
        prompt=prompt,
        n_phonemes=N_PHONEMES,
        sampler=Sampler.of(SpeechOptions(n_tokens=n_tokens), config.end_token),
        generator=g,
        history=History.of_prompt(prompt, config.vocab_size),
        max_tokens=n_tokens,
        is_guarded=False,
    )


def _seconds(work: Callable[[], None]) -> float:
    """The quicker of two runs: the first pays for what is prepared once."""
    times = []
    for _ in range(2):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
