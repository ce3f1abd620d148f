"""What a request is answered with."""

import asyncio
import time

import numpy as np
import pytest

from comps.cores.errors import ModelNotFound, ProfileMismatch, TextTooLong, UnsupportedLanguage
from comps.gptsovits.engine import Engine, SpeechRequest
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.asking import PAUSE, TEXT, audio, in_engine, request, spoken
from tests.engine.small import SAMPLE_RATE, small_model


def test_a_request_is_answered_in_ordered_chunks_of_at_most_a_second(
    model: Model, voices: list[Voice]
) -> None:
    async def body(engine: Engine) -> None:
        handle = await engine.submit(request(voices[0], f"{TEXT}\n{TEXT}\n{TEXT}", n_tokens=60))
        chunks = [chunk async for chunk in handle]
        assert handle.segments_total == 3
        assert handle.sample_rate == SAMPLE_RATE
        assert [chunk.segment for chunk in chunks] == sorted(chunk.segment for chunk in chunks)
        assert [chunk.is_final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert all(len(chunk.samples) <= SAMPLE_RATE for chunk in chunks)
        assert all(chunk.samples.dtype == np.float32 for chunk in chunks)
        expected = 3 * 60 * model.samples_per_token + 2 * int(PAUSE * SAMPLE_RATE)
        assert sum(len(chunk.samples) for chunk in chunks) == expected

    in_engine(model, body)


@pytest.mark.parametrize("text", ["Hi.", "5", "I", "No!"])
def test_very_short_text_speaks(model: Model, voices: list[Voice], text: str) -> None:
    async def body(engine: Engine) -> None:
        sound = await spoken(engine, request(voices[1], text, n_tokens=None))
        assert len(sound) >= 11 * model.samples_per_token
        assert np.abs(sound).max() > 0

    in_engine(model, body)


def test_speed_changes_the_length(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        plain, fast, slow = [
            len(await spoken(engine, request(voices[0], speed=speed))) for speed in (1.0, 2.0, 0.5)
        ]
        assert abs(fast / plain - 0.5) < 0.03
        assert abs(slow / plain - 2.0) < 0.03

    in_engine(model, body)


def test_the_model_ends_segments_itself_and_the_guard_says_what_is_wrong(
    model: Model, voices: list[Voice]
) -> None:
    """A random model speaks nonsense, which is what the guard is for: two more attempts, then a warning."""

    async def body(engine: Engine) -> None:
        handle = await engine.submit(request(voices[0], n_tokens=None))
        sound = await audio(handle)
        assert len(sound) > 0
        stats = engine.stats()
        assert stats.retries_total in (0, 1, 2)
        assert bool(handle.warnings) == (stats.retries_total == 2)
        again = await audio(await engine.submit(request(voices[0], n_tokens=None)))
        assert np.array_equal(sound, again)

    in_engine(model, body)


def test_a_voice_of_other_weights_is_refused(voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        with pytest.raises(ProfileMismatch):
            await engine.submit(request(voices[0]))

    in_engine(small_model(seed=9), body)


def test_what_cannot_be_spoken_says_why(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        with pytest.raises(TextTooLong):
            await engine.submit(request(voices[0], "word " * 10_000))
        with pytest.raises(UnsupportedLanguage):
            await engine.submit(request(voices[0], language="klingon"))
        with pytest.raises(ModelNotFound):
            await engine.submit(SpeechRequest(TEXT, voices[0], model="other"))

    in_engine(model, body)


def test_the_event_loop_is_never_blocked(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.005)
                longest = max(longest, time.monotonic() - before)

        watcher = asyncio.create_task(watch())
        await asyncio.gather(*(spoken(engine, request(voice)) for voice in voices[:4]))
        watcher.cancel()
        assert longest < 0.5

    in_engine(model, body)


def test_stats_count_what_happened(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        await spoken(engine, request(voices[0], f"{TEXT}\n{TEXT}"))
        stats = engine.stats()
        assert stats.tokens_total >= 2 * 40
        assert stats.tokens_per_second > 0
        assert stats.audio_seconds_total == pytest.approx(2 * 40 / 25 + PAUSE, rel=0.01)
        assert len(stats.first_audio_seconds) == len(stats.total_seconds) == 1
        assert stats.first_audio_seconds[0] <= stats.total_seconds[0]
        assert (stats.requests_total, stats.succeeded_total, stats.failed_total) == (1, 1, 0)

    in_engine(model, body)
