"""Every model version goes through the same engine."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from comps.cores.errors import InvalidOption
from comps.gptsovits.engine import Engine, SpeechOptions, SpeechRequest
from tests.engine.small import clip
from tests.tiny import tiny_model

VERSIONS = ("v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_speaks_the_same_alone_and_together(version: str, tmp_path: Path) -> None:
    model = tiny_model(tmp_path, version)

    async def main() -> None:
        with Engine(model) as engine:
            voice = (await engine.profile(clip(), text="A hum, and no words.")).voice
            options = SpeechOptions(seed=3, n_tokens=20, sample_steps=2, speed=1.0)

            async def speak(text: str) -> np.ndarray:
                handle = await engine.submit(SpeechRequest(text, voice, options))
                assert handle.sample_rate == model.sample_rate
                return np.concatenate([chunk.samples async for chunk in handle])

            texts = ["One sentence.", "Another one."]
            alone = [await speak(text) for text in texts]
            together = await asyncio.gather(*(speak(text) for text in texts))
            for one, other in zip(alone, together, strict=True):
                assert np.array_equal(one, other)
                assert abs(len(one) - 20 * model.samples_per_token) <= 0.02 * model.sample_rate

    asyncio.run(main())


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_a_model_that_continues_its_clip_needs_the_transcript(version: str, tmp_path: Path) -> None:
    model = tiny_model(tmp_path, version)

    async def main() -> None:
        with Engine(model) as engine, pytest.raises(InvalidOption, match="transcript"):
            await engine.profile(clip())

    asyncio.run(main())
