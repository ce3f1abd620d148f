"""Warming: made ahead, so that the first request does not wait for it."""

import itertools
from collections.abc import Iterator

import torch

from comps.gptsovits.engine.pacing import Cuts
from comps.gptsovits.engine.streaming import LiveSpeech
from comps.gptsovits.engine.vocoding import BatchedVocoder
from comps.gptsovits.engine.windows import (
    LENGTH_STEPS,
    WHOLE_WINDOW_SECONDS,
    WINDOW_SECONDS,
    Window,
    rounded_length,
    window_sizes,
    windows,
)
from comps.gptsovits.model import Model
from comps.gptsovits.networks.vits.decoder import VitsDecoder

WARM_TOKENS, WARM_PHONEMES = 100, 30


def warm_up(model: Model, vocoder: BatchedVocoder) -> None:
    """Speaks four seconds of nothing, so that the first request finds the kernels of the usual chunks."""
    for window in live_windows(model):
        for made in vocoder.vocode([window]):
            if isinstance(made, Exception):
                raise made
            window.slice_of(made)


def usual_windows(model: Model) -> Iterator[Window]:
    """Windows of nothing, of each shape that most speech has; none where flow matching makes the frames."""
    decoder, rate = model.decoder, model.sample_rate
    if not isinstance(decoder, VitsDecoder):
        return
    yield from live_windows(model)
    config, weight = decoder.config.vocoder, decoder.quantizer.codebook
    style = torch.zeros(1, decoder.config.style_dim, 1).to(weight)
    lengths = {rounded_length(n) for n in range(LENGTH_STEPS[0], 2 * rate // config.hop_length)}
    for seconds in (WHOLE_WINDOW_SECONDS, WINDOW_SECONDS):
        sizes = window_sizes(config, sample_rate=rate, window_seconds=seconds)
        n_before = sum(itertools.islice(sizes, len(WINDOW_SECONDS)))
        for n in lengths:
            frames = torch.zeros(1, config.in_channels, n_before + n).to(weight)
            made = windows([frames], decoder.vocoder, style, sample_rate=rate, window_seconds=seconds)
            yield from (window for window in made if window is not None)


def live_windows(model: Model) -> Iterator[Window]:
    """Of four seconds that are spoken while they are decoded; a VITS decoder alone speaks so."""
    decoder = model.decoder
    if not isinstance(decoder, VitsDecoder):
        return
    weight = decoder.quantizer.codebook
    live = LiveSpeech(
        decoder,
        torch.zeros(1, WARM_PHONEMES, dtype=torch.long, device=weight.device),
        torch.zeros(1, decoder.config.style_dim, 1).to(weight),
        torch.Generator(),
        sample_rate=model.sample_rate,
    )
    tokens, cuts = [0] * WARM_TOKENS, Cuts(0)
    while cuts.needed <= WARM_TOKENS:
        cuts.advance()
        live.hear(tokens[: cuts.n_kept], cuts.last)
    live.finish(tokens)
    while live.is_ready:
        yield next(live)
