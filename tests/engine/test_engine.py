"""The engine from its door, with a small random model: speech it is not, but every path is the real one."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
import torch

from comps.cores.audio.waveform import Waveform
from comps.cores.errors import (
    Cancelled,
    DeadlineExceeded,
    EngineBusy,
    EngineStopped,
    ModelNotFound,
    ProfileMismatch,
    SilentAudio,
    SynthesisFailed,
    TextTooLong,
    UnspeakableText,
    UnsupportedLanguage,
)
from comps.gptsovits.engine import Engine, EngineConfig, Handle, SpeechOptions, SpeechRequest
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.small import SAMPLE_RATE, clip, small_model

TEXT = "The quick brown fox jumps over the lazy dog."
PAUSE = 0.1


@pytest.fixture(scope="module")
def model() -> Model:
    return small_model()


@pytest.fixture(scope="module")
def voices(model: Model) -> list[Voice]:
    """Twelve, every other one with a prompt."""

    async def make() -> list[Voice]:
        async with running(model) as engine:
            results = [
                await engine.profile(clip(i), text="A hum, and no words." if i % 2 else None)
                for i in range(12)
            ]
            return [result.voice for result in results]

    return asyncio.run(make())


@asynccontextmanager
async def running(model: Model, **options: int) -> AsyncIterator[Engine]:
    with Engine(model, config=EngineConfig(**options)) as engine:  # type: ignore[arg-type]
        yield engine


def request(voice: Voice, text: str = TEXT, **options: object) -> SpeechRequest:
    chosen = {"seed": 1, "n_tokens": 40, "pause_seconds": PAUSE} | options
    return SpeechRequest(text, voice, SpeechOptions(**chosen))  # type: ignore[arg-type]


async def audio(handle: Handle) -> np.ndarray:
    return np.concatenate([chunk.samples async for chunk in handle])


async def spoken(engine: Engine, wanted: SpeechRequest) -> np.ndarray:
    return await audio(await engine.submit(wanted))


def in_engine(model: Model, body: Callable[[Engine], Awaitable[None]], **options: int) -> None:
    async def main() -> None:
        async with running(model, **options) as engine:
            await asyncio.wait_for(body(engine), 60)

    asyncio.run(main())


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


def test_the_same_request_and_seed_sound_the_same_and_another_seed_does_not(
    model: Model, voices: list[Voice]
) -> None:
    async def body(engine: Engine) -> None:
        first = await spoken(engine, request(voices[1]))
        assert np.array_equal(first, await spoken(engine, request(voices[1])))
        assert not np.array_equal(first, await spoken(engine, request(voices[1], seed=2)))

    in_engine(model, body)


def test_a_restarted_engine_with_the_same_weights_sounds_the_same(voices: list[Voice]) -> None:
    async def once() -> np.ndarray:
        async with running(small_model()) as engine:
            return await spoken(engine, request(voices[3]))

    assert np.array_equal(asyncio.run(once()), asyncio.run(once()))


def test_twelve_voices_at_once_sound_as_one_after_the_other(model: Model, voices: list[Voice]) -> None:
    """The regression test for the field's worst fault: voices that mix, or change, when requests overlap."""
    words = TEXT.rstrip(".").split()
    wanted = [
        request(voice, " ".join(words[: 3 + i % 7]) + ".\nAnd again.", seed=i, n_tokens=30 + 5 * i)
        for i, voice in enumerate(voices)
    ]

    async def body(engine: Engine) -> None:
        serial = [await spoken(engine, one) for one in wanted]
        together = await asyncio.gather(*(spoken(engine, one) for one in wanted))
        for alone, shared in zip(serial, together, strict=True):
            assert alone.tobytes() == shared.tobytes()
        assert len({sound.tobytes() for sound in serial}) == len(wanted)

    in_engine(model, body, max_running=8)


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


def test_a_cancelled_request_stops_and_frees_its_rows(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        handle = await engine.submit(request(voices[0], "\n".join([TEXT] * 40), n_tokens=200))
        async for _ in handle:
            handle.cancel()
            handle.cancel()
            break
        with pytest.raises(Cancelled):
            async for _ in handle:
                pass
        assert await eventually(lambda: engine.stats().rows_busy == 0)
        stats = engine.stats()
        assert (stats.running, stats.waiting, stats.cancelled_total) == (0, 0, 1)
        assert len(await spoken(engine, request(voices[1]))) > 0

    in_engine(model, body, max_running=4)


def test_leaving_a_handles_context_cancels_it(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        async with await engine.submit(request(voices[0], "\n".join([TEXT] * 40), n_tokens=200)) as handle:
            await anext(handle)
        assert await eventually(lambda: engine.stats().cancelled_total == 1)

    in_engine(model, body)


def test_a_full_queue_refuses_with_a_time_to_come_back(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        long = request(voices[0], "\n".join([TEXT] * 40), n_tokens=200)
        handles = [await engine.submit(long)]
        assert await eventually(lambda: engine.stats().running == 1)
        # At once, or the first of them would run before the last has come.
        answers = await asyncio.gather(*(engine.submit(long) for _ in range(4)), return_exceptions=True)
        refusals = [answer for answer in answers if isinstance(answer, EngineBusy)]
        handles += [answer for answer in answers if isinstance(answer, Handle)]
        assert refusals
        assert len(handles) >= 3
        assert all(refusal.retry_after > 0 for refusal in refusals)
        for handle in handles:
            handle.cancel()
        assert await eventually(lambda: engine.stats().waiting == 0)
        await spoken(engine, request(voices[0]))

    in_engine(model, body, max_running=1, queue_capacity=2)


def test_a_refused_text_takes_no_place_in_the_queue(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        for _ in range(3):
            with pytest.raises(UnspeakableText):
                await engine.submit(request(voices[0], " \n "))
        assert engine.stats().waiting == 0

    in_engine(model, body, queue_capacity=1)


def test_a_deadline_ends_a_request_wherever_it_is(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        handle = await engine.submit(
            request(voices[0], "\n".join([TEXT] * 100), n_tokens=400, deadline_seconds=0.3)
        )
        with pytest.raises(DeadlineExceeded):
            await audio(handle)
        assert await eventually(lambda: engine.stats().rows_busy == 0)

    in_engine(model, body)


def test_a_slow_reader_holds_nobody_up(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        unread = await engine.submit(request(voices[0], "\n".join([TEXT] * 3)))
        expected = await spoken(engine, request(voices[1]))
        assert await eventually(lambda: engine.stats().succeeded_total == 2)
        assert np.array_equal(expected, await spoken(engine, request(voices[1])))
        assert len(await audio(unread)) > 0

    in_engine(model, body, max_running=1)


def test_a_short_request_does_not_wait_for_a_long_one(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        long = await engine.submit(request(voices[0], "\n".join([TEXT] * 60), n_tokens=100))
        await anext(long)
        await spoken(engine, request(voices[1], "Hi.", n_tokens=20))
        assert engine.stats().succeeded_total == 1
        long.cancel()

    in_engine(model, body, max_running=4)


def test_stopping_fails_what_is_under_way_and_refuses_what_comes(model: Model, voices: list[Voice]) -> None:
    async def main() -> None:
        engine = Engine(model)
        with pytest.raises(EngineStopped):
            await engine.submit(request(voices[0]))
        engine.start()
        handle = await engine.submit(request(voices[0], "\n".join([TEXT] * 40), n_tokens=200))
        began = time.monotonic()
        await asyncio.to_thread(engine.stop)
        assert time.monotonic() - began < 5
        with pytest.raises(EngineStopped):
            await audio(handle)
        for refused in (engine.submit(request(voices[0])), engine.profile(clip())):
            with pytest.raises(EngineStopped):
                await refused
        engine.stop()

    before = set(threading.enumerate())  # other tests' engines may still be ending
    asyncio.run(main())
    new = set(threading.enumerate()) - before
    assert not [thread for thread in new if thread.name == "gptsovits-engine"]


def test_a_failing_request_fails_alone(voices: list[Voice]) -> None:
    broken = small_model(seed=0)
    vocoder = broken.decoder.vocoder
    poison = request(voices[0], n_tokens=123)
    plain = vocoder.forward

    def fails_on_long(frames: torch.Tensor, style: torch.Tensor | None = None) -> torch.Tensor:
        if not torch.isfinite(frames).all():
            raise RuntimeError("no")
        return plain(frames, style)

    latent = broken.decoder.latent

    def poisoned(tokens: torch.Tensor, *args: torch.Tensor, **kwargs: float) -> torch.Tensor:
        frames = latent(tokens, *args, **kwargs)  # type: ignore[arg-type]
        return frames * torch.nan if tokens.shape[-1] == 123 else frames

    vocoder.forward = fails_on_long  # type: ignore[method-assign]
    broken.decoder.latent = poisoned  # type: ignore[method-assign]

    async def body(engine: Engine) -> None:
        good, bad = await asyncio.gather(
            spoken(engine, request(voices[1])), spoken(engine, poison), return_exceptions=True
        )
        assert isinstance(good, np.ndarray)
        assert isinstance(bad, SynthesisFailed)
        assert engine.stats().failed_total == 1

    in_engine(broken, body)


def test_a_fault_of_the_engine_itself_hangs_nobody(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        worker = engine._worker
        expire = worker._expire

        def fails_once() -> None:
            if worker._jobs:
                worker._expire = expire  # type: ignore[method-assign]
                raise AssertionError("a bug")

        worker._expire = fails_once  # type: ignore[method-assign]
        with pytest.raises(SynthesisFailed):
            await spoken(engine, request(voices[0]))
        assert len(await spoken(engine, request(voices[0]))) > 0

    in_engine(model, body)


def test_a_listener_whose_event_loop_is_gone_is_given_up(model: Model, voices: list[Voice]) -> None:
    with Engine(model) as engine:

        async def leave() -> None:
            await engine.submit(request(voices[0], "\n".join([TEXT] * 40), n_tokens=200))

        asyncio.run(leave())
        assert asyncio.run(eventually(lambda: engine.stats().cancelled_total == 1))


def test_several_models_speak_at_once_and_the_oldest_makes_room(voices: list[Voice]) -> None:
    models = {f"m{seed}": small_model(f"m{seed}", seed=seed) for seed in range(3)}

    class Shelf:
        def get(self, model_id: str | None) -> Model:
            return models[model_id or "m0"]

    async def main() -> None:
        with Engine(Shelf(), config=EngineConfig(max_models=2)) as engine:

            async def speak(name: str) -> np.ndarray:
                voice = (await engine.profile(clip(), model=name)).voice
                options = SpeechOptions(seed=1, n_tokens=30)
                return await audio(await engine.submit(SpeechRequest(TEXT, voice, options, model=name)))

            alone = [await speak(name) for name in models]
            assert len(engine._worker._lanes) == 2
            together = await asyncio.gather(*map(speak, models))
            for one, other in zip(alone, together, strict=True):
                assert np.array_equal(one, other)
            assert len({sound.tobytes() for sound in alone}) == len(models)

    asyncio.run(main())


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


def test_profiles_are_the_same_bytes_for_the_same_clip(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        again = await engine.profile(clip(1), text="A hum, and no words.")
        assert again.voice.to_bytes() == voices[1].to_bytes()
        assert again.voice.has_prompt
        assert not voices[0].has_prompt
        assert voices[0].id != voices[2].id

    in_engine(model, body)


def test_profiles_report_what_was_done_to_the_clip(model: Model) -> None:
    async def body(engine: Engine) -> None:
        short = await engine.profile(clip(seconds=1.0))
        assert "padded" in short.warnings[0]
        long = await engine.profile(clip(seconds=20.0), text="These are the words of twenty seconds.")
        assert any("s is used" in warning for warning in long.warnings)
        assert any("transcript" in warning for warning in long.warnings)
        assert not long.voice.has_prompt
        assert long.voice.seconds <= 10.0
        with pytest.raises(SilentAudio):
            await engine.profile(Waveform(np.zeros(80_000, np.float32), 16_000))

    in_engine(model, body)


def test_auxiliary_clips_move_the_style_and_not_the_prompt(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        made = (await engine.profile(clip(1), text="A hum, and no words.", aux=[clip(5), clip(7)])).voice
        assert np.array_equal(made.prompt_tokens, voices[1].prompt_tokens)
        mean = np.mean([voices[i].style for i in (1, 5, 7)], axis=0)
        np.testing.assert_allclose(made.style, mean, atol=1e-5)

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


async def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether something becomes true soon."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        await asyncio.sleep(0.005)
    return False
