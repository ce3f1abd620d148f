"""Requests that are spoken while they are still being decoded."""

import asyncio

import numpy as np
import pytest

from comps.gptsovits.engine import Engine
from comps.gptsovits.engine.pacing import FIRST_TOKENS
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.asking import TEXT, audio, in_engine, request, running, spoken
from tests.engine.small import SAMPLE_RATE, small_model


def test_the_first_words_are_heard_long_before_the_last_are_decoded(
    model: Model, voices: list[Voice]
) -> None:
    async def body(engine: Engine) -> None:
        handle = await engine.submit(request(voices[1], n_tokens=1_000, stream=True))
        first = await anext(handle)
        assert engine.stats().tokens_total < 1_000
        assert len(first.samples) == FIRST_TOKENS * model.samples_per_token
        rest = [chunk async for chunk in handle]
        chunks = [first, *rest]
        assert sum(len(chunk.samples) for chunk in chunks) == 1_000 * model.samples_per_token
        assert [chunk.is_final for chunk in chunks] == [False] * len(rest) + [True]
        assert all(len(chunk.samples) <= SAMPLE_RATE for chunk in chunks)
        assert engine.stats().succeeded_total == 1

    in_engine(model, body)


def test_segments_follow_each_other_in_order(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        handle = await engine.submit(request(voices[0], f"{TEXT}\n{TEXT}\n{TEXT}", n_tokens=60, stream=True))
        chunks = [chunk async for chunk in handle]
        assert [chunk.segment for chunk in chunks] == sorted(chunk.segment for chunk in chunks)
        spoken_samples = 3 * 60 * model.samples_per_token
        assert sum(len(chunk.samples) for chunk in chunks) == spoken_samples + 2 * int(0.1 * SAMPLE_RATE)

    in_engine(model, body)


@pytest.mark.parametrize("n_tokens", [50, None])
def test_live_speech_is_the_same_alone_together_and_after_a_restart(
    voices: list[Voice], n_tokens: int | None
) -> None:
    """Also where the guard interferes: random weights repeat themselves, and seldom end in time."""
    words = TEXT.rstrip(".").split()
    wanted = [
        request(voice, " ".join(words[: 4 + i % 5]) + ".\nAnd again.", seed=i, n_tokens=n_tokens, stream=True)
        for i, voice in enumerate(voices)
    ]

    async def alone() -> list[np.ndarray]:
        async with running(small_model()) as engine:
            return [await spoken(engine, one) for one in wanted]

    async def together() -> list[np.ndarray]:
        async with running(small_model(), max_running=8) as engine:
            return await asyncio.gather(*(spoken(engine, one) for one in wanted))

    for one, other in zip(asyncio.run(alone()), asyncio.run(together()), strict=True):
        assert one.tobytes() == other.tobytes()


def test_what_was_spoken_stays_when_the_guard_tries_again(model: Model, voices: list[Voice]) -> None:
    """The beginning is that of an engine that does not try again."""

    async def said(retries: int) -> tuple[np.ndarray, list[str], int]:
        async with running(model, retries=retries) as engine:
            handle = await engine.submit(request(voices[1], n_tokens=None, stream=True, seed=3))
            sound = await audio(handle)
            return sound, handle.warnings, engine.stats().retries_total

    once, warnings, _ = asyncio.run(said(0))
    assert warnings  # these weights and this seed speak nonsense
    again, _, n_retries = asyncio.run(said(2))
    assert n_retries > 0
    n = FIRST_TOKENS * model.samples_per_token
    assert np.array_equal(once[:n], again[:n])
    assert not np.array_equal(once, again)


def test_live_speech_that_is_cancelled_frees_its_rows(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        async with await engine.submit(request(voices[0], n_tokens=1_000, stream=True)) as handle:
            await anext(handle)
        assert len(await spoken(engine, request(voices[1], stream=True))) > 0
        assert engine.stats().rows_busy == 0

    in_engine(model, body, max_running=1)


@pytest.mark.parametrize("stream", [False, True])
def test_nothing_of_the_clip_is_said(model: Model, voices: list[Voice], stream: bool) -> None:
    """The decoder hears new tokens alone: with a prompt the audio is as long as without."""

    async def body(engine: Engine) -> None:
        with_prompt, without = voices[1], voices[0]
        assert with_prompt.has_prompt
        assert not without.has_prompt
        for voice in (with_prompt, without):
            sound = await spoken(engine, request(voice, n_tokens=40, stream=stream))
            assert len(sound) == 40 * model.samples_per_token

    in_engine(model, body)
