"""Voice transfer through the engine: a recording's tokens in another voice, as a job like any other."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from comps.cores.audio.waveform import Waveform
from comps.cores.errors import (
    AudioTooLong,
    AudioTooShort,
    Cancelled,
    DeadlineExceeded,
    EngineBusy,
    NotSupportedByModel,
    ProfileMismatch,
    SilentAudio,
    TextTooLong,
    UnspeakableText,
    UnsupportedLanguage,
)
from comps.gptsovits.engine import Engine, EngineConfig, Handle, SpeechOptions, SpeechRequest, TransferRequest
from comps.gptsovits.engine.transfer import source_of, token_windows
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.small import clip, small_model
from tests.tiny import tiny_model

TEXT = "The quick brown fox jumps over the lazy dog."
TOKEN_SECONDS = 0.04
VERSIONS = ("v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4")


@pytest.fixture(scope="module")
def model() -> Model:
    return small_model()


def in_engine(model: Model, body: Callable[[Engine], Awaitable[None]], **options: int) -> None:
    async def main() -> None:
        with Engine(model, config=EngineConfig(**options)) as engine:
            await asyncio.wait_for(body(engine), 120)

    asyncio.run(main())


async def voice_of(engine: Engine, seed: int = 1) -> Voice:
    return (await engine.profile(clip(seed), text="A hum, and no words.")).voice


def wanted(
    voice: Voice, source: Waveform | None = None, text: str = TEXT, **options: object
) -> TransferRequest:
    chosen = {"seed": 1, "sample_steps": 2} | options
    return TransferRequest(source or clip(5), text, voice, SpeechOptions(**chosen))  # type: ignore[arg-type]


async def audio(handle: Handle) -> np.ndarray:
    return np.concatenate([chunk.samples async for chunk in handle])


async def transferred(engine: Engine, request: TransferRequest) -> np.ndarray:
    return await audio(await engine.transfer(request))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_says_a_recording_again_in_its_own_time(version: str, tmp_path: Path) -> None:
    tiny = tiny_model(tmp_path, version)

    async def body(engine: Engine) -> None:
        target, other = await voice_of(engine), await voice_of(engine, 4)
        source = clip(5, 3.313)
        first = await transferred(engine, wanted(target, source))
        seconds = len(first) / tiny.sample_rate
        assert source.seconds <= seconds + 0.02  # a vocoder's own rounding
        assert seconds - source.seconds <= TOKEN_SECONDS
        assert np.array_equal(first, await transferred(engine, wanted(target, source)))
        assert not np.array_equal(first, await transferred(engine, wanted(other, source)))
        assert not np.array_equal(first, await transferred(engine, wanted(target, source, seed=2)))

    in_engine(tiny, body)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("seconds", [0.5, 0.99, 1.0, 4.021])
def test_the_length_is_the_sources_to_the_next_token(model: Model, rate: int, seconds: float) -> None:
    async def body(engine: Engine) -> None:
        source = clip(5, seconds, rate)
        handle = await engine.transfer(wanted(await voice_of(engine), source))
        n_samples = len(await audio(handle))
        assert n_samples % model.samples_per_token == 0
        assert 0 <= n_samples / model.sample_rate - source.seconds < TOKEN_SECONDS + 1e-3
        assert handle.expected_seconds == pytest.approx(n_samples / model.sample_rate)

    in_engine(model, body)


def test_speed_shortens_the_recording(model: Model) -> None:
    async def body(engine: Engine) -> None:
        voice = await voice_of(engine)
        plain, fast = [
            len(await transferred(engine, wanted(voice, clip(5, 4.0), speed=speed))) for speed in (1.0, 2.0)
        ]
        assert abs(fast - plain / 2) <= model.samples_per_token

    in_engine(model, body)


def test_the_audio_depends_on_the_recording_and_on_the_text(model: Model) -> None:
    async def body(engine: Engine) -> None:
        voice = await voice_of(engine)
        first = await transferred(engine, wanted(voice))
        assert not np.array_equal(first, await transferred(engine, wanted(voice, clip(6))))
        assert not np.array_equal(first, await transferred(engine, wanted(voice, text="Something else.")))

    in_engine(model, body)


def test_it_comes_in_chunks_as_one_segment(model: Model) -> None:
    async def body(engine: Engine) -> None:
        handle = await engine.transfer(wanted(await voice_of(engine), clip(5, 7.0)))
        chunks = [chunk async for chunk in handle]
        assert handle.segments_total == 1
        assert handle.seed == 1
        assert len(chunks) >= 7
        assert [chunk.is_final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        stats = engine.stats()
        assert (stats.transfers_total, stats.succeeded_total, stats.requests_total) == (1, 1, 1)
        assert (stats.running, stats.waiting) == (0, 0)

    in_engine(model, body)


def test_it_sounds_the_same_alone_and_among_others(model: Model) -> None:
    async def body(engine: Engine) -> None:
        voices = [await voice_of(engine, seed) for seed in (1, 2)]
        requests = [wanted(voices[i % 2], clip(i, 2.0 + i)) for i in range(4)]
        alone = [await transferred(engine, request) for request in requests]
        speech = SpeechRequest(TEXT, voices[0], SpeechOptions(seed=1, n_tokens=60))
        spoken_alone = await audio(await engine.submit(speech))
        handles = [await engine.transfer(request) for request in requests]
        *together, spoken = await asyncio.gather(*map(audio, handles), audio(await engine.submit(speech)))
        for one, other in zip(alone, together, strict=True):
            assert np.array_equal(one, other)
        assert np.array_equal(spoken_alone, spoken)

    in_engine(model, body)


def test_a_long_recording_is_heard_in_windows_of_bounded_length(model: Model) -> None:
    heard: list[int] = []
    hook = model.content.register_forward_pre_hook(lambda _, given: heard.append(given[0].shape[-1]))
    try:
        source = source_of(clip(5, 59.99), model)
        with torch.inference_mode():
            windows = list(token_windows(model, source))
    finally:
        hook.remove()
    assert sum(map(len, windows)) == source.n_tokens == 1_500
    assert len(heard) == 6
    assert max(heard) <= 14.1 * 16_000


def test_what_is_heard_of_a_short_recording_is_what_a_clip_is_heard_as(model: Model) -> None:
    recording = clip(5, 8.0, 16_000)
    with torch.inference_mode():
        (tokens,) = token_windows(model, source_of(recording, model))
        features = model.content(torch.from_numpy(np.pad(recording.samples, (0, 80)))[None])
        assert torch.equal(tokens, model.decoder.quantizer.encode(features)[0])


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (clip(5, 60.5), AudioTooLong),
        (clip(5, 0.3), AudioTooShort),
        (Waveform(np.zeros(32_000, np.float32), 16_000), SilentAudio),
    ],
)
def test_a_recording_that_cannot_be_used_is_refused(
    model: Model, source: Waveform, error: type[Exception]
) -> None:
    async def body(engine: Engine) -> None:
        with pytest.raises(error):
            await engine.transfer(wanted(await voice_of(engine), source))
        assert engine.stats().waiting == 0

    in_engine(model, body)


@pytest.mark.parametrize(
    ("text", "language", "error"),
    [
        ("…", "auto", UnspeakableText),
        ("word " * 500, "en", TextTooLong),
        ("hello", "xx", UnsupportedLanguage),
    ],
)
def test_a_text_that_cannot_be_its_transcript_is_refused(
    model: Model, text: str, language: str, error: type[Exception]
) -> None:
    async def body(engine: Engine) -> None:
        with pytest.raises(error):
            await engine.transfer(wanted(await voice_of(engine), text=text, language=language))
        assert engine.stats().waiting == 0

    in_engine(model, body)


def test_a_text_that_hardly_belongs_to_the_recording_is_warned_about(model: Model) -> None:
    async def body(engine: Engine) -> None:
        voice = await voice_of(engine)
        handle = await engine.transfer(wanted(voice, clip(5, 2.0), text=f"{TEXT} {TEXT} {TEXT}"))
        assert handle.warnings == ["the text is more than a recording of 2.0 s says: is it its transcript?"]
        handle = await engine.transfer(wanted(voice, clip(5, 3.0), text="A quick brown fox jumps."))
        assert not handle.warnings

    in_engine(model, body)


def test_a_voice_of_other_weights_is_refused(model: Model) -> None:
    async def body(engine: Engine) -> None:
        voice = replace(await voice_of(engine), fingerprint="others")
        with pytest.raises(ProfileMismatch):
            await engine.transfer(wanted(voice))

    in_engine(model, body)


def test_a_decoder_that_continues_a_clip_needs_the_targets(tmp_path: Path) -> None:
    async def body(engine: Engine) -> None:
        voice = replace(await voice_of(engine), reference_mel=None)
        with pytest.raises(NotSupportedByModel, match="continues the target's clip"):
            await engine.transfer(wanted(voice))

    in_engine(tiny_model(tmp_path, "v4"), body)


def test_a_cancelled_transfer_ends_and_the_others_go_on(model: Model) -> None:
    async def body(engine: Engine) -> None:
        voice = await voice_of(engine)
        handles = [await engine.transfer(wanted(voice, clip(i, 50.0))) for i in range(3)]
        handles[1].cancel()
        with pytest.raises(Cancelled):
            await audio(handles[1])
        assert await anext(handles[0])
        handles[0].cancel()
        assert len(await audio(handles[2])) == 50 * model.sample_rate
        stats = engine.stats()
        assert (stats.cancelled_total, stats.succeeded_total, stats.running, stats.waiting) == (2, 1, 0, 0)

    in_engine(model, body)


def test_a_transfer_keeps_to_its_deadline(model: Model) -> None:
    async def body(engine: Engine) -> None:
        voice = await voice_of(engine)
        handle = await engine.transfer(wanted(voice, clip(5, 50.0), deadline_seconds=0.01))
        with pytest.raises(DeadlineExceeded):
            await audio(handle)

    in_engine(model, body)


def test_more_transfers_than_may_run_wait_and_more_than_may_wait_are_refused(model: Model) -> None:
    async def body(engine: Engine) -> None:
        voice = await voice_of(engine)
        handles, refused = [], 0
        for i in range(8):
            try:
                handles.append(await engine.transfer(wanted(voice, clip(i, 30.0))))
            except EngineBusy:
                refused += 1
            assert engine.stats().waiting <= 2
        assert refused >= 3
        for handle in handles:
            assert len(await audio(handle)) == 30 * model.sample_rate

    in_engine(model, body, queue_capacity=2, max_running=1)


def test_speech_goes_on_while_recordings_are_heard(model: Model) -> None:
    """A speaker's chunks keep coming: long recordings take turns with it."""

    async def body(engine: Engine) -> None:
        voice = await voice_of(engine)
        speech = await engine.submit(SpeechRequest(TEXT, voice, SpeechOptions(seed=1, n_tokens=150)))
        transfers = [await engine.transfer(wanted(voice, clip(i, 40.0))) for i in range(3)]
        done: list[str] = []

        async def finish(name: str, handle: Handle) -> None:
            await audio(handle)
            done.append(name)

        await asyncio.gather(finish("speech", speech), *(finish("transfer", handle) for handle in transfers))
        assert done.index("speech") <= 1

    in_engine(model, body)
