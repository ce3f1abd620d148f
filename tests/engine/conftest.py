"""A small random model, and voices in it: speech it is not, but every path is the real one."""

import asyncio

import pytest

from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.asking import running
from tests.engine.small import clip, small_model


@pytest.fixture(scope="package")
def model() -> Model:
    return small_model()


@pytest.fixture(scope="package")
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
