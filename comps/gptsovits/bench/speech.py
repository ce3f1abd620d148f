"""The whole engine: real-time factor and first audio, for one request and for several at once."""

import asyncio
import time
from dataclasses import dataclass

import numpy as np

from comps.gptsovits.engine import Engine, SpeechOptions, SpeechRequest
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice

TEXT = "The weather is fine today, and the train to the coast leaves at ten past five."
N_TOKENS = 100  # a segment: the random weights of a synthetic model do not know when to end


@dataclass(frozen=True)
class Heard:
    """One request as a listener had it, in seconds. An underrun is a moment with nothing left to play."""

    first_audio: float
    total: float
    audio: float
    underruns: int


@dataclass(frozen=True)
class SpeechFigures:
    rtf: float  # seconds of waiting a second of audio, all requests together
    first_audio_p50: float
    first_audio_p95: float
    underruns: int


async def speech_figures(
    engine: Engine, model: Model, voice: Voice, *, n_requests: int, n_at_once: int
) -> SpeechFigures:
    """`n_requests` requests, `n_at_once` of them at any time."""
    await engine.ready()
    await _listen(engine, voice, seed=0)  # what is prepared once
    gate = asyncio.Semaphore(n_at_once)

    async def one(seed: int) -> Heard:
        async with gate:
            return await _listen(engine, voice, seed=seed)

    began = time.perf_counter()
    heard = await asyncio.gather(*(one(seed) for seed in range(n_requests)))
    elapsed = time.perf_counter() - began
    first = [each.first_audio for each in heard]
    return SpeechFigures(
        rtf=elapsed / sum(each.audio for each in heard),
        first_audio_p50=float(np.percentile(first, 50)),
        first_audio_p95=float(np.percentile(first, 95)),
        underruns=sum(each.underruns for each in heard),
    )


async def _listen(engine: Engine, voice: Voice, *, seed: int) -> Heard:
    began = time.perf_counter()
    options = SpeechOptions(seed=seed, n_tokens=N_TOKENS, stream=True)
    handle = await engine.submit(SpeechRequest(TEXT, voice, options))
    first = 0.0
    audio = 0.0
    underruns = 0
    async for chunk in handle:
        now = time.perf_counter() - began
        if not audio:
            first = now
        elif now - first > audio:
            underruns += 1
        audio += len(chunk.samples) / handle.sample_rate
    return Heard(first, time.perf_counter() - began, audio, underruns)
