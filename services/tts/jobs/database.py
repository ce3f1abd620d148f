"""Jobs in a database through SQLAlchemy: SQLite in WAL mode by default."""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    and_,
    delete,
    event,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from comps.cores.errors import JobUnknown
from comps.cores.proto.jobs import FINAL_STATES, JobState
from services.tts.jobs.store import JobRecord

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("created", Float, nullable=False),
    Column("respond_async", Boolean, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("segments_done", Integer, nullable=False),
    Column("segments_total", Integer),
    Column("audio_seconds", Float, nullable=False),
    Column("speaker_id", String(128)),
    Column("cache", String(8)),
    Column("warnings", JSON, nullable=False),
    Column("problem", JSON),
    Column("file", String(255)),
    Column("media_type", String(64)),
    Column("request", JSON, nullable=False),
    Column("clips", JSON, nullable=False),
    Index("jobs_by_age", "created", "id"),
    Index("jobs_by_state", "state", "created"),
)

FINAL = [state.value for state in FINAL_STATES]


class DatabaseJobStore:
    """A `JobStore` behind any URL that SQLAlchemy's asyncio side understands."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)

    async def open(self) -> None:
        async with self._engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def close(self) -> None:
        await self._engine.dispose()

    async def add(self, record: JobRecord) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(insert(jobs).values(_values(record)))

    async def save(self, record: JobRecord) -> None:
        values = _values(record)
        async with self._engine.begin() as connection:
            await connection.execute(update(jobs).where(jobs.c.id == values.pop("id")).values(values))

    async def get(self, job_id: str) -> JobRecord:
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).one_or_none()
        if row is None:
            raise JobUnknown(f"there is no job {job_id[:80]!r}; finished jobs are kept for a while only")
        return _record(row)

    async def page(
        self, *, limit: int, before: tuple[float, str] | None = None, state: JobState | None = None
    ) -> list[JobRecord]:
        query = select(jobs).order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(jobs.c.state == state.value)
        if before is not None:
            created, job_id = before
            query = query.where(
                or_(jobs.c.created < created, and_(jobs.c.created == created, jobs.c.id < job_id))
            )
        async with self._engine.connect() as connection:
            return [_record(row) for row in await connection.execute(query)]

    async def counts(self) -> dict[JobState, int]:
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        async with self._engine.connect() as connection:
            found = {JobState(state): n for state, n in await connection.execute(query)}
        return {state: found.get(state, 0) for state in JobState}

    async def queue_position(self, record: JobRecord) -> int:
        query = (
            select(func.count())
            .select_from(jobs)
            .where(
                jobs.c.state == JobState.QUEUED.value,
                or_(
                    jobs.c.created < record.created,
                    and_(jobs.c.created == record.created, jobs.c.id < record.id),
                ),
            )
        )
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def unfinished(self) -> list[JobRecord]:
        query = select(jobs).where(jobs.c.state.not_in(FINAL)).order_by(jobs.c.created, jobs.c.id)
        async with self._engine.connect() as connection:
            return [_record(row) for row in await connection.execute(query)]

    async def prune(self, *, older_than: float, keep: int) -> list[JobRecord]:
        finished = jobs.c.state.in_(FINAL)
        newest = (
            select(jobs.c.id).where(finished).order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(keep)
        )
        surplus = and_(finished, or_(jobs.c.created < older_than, jobs.c.id.not_in(newest)))
        async with self._engine.begin() as connection:
            removed = [_record(row) for row in await connection.execute(select(jobs).where(surplus))]
            if removed:
                await connection.execute(delete(jobs).where(jobs.c.id.in_([record.id for record in removed])))
        return removed


def _engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_pre_ping=True)
    engine = create_async_engine(url)

    @event.listens_for(engine.sync_engine, "connect")
    def _set_pragmas(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _values(record: JobRecord) -> dict[str, Any]:
    return asdict(record) | {"state": record.state.value}


def _record(row: Row[Any]) -> JobRecord:
    values = {each.name: getattr(row, each.name) for each in fields(JobRecord)}
    return JobRecord(**values | {"state": JobState(values["state"])})
