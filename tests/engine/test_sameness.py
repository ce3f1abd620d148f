"""The same request and seed sound the same, whatever else runs."""

import asyncio

import numpy as np

from comps.gptsovits.engine import Engine, EngineConfig, SpeechOptions, SpeechRequest
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.asking import TEXT, audio, in_engine, request, running, spoken
from tests.engine.small import clip, small_model


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
