"""What the tests of the job store share."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from comps.cores.proto.jobs import JobState
from services.tts.jobs.connection import Database
from services.tts.jobs.membership import Membership
from services.tts.jobs.record import JobRecord
from services.tts.jobs.store import JobStore

LEASE_SECONDS = 10.0


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Side:
    """One gateway's view of the database."""

    store: JobStore
    membership: Membership
    clock: Clock

    @property
    def id(self) -> str:
        return self.membership.id

    async def live(self, seconds: float) -> list[JobRecord]:
        """Let its clock run, looking round as a gateway does; what `watch` found to have failed."""
        failed = []
        for _ in range(round(seconds / (LEASE_SECONDS / 4))):
            self.clock.now += LEASE_SECONDS / 4
            await self.membership.beat()
            failed += await self.membership.watch() or []
        return failed


@asynccontextmanager
async def side(url: str) -> AsyncIterator[Side]:
    database, clock = Database(url), Clock()
    await database.open()
    membership = Membership(database, lease_seconds=LEASE_SECONDS, clock=clock)
    await membership.join()
    try:
        yield Side(JobStore(database), membership, clock)
    finally:
        await database.close()


def job(**facts: Any) -> JobRecord:
    values: dict[str, Any] = {
        "id": uuid4().hex,
        "state": JobState.QUEUED,
        "created": time.time(),
        "respond_async": True,
        "request": {"request": {"text": "Grüße, 世界 \u0000"}},
    }
    return JobRecord(**values | facts)


def run_with(url: str, scenario: Callable[[Side], Awaitable[None]]) -> None:
    async def main() -> None:
        async with side(url) as only:
            await scenario(only)

    asyncio.run(main())


def run_with_two(url: str, scenario: Callable[[Side, Side], Awaitable[None]]) -> None:
    async def main() -> None:
        async with side(url) as one, side(url) as other:
            await scenario(one, other)

    asyncio.run(main())
