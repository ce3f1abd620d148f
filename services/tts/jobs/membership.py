"""Which gateways live: each lets its number grow, and is taken for dead when that stands still for a lease.

Nobody compares clocks. A watcher measures by its own monotonic clock how long it has seen the same number, so
that clocks which differ or jump do no harm. Who declares a gateway dead removes its row and frees its jobs in
one transaction; should the dead one wake, its next beat finds no row, and what it still does to its jobs is
refused by the store.
"""

import time
from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from comps.cores.errors import JobInterrupted
from comps.cores.proto.jobs import JobState
from comps.cores.web.problems import problem_of
from services.tts.jobs.connection import Database
from services.tts.jobs.record import JobRecord
from services.tts.jobs.schema import gateways, jobs
from services.tts.jobs.store import ENDING, REQUEUED, record_of


class Membership:
    """This gateway's place among those that share the database. `id` is new after each `join`."""

    def __init__(
        self, database: Database, *, lease_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.id = ""
        self.lease_seconds = lease_seconds
        self._database = database
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}  # gateway → its number, and since when it is that
        self._looked = 0.0

    async def join(self) -> None:
        self.id = uuid4().hex
        self._seen.clear()
        async with self._database.writing() as connection:
            await connection.execute(insert(gateways).values(id=self.id, beat=0))

    async def leave(self) -> None:
        """Go, so that others need not wait for the lease to end."""
        async with self._database.writing() as connection:
            await connection.execute(delete(gateways).where(gateways.c.id == self.id))

    async def beat(self) -> bool:
        """Say that this gateway lives; False if it was taken for dead, and its jobs are others' now."""
        async with self._database.writing() as connection:
            mine = update(gateways).where(gateways.c.id == self.id)
            return (await connection.execute(mine.values(beat=gateways.c.beat + 1))).rowcount == 1

    async def watch(self) -> list[JobRecord] | None:
        """Bury the dead and free their jobs; None if nobody died.

        Otherwise the jobs that nobody can go on with, because their reply was being sent: they failed. To be
        called several times a lease.
        """
        now = self._clock()
        if now - self._looked > self.lease_seconds / 2:
            self._seen.clear()  # it slept, or had no database: it does not know how the others did meanwhile
        async with self._database.reading() as connection:
            beats = {row.id: row.beat for row in await connection.execute(select(gateways))}
            is_needed = (await connection.execute(select(exists().where(_is_orphaned())))).scalar_one()
        self._looked = now
        self._seen = {
            each: seen if (seen := self._seen.get(each, (-1, now)))[0] == beat else (beat, now)
            for each, beat in beats.items()
            if each != self.id
        }
        dead = {each: beat for each, (beat, since) in self._seen.items() if now - since >= self.lease_seconds}
        if not dead and not is_needed:
            return None
        async with self._database.writing() as connection:
            for each, beat in dead.items():
                still = and_(gateways.c.id == each, gateways.c.beat == beat)
                await connection.execute(delete(gateways).where(still))
            return await _free_orphans(connection)


def _is_orphaned() -> ColumnElement[bool]:
    """Running, but by no gateway that lives."""
    living = select(gateways.c.id)
    return and_(
        jobs.c.state == JobState.RUNNING.value, or_(jobs.c.owner.is_(None), jobs.c.owner.not_in(living))
    )


async def _free_orphans(connection: AsyncConnection) -> list[JobRecord]:
    error = JobInterrupted("the gateway was lost while the reply was being sent")
    lost = select(jobs).where(_is_orphaned(), ~jobs.c.respond_async).with_for_update()
    failed = [record_of(row) for row in await connection.execute(lost)]
    for record in failed:
        record.state, record.finished = JobState.FAILED, time.time()
        record.problem = problem_of(error).model_dump(exclude_none=True)
        record.idempotency_key = None
        values = {name: getattr(record, name) for name in ENDING} | {"state": record.state.value}
        await connection.execute(update(jobs).where(jobs.c.id == record.id), values)
    waiting = update(jobs).where(_is_orphaned(), jobs.c.respond_async)
    await connection.execute(waiting.values(REQUEUED))
    return failed
