import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from services.tts.choir import WAITING_ITEMS, Choir


class Source:
    """Counts how often it is begun and closed, and gives a piece each time it is let."""

    def __init__(self, n: int = 5, *, error: Exception | None = None) -> None:
        self.n = n
        self.error = error
        self.n_begun = self.n_closed = self.n_given = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> AsyncGenerator[int, None]:
        self.n_begun += 1
        try:
            for number in range(self.n):
                await self.gate.wait()
                self.n_given += 1
                yield number
            if self.error is not None:
                raise self.error
        finally:
            self.n_closed += 1


def choir(**options: int) -> Choir[int]:
    return Choir(size=lambda item: 1, **options)


async def everything(stream: AsyncGenerator[int, None]) -> list[int]:
    return [item async for item in stream]


def test_those_who_sing_along_hear_all_of_it_from_one_source() -> None:
    async def main() -> None:
        source, here = Source(), choir()
        listeners = [asyncio.create_task(everything(here.join("a", source))) for _ in range(3)]
        await asyncio.sleep(0)
        source.gate.set()
        assert await asyncio.gather(*listeners) == [[0, 1, 2, 3, 4]] * 3
        assert (source.n_begun, source.n_closed) == (1, 1)
        assert await everything(here.join("a", source)) == [0, 1, 2, 3, 4]
        assert source.n_begun == 2, "what is over is begun anew"

    asyncio.run(main())


def test_who_joins_late_hears_the_beginning_too() -> None:
    async def main() -> None:
        source, here = Source(), choir()
        source.gate.set()
        async with aclosing(here.join("a", source)) as early:
            assert [await anext(early) for _ in range(3)] == [0, 1, 2]
            assert await everything(here.join("a", source)) == [0, 1, 2, 3, 4]
            assert await everything(here.join("b", source)) == [0, 1, 2, 3, 4]
        assert source.n_begun == 2, "another key is another stream"

    asyncio.run(main())


def test_who_leaves_does_not_take_the_stream_from_the_others_and_the_last_ends_it() -> None:
    async def main() -> None:
        source, here = Source(1_000_000), choir()
        source.gate.set()
        first, second = here.join("a", source), here.join("a", source)
        assert (await anext(first), await anext(second)) == (0, 0)
        await first.aclose()
        assert source.n_closed == 0
        assert await anext(second) == 1
        await second.aclose()
        assert (source.n_begun, source.n_closed) == (1, 1)
        assert here._songs == {}

    asyncio.run(main())


def test_a_listener_who_is_cancelled_while_waiting_leaves_too() -> None:
    async def main() -> None:
        source, here = Source(), choir()
        waiting = asyncio.create_task(everything(here.join("a", source)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert source.n_closed == 1

    asyncio.run(main())


def test_what_goes_wrong_goes_wrong_for_everybody_and_is_not_joined_again() -> None:
    async def main() -> None:
        source, here = Source(2, error=ValueError("broken")), choir()
        both = [asyncio.create_task(everything(here.join("a", source))) for _ in range(2)]
        await asyncio.sleep(0)
        source.gate.set()
        assert [str(error) for error in await asyncio.gather(*both, return_exceptions=True)] == ["broken"] * 2
        source.error = None
        assert await everything(here.join("a", source)) == [0, 1]

    asyncio.run(main())


def test_the_source_waits_for_the_quickest_and_the_slow_one_loses_nothing() -> None:
    async def main() -> None:
        source, here = Source(10 * WAITING_ITEMS), choir()
        source.gate.set()
        slow, quick = here.join("a", source), here.join("a", source)
        assert (await anext(slow), await anext(quick)) == (0, 0)
        await asyncio.sleep(0.01)
        assert source.n_given <= WAITING_ITEMS + 1
        assert await everything(quick) == list(range(1, source.n))
        assert await everything(slow) == list(range(1, source.n))

    asyncio.run(main())


def test_a_slow_listener_holds_the_source_when_too_much_would_have_to_be_remembered() -> None:
    async def main() -> None:
        source, here = Source(1_000), choir(max_bytes=20)
        slow, quick = here.join("a", source), here.join("a", source)
        firsts = [asyncio.create_task(anext(each)) for each in (slow, quick)]  # type: ignore[arg-type]
        await asyncio.sleep(0)
        source.gate.set()
        assert await asyncio.gather(*firsts) == [0, 0]
        hurrying = asyncio.create_task(everything(quick))
        await asyncio.sleep(0.01)
        assert source.n_given <= 25
        late = Source(3)
        late.gate.set()
        assert await everything(here.join("a", late)) == [0, 1, 2], "its beginning is forgotten"
        rest = asyncio.create_task(everything(slow))
        assert await hurrying == list(range(1, 1_000))
        assert await rest == list(range(1, 1_000))

    asyncio.run(main())
