"""The database behind a URL: SQLite in WAL mode, or PostgreSQL."""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from comps.cores.errors import InvalidOption, JobStoreUnavailable
from services.tts.jobs.schema import migrate

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
# Any number that no other program on the same server locks by.
MIGRATION_LOCK = 7_012_688_001
BUSY_MILLISECONDS = 10_000
FROZEN_MILLISECONDS = 30_000
# What SQLite says of a file that is no database, or not a whole one.
CORRUPT = ("file is not a database", "disk image is malformed", "file is encrypted")


class WriterThread:
    """SQLite in a thread of its own, a whole transaction at once.

    Through the asyncio driver every statement is a journey to a thread and back: four times the work.
    """

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url.set(drivername="sqlite"), poolclass=StaticPool, connect_args={"check_same_thread": False}
        ).execution_options(writes=True)
        _prepare_sqlite(self._engine)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="jobs-database")

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._transaction, work)

    def _transaction(self, work: Callable[[Connection], Result]) -> Result:
        with self._engine.begin() as connection:
            return work(connection)

    async def disconnect(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, self._engine.dispose)

    def close(self) -> None:
        self._executor.shutdown()


class Database:
    """Transactions; what goes wrong with the database itself is raised as `JobStoreUnavailable`."""

    def __init__(self, url: str) -> None:
        self.url = _complete(url)
        self._engine = _engine(self.url)
        self._writers = self._engine.execution_options(writes=True)
        # SQLite has one writer at a time: those of one process queue here rather than poll for its lock.
        self._writing = asyncio.Lock() if self.is_sqlite else None
        self._thread = WriterThread(self.url) if self.is_sqlite else None

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    async def open(self) -> None:
        """Make the tables, or bring those of an earlier version up to date.

        A damaged SQLite file is moved aside, and a new one begun: old jobs are not worth a service that does
        not start, and their audio is not in it. Raises `JobStoreTooNew` or `JobStoreUnavailable`.
        """
        try:
            await self._transact(self._bring_up_to_date)
        except Exception as error:
            await self._disconnect()
            if self.is_sqlite and _is_corrupt(error):
                await asyncio.to_thread(_move_aside, Path(self.url.database or ""))
                await self._transact(self._bring_up_to_date)
            elif isinstance(error, SQLAlchemyError | OSError):
                reason = error.orig if isinstance(error, DBAPIError) else error
                raise JobStoreUnavailable(f"the database of jobs cannot be opened: {reason}") from error
            else:
                raise

    async def close(self) -> None:
        await self._disconnect()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.close)

    async def _disconnect(self) -> None:
        await self._engine.dispose()
        if self._thread is not None:
            await self._thread.disconnect()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with _translated():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end, and rolled back by any exception.

        `IntegrityError` is raised as it is: it means something to who inserts.
        """
        async with AsyncExitStack() as stack:
            if self._writing is not None:
                await stack.enter_async_context(self._writing)
            stack.enter_context(_translated())
            yield await stack.enter_async_context(self._writers.begin())

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """What `work` returns, done in such a transaction: the quick way, for what every request needs."""
        with _translated():
            return await self._transact(work)

    async def _transact(self, work: Callable[[Connection], Result]) -> Result:
        if self._thread is None or self._writing is None:
            async with self._writers.begin() as connection:
                return await connection.run_sync(work)
        async with self._writing:
            return await self._thread.run(work)

    def _bring_up_to_date(self, connection: Connection) -> None:
        (_check if self.is_sqlite else _lock)(connection)
        migrate(connection)


def _check(connection: Connection) -> None:
    """Raises `DatabaseError` for a file whose pages do not fit together."""
    found = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if found != "ok":
        raise DatabaseError("PRAGMA quick_check", None, Exception(f"{CORRUPT[1]}: {found}"))


def _lock(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeout, OSError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        logger.error("the database of jobs failed: %s", reason)
        raise JobStoreUnavailable("jobs cannot be written down at the moment") from error


def _complete(url: str) -> URL:
    """The URL with an asyncio driver, if it names none. Raises `InvalidOption`."""
    try:
        found = make_url(url)
    except ArgumentError as error:  # does not repeat the URL: there may be a password in it
        raise InvalidOption("TTS_DATABASE_URL is not a URL of a database") from error
    return found.set(drivername=DRIVERS.get(found.drivername, found.drivername))


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        try:
            return create_async_engine(url, pool_pre_ping=True, connect_args=_patience(url))
        except ModuleNotFoundError as error:
            raise InvalidOption(
                f"TTS_DATABASE_URL needs {error.name}: pip install 'sovits-serve[postgres]'"
            ) from error
    engine = create_async_engine(url)
    _prepare_sqlite(engine.sync_engine)
    return engine


def _patience(url: URL) -> dict[str, Any]:
    """A gateway that freezes within a transaction must not hold the others for ever."""
    if url.get_driver_name() != "asyncpg":
        return {}
    limits = {"lock_timeout": BUSY_MILLISECONDS, "idle_in_transaction_session_timeout": FROZEN_MILLISECONDS}
    return {"server_settings": {name: str(milliseconds) for name, milliseconds in limits.items()}}


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        _switch_to_wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that turns writer midway is refused if another wrote meanwhile: writers say so at once.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _switch_to_wal(cursor: Any) -> None:
    """SQLite does not wait by itself while another gateway switches the same new file at this moment."""
    until = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _is_corrupt(error: Exception) -> bool:
    return isinstance(error, DatabaseError) and any(words in str(error.orig) for words in CORRUPT)


def _move_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    logger.error("the database of jobs is damaged: it is kept as %s, and a new one begun", aside.name)
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            os.replace(part, aside.with_name(aside.name + suffix))
