"""Jobs in the database. Who changes a running job must own it: a gateway that was taken for dead cannot."""

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from comps.cores.errors import JobUnknown
from comps.cores.proto.jobs import JobState
from services.tts.jobs.connection import Database
from services.tts.jobs.record import JobRecord
from services.tts.jobs.schema import FINAL, gateways, jobs

WELL_FORMED_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
SERVER_ERROR = 500
MAX_PARAMETERS = 1_000

# What a job's owner tells of it while it runs, and what is only known when it ends.
PROGRESS = (
    "segments_done",
    "segments_total",
    "audio_seconds",
    "speaker_id",
    "cache",
    "seed",
    "sample_rate",
    "warnings",
)
ENDING = (*PROGRESS, "state", "finished", "problem", "file", "request", "clips", "idempotency_key")


class Removed(NamedTuple):
    """What is left of a job that nobody remembers: under load thousands go at once."""

    id: str
    file: str | None


class JobStore:
    """Jobs by id. Records handed out are copies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: JobRecord) -> bool:
        """Write a new job down; False if its idempotency key is taken already."""
        try:
            await self._database.write(lambda connection: connection.execute(insert(jobs), _values(record)))
        except IntegrityError:
            if record.idempotency_key is None:
                raise
            return False
        return True

    async def get(self, job_id: str) -> JobRecord:
        """Raises `JobUnknown`."""
        found = None
        if WELL_FORMED_ID.fullmatch(job_id):
            found = await self._one(select(jobs).where(jobs.c.id == job_id))
        if found is None:
            raise JobUnknown(f"there is no job {job_id[:80]!r}; finished jobs are kept for a while only")
        return found

    async def with_key(self, idempotency_key: str) -> JobRecord | None:
        return await self._one(select(jobs).where(jobs.c.idempotency_key == idempotency_key))

    async def page(
        self, *, limit: int, before: tuple[float, str] | None = None, state: JobState | None = None
    ) -> list[JobRecord]:
        """The newest jobs first, from just after `before` (created, id) on."""
        query = select(jobs).order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(jobs.c.state == state.value)
        if before is not None:
            query = query.where(_is_older(*before))
        async with self._database.reading() as connection:
            return [record_of(row) for row in await connection.execute(query)]

    async def counts(self) -> dict[JobState, int]:
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        async with self._database.reading() as connection:
            found = {JobState(state): n for state, n in await connection.execute(query)}
        return {state: found.get(state, 0) for state in JobState}

    async def n_queued(self) -> int:
        return await self._count(jobs.c.state == JobState.QUEUED.value)

    async def queue_position(self, record: JobRecord) -> int:
        """How many queued jobs, of all gateways, came before this one."""
        return await self._count(
            and_(jobs.c.state == JobState.QUEUED.value, _is_older(record.created, record.id))
        )

    async def queue(self) -> list[str]:
        """The ids of the jobs that wait, in the order in which they will be taken."""
        query = select(jobs.c.id).where(jobs.c.state == JobState.QUEUED.value)
        async with self._database.reading() as connection:
            return list((await connection.execute(query.order_by(jobs.c.created, jobs.c.id))).scalars())

    async def claim(self, owner: str) -> JobRecord | None:
        """The job that has waited longest, from now on owned by `owner` and running; None if none waits."""
        if not await self.n_queued():  # asked every second: nobody need wait for a writer to learn that
            return None
        waiting = (
            select(jobs.c.id)
            .where(jobs.c.state == JobState.QUEUED.value)
            .order_by(jobs.c.created, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # SQLite has no such words, and no need: it has one writer
        )
        async with self._database.writing() as connection:
            job_id = (await connection.execute(waiting)).scalar_one_or_none()
            if job_id is None:
                return None
            is_alive = exists().where(gateways.c.id == owner)
            taken = await connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.state == JobState.QUEUED.value, is_alive)
                .values(
                    state=JobState.RUNNING.value,
                    owner=owner,
                    started=time.time(),
                    attempts=jobs.c.attempts + 1,
                )
            )
            if taken.rowcount != 1:
                return None
            return record_of((await connection.execute(select(jobs).where(jobs.c.id == job_id))).one())

    async def save(self, records: Sequence[JobRecord]) -> None:
        """Write down how far running jobs are; nothing of those that are no longer their owner's."""

        def work(connection: Connection) -> None:
            for record in records:
                values = {name: getattr(record, name) for name in PROGRESS}
                connection.execute(update(jobs).where(_is_owned(record)), values)

        await self._database.write(work)

    async def finish(self, record: JobRecord, place: Callable[[], None] = lambda: None) -> bool:
        """Write down how a job ended; False, and nothing is done, if it is no longer its owner's.

        `place` puts the job's file where it belongs and notes that on the record; it is called once it is
        certain that the job is still the owner's, and before anybody can see that it ended.
        """

        def work(connection: Connection) -> bool:
            owned = select(jobs.c.id).where(_is_owned(record)).with_for_update()
            if connection.execute(owned).scalar_one_or_none() is None:
                return False
            place()
            if not keeps_key(record):
                record.idempotency_key = None
            values = {name: getattr(record, name) for name in ENDING} | {"state": record.state.value}
            connection.execute(update(jobs).where(jobs.c.id == record.id), values)
            return True

        return await self._database.write(work)

    async def release(self, record: JobRecord) -> bool:
        """Put a running job back into the queue: not its fault, so the attempt is not counted."""
        values = REQUEUED | {"attempts": jobs.c.attempts - 1}
        async with self._database.writing() as connection:
            done = await connection.execute(update(jobs).where(_is_owned(record)).values(values))
        return done.rowcount == 1

    async def request_cancel(self, job_id: str) -> JobRecord | None:
        """Cancel a job that waits, and give it back, its clips still named: they can go.

        None otherwise: the owner of a running job is asked to cancel it. Raises `JobUnknown`.
        """
        await self.get(job_id)
        async with self._database.writing() as connection:
            query = select(jobs).where(jobs.c.id == job_id).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return None
            record, this = record_of(row), update(jobs).where(jobs.c.id == job_id)
            if record.state is JobState.QUEUED:
                record.state, record.finished, record.request = JobState.CANCELLED, time.time(), {}
                record.idempotency_key = None
                values = {name: getattr(record, name) for name in ENDING}
                values |= {"state": record.state.value, "clips": []}
                await connection.execute(this.values(values))
                return record
            if record.state is JobState.RUNNING:
                await connection.execute(this.values(cancel_requested=True))
        return None

    async def to_cancel(self, owner: str) -> list[str]:
        """Running jobs of `owner` that somebody asked to cancel, perhaps at another gateway."""
        query = select(jobs.c.id).where(
            jobs.c.owner == owner, jobs.c.state == JobState.RUNNING.value, jobs.c.cancel_requested
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def prune(self, *, older_than: float, keep: int) -> list[Removed]:
        """Remove finished jobs that ended too long ago or are too many; gives back what was removed.

        Those that somebody listened to are counted apart: under load a thousand of them take seconds, and
        would push out replies that have not been fetched yet.
        """
        finished = jobs.c.state.in_(FINAL)
        ended = func.coalesce(jobs.c.finished, jobs.c.created)
        is_too_much = [ended < older_than]
        for is_async in (True, False):
            kind = jobs.c.respond_async.is_(is_async)
            newest = select(jobs.c.id).where(finished, kind).order_by(jobs.c.created.desc(), jobs.c.id.desc())
            is_too_much.append(and_(kind, jobs.c.id.not_in(newest.limit(keep))))
        surplus = and_(finished, or_(*is_too_much))
        async with self._database.writing() as connection:
            rows = await connection.execute(select(jobs.c.id, jobs.c.file).where(surplus))
            removed = [Removed(*row) for row in rows]
            for some in _portions([job.id for job in removed]):
                await connection.execute(delete(jobs).where(jobs.c.id.in_(some)))
        return removed

    async def known(self, ids: Collection[str]) -> dict[str, JobState]:
        """Those of `ids` that are jobs, and how they stand."""
        found: dict[str, JobState] = {}
        async with self._database.reading() as connection:
            for some in _portions(list(ids)):
                query = select(jobs.c.id, jobs.c.state).where(jobs.c.id.in_(some))
                found |= {job_id: JobState(state) for job_id, state in await connection.execute(query)}
        return found

    async def _one(self, query: Select[Any]) -> JobRecord | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else record_of(row)

    async def _count(self, condition: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(jobs).where(condition)
        async with self._database.reading() as connection:
            return int((await connection.execute(query)).scalar_one())


REQUEUED: dict[str, Any] = {
    "state": JobState.QUEUED.value,
    "owner": None,
    "started": None,
    "segments_done": 0,
    "audio_seconds": 0.0,
}


def keeps_key(record: JobRecord) -> bool:
    """Whether asking again with the same key gets this job: not if asking again may go better."""
    if record.state is JobState.FAILED:
        return bool(record.problem) and int((record.problem or {})["status"]) < SERVER_ERROR
    return record.state is not JobState.CANCELLED


def _portions(ids: list[str]) -> Iterator[list[str]]:
    """Databases take only so many parameters at once."""
    for start in range(0, len(ids), MAX_PARAMETERS):
        yield ids[start : start + MAX_PARAMETERS]


def _is_owned(record: JobRecord) -> ColumnElement[bool]:
    return and_(jobs.c.id == record.id, jobs.c.owner == record.owner, jobs.c.state == JobState.RUNNING.value)


def _is_older(created: float, job_id: str) -> ColumnElement[bool]:
    return or_(jobs.c.created < created, and_(jobs.c.created == created, jobs.c.id < job_id))


def _values(record: JobRecord) -> dict[str, Any]:
    return vars(record) | {"state": record.state.value}


def record_of(row: Row[Any]) -> JobRecord:
    values = {each.name: getattr(row, each.name) for each in fields(JobRecord)}
    return JobRecord(**values | {"state": JobState(values["state"])})
