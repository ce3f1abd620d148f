"""What fails, fails alone, and hangs nobody."""

import asyncio
import threading
import time

import numpy as np
import pytest
import torch

from comps.cores.errors import EngineStopped, SynthesisFailed
from comps.gptsovits.engine import Engine
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.asking import TEXT, audio, eventually, in_engine, request, spoken
from tests.engine.small import clip, small_model


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
    poison = request(voices[0], n_tokens=123)
    latent = broken.decoder.latent  # type: ignore[union-attr]

    def poisoned(tokens: torch.Tensor, *args: torch.Tensor, **kwargs: float) -> torch.Tensor:
        if tokens.shape[-1] == 123:
            raise RuntimeError("no")
        return latent(tokens, *args, **kwargs)  # type: ignore[arg-type]

    broken.decoder.latent = poisoned  # type: ignore

    async def body(engine: Engine) -> None:
        good, bad = await asyncio.gather(
            spoken(engine, request(voices[1])), spoken(engine, poison), return_exceptions=True
        )
        assert isinstance(good, np.ndarray)
        assert isinstance(bad, SynthesisFailed)
        assert engine.stats().failed_total == 1

    in_engine(broken, body)


def test_samples_that_are_no_numbers_are_not_sent(voices: list[Voice]) -> None:
    broken = small_model(seed=0)
    broken.decoder.quantizer.codebook.fill_(torch.nan)

    async def body(engine: Engine) -> None:
        for stream in (False, True):
            with pytest.raises(SynthesisFailed):
                await spoken(engine, request(voices[0], stream=stream))

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
