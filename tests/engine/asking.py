"""Asking an engine to speak, in tests."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np

from comps.gptsovits.engine import Engine, EngineConfig, Handle, SpeechOptions, SpeechRequest
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice

TEXT = "The quick brown fox jumps over the lazy dog."
PAUSE = 0.1


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


async def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether something becomes true soon."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        await asyncio.sleep(0.005)
    return False
