"""Who waits, who is refused, and who leaves early."""

import asyncio

import numpy as np
import pytest

from comps.cores.errors import Cancelled, DeadlineExceeded, EngineBusy, UnspeakableText
from comps.gptsovits.engine import Engine, Handle
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.asking import TEXT, audio, eventually, in_engine, request, spoken


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
