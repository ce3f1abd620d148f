"""Streams whose windows are vocoded together sound as they do one after the other."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from comps.cores.errors import Cancelled, SynthesisFailed
from comps.gptsovits.devices import Precision
from comps.gptsovits.engine import Engine, EngineConfig, SpeechOptions, SpeechRequest, company, worker
from comps.gptsovits.engine.company import GATHER_SECONDS, fellows, gathered
from comps.gptsovits.engine.errands import Errand
from comps.gptsovits.engine.lane import Lane
from comps.gptsovits.engine.shares import Shares
from comps.gptsovits.engine.synthesis import Edges
from comps.gptsovits.engine.utterance import Utterance
from comps.gptsovits.engine.vocoding import BatchedVocoder
from comps.gptsovits.engine.windows import Part, Slice, Window
from comps.gptsovits.model import Model
from comps.gptsovits.networks.vocoders.hifigan import HifiGan
from comps.gptsovits.voice import Voice
from tests.engine.asking import TEXT, audio, request, spoken
from tests.engine.recording import Recorder
from tests.engine.small import DECODER_CONFIG, SAMPLE_RATE, clip, small_model
from tests.tiny import tiny_model

WORDS = TEXT.rstrip(".").split()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[Window]]:
    """Engines vocode together, as on a GPU but unrecorded, all else being as ever; the calls as they come.

    Nothing is spoken before all tokens are there, and nobody is left out for want of time.
    """
    told: list[list[Window]] = []

    class Told(BatchedVocoder):
        def vocode(self, windows: Any) -> list[Tensor | Exception]:
            told.append(list(windows))
            return super().vocode(windows)

    def lane(model: Model, n_rows: int, **options: Any) -> Lane:
        made = Lane(model, n_rows, **options)
        rate, recorder = model.sample_rate, Recorder()
        made.vocoder = Told(model.decoder.vocoder, sample_rate=rate, together=True, record=recorder)
        return made

    class TokensFirst(Shares):
        def audio_is_next(self, *, tokens: bool, audio: bool) -> bool:
            return audio and not tokens

    monkeypatch.setattr("comps.gptsovits.engine.lane.usual_windows", lambda model: ())
    monkeypatch.setattr(company, "GATHER_SECONDS", 60.0)
    monkeypatch.setattr(worker, "Shares", TokensFirst)
    monkeypatch.setattr(worker, "Lane", lane)
    return told


def engine(model: Any, *, compiled: bool = False) -> Engine:
    """In float32, so that rounding is small."""
    return Engine(model, config=EngineConfig(max_running=8, precision=Precision.EXACT, compiled=compiled))


def wanted(voices: list[Voice], **options: object) -> list[SpeechRequest]:
    """Eight voices, texts of two segments and lengths; in pairs, so that some end alike."""
    return [
        request(
            voice,
            " ".join(WORDS[: 3 + i % 4]) + ".\nAnd again.",
            **({"seed": i, "n_tokens": 40 + 12 * (i // 2)} | options),
        )
        for i, voice in enumerate(voices[:8])
    ]


@asynccontextmanager
async def all_at_once(engine: Engine) -> AsyncIterator[None]:
    """What is submitted meanwhile begins together."""
    gate = threading.Event()
    engine._worker.run(Errand.of_call(gate.wait))
    try:
        yield
    finally:
        gate.set()


def one_by_one(
    model: Model, requests: Iterable[SpeechRequest], *, compiled: bool = False
) -> list[np.ndarray]:
    """Of an engine as a CPU has it."""

    async def main() -> list[np.ndarray]:
        with engine(model, compiled=compiled) as serial:
            return [await spoken(serial, one) for one in requests]

    return asyncio.run(main())


def check_close(made: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_eight_streams_at_once_sound_as_one_after_the_other(
    voices: list[Voice],
    calls: list[list[Window]],
    stream: bool,
    compiled: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests = wanted(voices, stream=stream)

    async def main() -> None:
        with engine(small_model(), compiled=compiled) as together:
            await together.ready()
            calls.clear()
            async with all_at_once(together):
                handles = [await together.submit(one) for one in requests]

            async def heard(i: int) -> np.ndarray:
                chunks = [chunk async for chunk in handles[i]]
                assert [chunk.is_final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
                assert [chunk.segment for chunk in chunks] == sorted(chunk.segment for chunk in chunks)
                return np.concatenate([chunk.samples for chunk in chunks])

            made.extend(await asyncio.gather(*map(heard, range(len(handles)))))
            stats = together.stats()
            assert stats.vocoder_windows_total == sum(map(len, calls))
            assert stats.vocoder_calls_total == len(calls)
            assert stats.succeeded_total == len(handles)

    made: list[np.ndarray] = []
    asyncio.run(main())
    assert max(map(len, calls)) >= 8
    monkeypatch.undo()
    for one, expected in zip(made, one_by_one(small_model(), requests, compiled=compiled), strict=True):
        check_close(one, expected)


@pytest.mark.parametrize(("version", "n_tokens"), [("v2ProPlus", 60), ("v3", 260), ("v4", 200)])
def test_every_kind_of_vocoder_makes_windows_together(
    version: str, n_tokens: int, tmp_path: Path, calls: list[list[Window]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(tmp_path, version)

    async def voice_of() -> Voice:
        with engine(model) as it:
            return (await it.profile(clip(), text="A hum, and no words.")).voice

    async def main() -> list[np.ndarray]:
        with engine(model) as together:
            async with all_at_once(together):
                handles = [await together.submit(one) for one in requests]
            return await asyncio.gather(*map(audio, handles))

    voice = asyncio.run(voice_of())
    requests = [
        SpeechRequest("One sentence.", voice, SpeechOptions(seed=seed, n_tokens=n_tokens, sample_steps=1))
        for seed in range(3)
    ]
    made = asyncio.run(main())
    assert max(map(len, calls)) >= 2
    monkeypatch.undo()
    for one, expected in zip(made, one_by_one(model, requests), strict=True):
        # Random snakes make much of little: v3 alone, in float32, is -75 dB from itself in float64 too.
        assert np.linalg.norm(one - expected) <= 1e-3 * np.linalg.norm(expected)


def test_a_call_is_of_one_model_and_one_shape_and_has_room(
    voices: list[Voice], calls: list[list[Window]]
) -> None:
    models = {f"m{seed}": small_model(f"m{seed}", seed=seed) for seed in range(2)}

    class Shelf:
        def get(self, model_id: str | None) -> Model:
            return models[model_id or "m0"]

    async def main() -> None:
        with engine(Shelf()) as it:
            options = SpeechOptions(seed=1, n_tokens=90, stream=True)
            made = {name: (await it.profile(clip(), model=name)).voice for name in models}
            requests = [SpeechRequest(TEXT, made[name], options, model=name) for name in models]
            calls.clear()
            async with all_at_once(it):
                handles = [await it.submit(one) for one in requests * 4]
            sounds = await asyncio.gather(*map(audio, handles))
            for alike in (sounds[::2], sounds[1::2]):
                for one in alike[1:]:
                    check_close(one, alike[0])
            with pytest.raises(AssertionError):
                check_close(sounds[0], sounds[1])

    asyncio.run(main())
    assert {len({id(window.vocoder) for window in call}) for call in calls} == {1}
    assert {len({window.shape for window in call}) for call in calls} == {1}
    assert 4 <= max(map(len, calls)) <= 16
    assert len({id(call[0].vocoder) for call in calls}) == 2


@pytest.mark.parametrize("fault", ["raises", "no number"])
def test_a_request_that_fails_among_others_fails_alone(
    voices: list[Voice], calls: list[list[Window]], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, requests = small_model(), wanted(voices, n_tokens=50)
    latent = model.decoder.latent  # type: ignore[union-attr]

    def poisoned(tokens: Tensor, *args: Any, **options: Any) -> Tensor:
        made: Tensor = latent(tokens, *args, **options)
        if tokens.shape[-1] != 81:
            return made
        if fault == "raises":
            raise RuntimeError("no")
        return made * torch.nan

    model.decoder.latent = poisoned  # type: ignore
    poison = request(voices[9], n_tokens=81)

    async def main() -> list[Any]:
        with engine(model) as it:
            async with all_at_once(it):
                handles = [await it.submit(one) for one in [*requests[:4], poison, *requests[4:]]]
            return await asyncio.gather(*map(audio, handles), return_exceptions=True)

    made = asyncio.run(main())
    assert isinstance(made.pop(4), SynthesisFailed)
    assert max(map(len, calls)) >= 8
    monkeypatch.undo()
    for one, expected in zip(made, one_by_one(small_model(), requests), strict=True):
        check_close(one, expected)


def test_who_leaves_is_missed_by_nobody(
    voices: list[Voice], calls: list[list[Window]], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = wanted(voices, n_tokens=80, stream=True)

    async def main() -> list[Any]:
        with engine(small_model()) as it:
            async with all_at_once(it):
                handles = [await it.submit(one) for one in requests]

            async def heard(i: int) -> np.ndarray:
                if i % 3:
                    return await audio(handles[i])
                async for _ in handles[i]:
                    handles[i].cancel()
                raise AssertionError("it was not cancelled")

            made = await asyncio.gather(*map(heard, range(8)), return_exceptions=True)
            assert (it.stats().cancelled_total, it.stats().succeeded_total) == (3, 5)
            return made

    made = asyncio.run(main())
    assert max(map(len, calls)) >= 8
    monkeypatch.undo()
    for i, expected in enumerate(one_by_one(small_model(), requests)):
        if i % 3:
            check_close(made[i], expected)
        else:
            assert isinstance(made[i], Cancelled)


VOCODER = HifiGan(DECODER_CONFIG.vocoder)


def window(n_frames: int = 32, *, is_last: bool = False) -> Window:
    return Window(
        VOCODER, None, torch.zeros(1, DECODER_CONFIG.vocoder.in_channels, n_frames), (0, 0), is_last
    )


def utterance(*parts: Part, endless: bool = True) -> Utterance:
    """Endless ones go on with windows of the usual shape."""
    rest: Iterator[Part] = itertools.repeat(window()) if endless else iter(())
    job = SimpleNamespace(vocoder=None)
    return Utterance(cast(Any, job), 0, itertools.chain(parts, rest), Edges(SAMPLE_RATE))


def together(leader: Utterance, *others: Utterance) -> list[int]:
    """Who is in the call, by position; the leader is 0."""

    def fail(failed: Utterance, error: Exception) -> None:
        raise error

    first = leader.take()
    assert isinstance(first, Window)
    vocoder = BatchedVocoder(VOCODER, sample_rate=SAMPLE_RATE, together=True)
    everyone = [leader, *others]
    rows = gathered(leader, first, others, vocoder, fail=fail)
    return [everyone.index(row.utterance) for row in rows]


def test_others_come_first_and_then_more_of_each_until_there_is_no_room() -> None:
    assert together(utterance(), utterance(), utterance()) == [0, *([1, 2, 0] * 5)]


def test_with_the_pressed_go_the_pressed_alone_and_with_nobody_who_speaks_by_another_vocoder() -> None:
    leader, pressed, easy, stranger = (utterance() for _ in range(4))
    stranger.job.vocoder = BatchedVocoder(VOCODER, sample_rate=SAMPLE_RATE)
    others = [pressed, easy, stranger]
    assert fellows([leader, *others], lambda u: u is leader or u is pressed) == [pressed]
    assert fellows([leader, *others], lambda u: u is pressed) == [pressed, easy]


def test_a_window_of_another_shape_stays_the_next_of_its_utterance() -> None:
    other = utterance(long := window(48))
    leader = utterance(window(), window(is_last=True), endless=False)
    assert together(leader, other) == [0, 0]
    assert other.take() is long
    assert not leader.is_ready


def test_what_needs_no_vocoder_waits_for_a_turn_of_its_own() -> None:
    other = utterance(silence := Slice(torch.zeros(0), is_last=True), endless=False)
    assert together(utterance(window(is_last=True)), other) == [0]
    assert other.take() is silence


def test_nobody_waits_for_what_takes_long_to_be_made() -> None:
    def parts() -> Iterator[Part]:
        yield None
        yield window()
        yield None
        raise AssertionError("too long")

    other = Utterance(cast(Any, None), 0, parts(), Edges(SAMPLE_RATE))
    assert together(utterance(window(is_last=True)), other) == [0]
    assert isinstance(other.take(), Window)  # led by itself, it takes the time it needs
    assert together(utterance(window(is_last=True)), other) == [0]


def test_frames_are_made_for_a_bounded_time_and_then_only_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def slow() -> Iterator[Part]:
        nonlocal now
        while True:
            now += GATHER_SECONDS / 2
            yield window(is_last=True)

    monkeypatch.setattr(company, "time", SimpleNamespace(monotonic=lambda: now))
    others = [Utterance(cast(Any, None), 0, slow(), Edges(SAMPLE_RATE)) for _ in range(4)]
    others[3].peek()
    now = 0.0
    assert together(utterance(window(is_last=True)), *others) == [0, 1, 2, 4]


def test_an_utterance_that_cannot_make_its_window_is_told_and_left_out() -> None:
    def broken() -> Iterator[Part]:
        raise RuntimeError("no")
        yield None

    bad = Utterance(cast(Any, None), 0, broken(), Edges(SAMPLE_RATE))
    leader, good = utterance(window(is_last=True)), utterance(window(is_last=True))
    failed: list[Utterance] = []
    vocoder = BatchedVocoder(VOCODER, sample_rate=SAMPLE_RATE, together=True)
    first = leader.take()
    assert isinstance(first, Window)
    rows = gathered(leader, first, [bad, good], vocoder, fail=lambda u, error: failed.append(u))
    assert [row.utterance for row in rows] == [leader, good]
    assert failed == [bad]
