"""A model with an ear says again what it did not say clearly, and keeps what fits best."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from comps.gptsovits.ear import Ear
from comps.gptsovits.engine import Engine
from comps.gptsovits.engine.guard import Fault, strangeness
from comps.gptsovits.engine.job import Attempt
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.asking import TEXT, audio, in_engine, request, running
from tests.engine.small import N_BINS, N_SYMBOLS


class Strict(Ear):
    """Finds every attempt as good as it is told to, in turn, and remembers what it was played."""

    def __init__(self, fits: Sequence[float], *, clear: float, retries: int = 2) -> None:
        super().__init__(
            np.zeros((N_BINS, 2), np.float32), np.zeros(N_SYMBOLS, np.int64), clear=clear, retries=retries
        )
        self.fits, self.heard = list(fits), []  # type: ignore[var-annotated]

    def fit(self, tokens: Sequence[int], phonemes: Sequence[int]) -> float:
        self.heard.append(list(tokens))
        return self.fits[(len(self.heard) - 1) % len(self.fits)]


@pytest.fixture(autouse=True)
def nothing_else_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights ramble; here only the ear is to find fault."""
    monkeypatch.setattr("comps.gptsovits.engine.guard.fault_of", lambda *_, **__: None)


async def said(model: Model, voice: Voice, *, stream: bool = False) -> tuple[np.ndarray, list[str], int]:
    async with running(model) as engine:
        handle = await engine.submit(request(voice, n_tokens=None, stream=stream))
        sound = await audio(handle)
        return sound, handle.warnings, engine.stats().retries_total


def test_what_is_clear_is_said_once(model: Model, voices: list[Voice]) -> None:
    sound, warnings, n_retries = asyncio.run(said(replace(model, ear=Strict([-0.2], clear=-0.4)), voices[0]))
    plain, _, _ = asyncio.run(said(model, voices[0]))
    assert (n_retries, warnings) == (0, [])
    assert np.array_equal(sound, plain)


def test_the_attempt_that_fits_best_is_kept(model: Model, voices: list[Voice]) -> None:
    async def of(fits: list[float], clear: float) -> np.ndarray:
        sound, warnings, n_retries = await said(replace(model, ear=Strict(fits, clear=clear)), voices[0])
        assert n_retries == (0 if fits[0] >= clear else 2)
        assert not warnings  # a little unclear
        return sound

    first = asyncio.run(of([-0.1], -0.4))
    assert np.array_equal(asyncio.run(of([-0.6, -0.8, -0.7], -0.4)), first)
    assert not np.array_equal(asyncio.run(of([-0.8, -0.6, -0.7], -0.4)), first)


def test_what_stays_unclear_is_told(model: Model, voices: list[Voice]) -> None:
    _, warnings, _ = asyncio.run(said(replace(model, ear=Strict([-3.0], clear=-0.4)), voices[0]))
    assert warnings == ["segment 1 of 1 did not say its text clearly; the best of 3 attempts is used"]


def test_an_ear_may_ask_for_more_attempts_than_the_guard(model: Model, voices: list[Voice]) -> None:
    ear = Strict([-0.9, -0.8, -0.7, -0.6, -0.5, -0.4, -0.1], clear=-0.2, retries=8)
    _, warnings, n_retries = asyncio.run(said(replace(model, ear=ear), voices[0]))
    assert (n_retries, warnings) == (6, [])
    none = Strict([-0.9], clear=-0.2, retries=0)
    assert asyncio.run(said(replace(model, ear=none), voices[0]))[2] == 2, "the guard's own are left"
    with pytest.raises(ValueError, match="20 attempts"):
        Strict([-0.9], clear=-0.2, retries=1000)


def test_it_listens_before_it_speaks_also_when_it_streams(model: Model, voices: list[Voice]) -> None:
    """Nothing of an attempt that is given up has sounded."""
    ear = Strict([-0.9, -0.1], clear=-0.4)

    async def body(engine: Engine) -> None:
        handle = await engine.submit(request(voices[0], TEXT, n_tokens=None, stream=True))
        n_heard = [len(ear.heard) async for _ in handle]
        assert n_heard[0] == 2
        assert handle.warnings == []

    in_engine(replace(model, ear=ear), body)


def test_the_ear_is_played_the_segments_own_tokens_alone(model: Model, voices: list[Voice]) -> None:
    ear = Strict([-0.1], clear=-0.4)
    sound, _, _ = asyncio.run(said(replace(model, ear=ear), voices[0]))
    assert len(ear.heard) == 1
    assert len(ear.heard[0]) * model.samples_per_token == len(sound)


def test_an_unclear_attempt_is_better_than_one_of_another_length() -> None:
    unclear = strangeness([1] * 90, 40, Fault.UNCLEAR, fit=-5.0)
    assert strangeness([1] * 90, 40, Fault.UNCLEAR, fit=-0.5) < unclear < 1.0
    assert unclear < strangeness(list(range(20)), 40, Fault.TOO_SHORT)
    assert Attempt(unclear, [], Fault.UNCLEAR, fit=-0.6).is_tolerable
    assert not Attempt(unclear, [], Fault.UNCLEAR, fit=-5.0).is_tolerable
    assert not Attempt(1.2, [], Fault.TOO_SHORT).is_tolerable


def test_a_prompt_after_which_nothing_was_good_is_left_out(model: Model, voices: list[Voice]) -> None:
    voice = next(voice for voice in voices if voice.has_prompt)

    def heard(own: Voice, fit: float) -> list[list[int]]:
        ear = Strict([fit], clear=-0.2, retries=4)
        asyncio.run(said(replace(model, ear=ear), own))
        return ear.heard

    bad, tolerable, alone = heard(voice, -3.0), heard(voice, -0.9), heard(voice.without_prompt, -3.0)
    assert len(bad) == 5
    assert bad[:3] == tolerable[:3] != alone[:3]
    assert bad[3:] == alone[3:] != tolerable[3:]
