import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from comps.cores.errors import InvalidOption, JobStoreTooNew, JobStoreUnavailable
from comps.cores.proto.jobs import JobState
from services.tts.jobs import connection
from services.tts.jobs.connection import Database
from services.tts.jobs.schema import SCHEMA_VERSION
from services.tts.jobs.store import JobStore
from tests.services.tts.jobs.stores import Side, job, run_with, side

# The tables as the first version made them, without a number.
FIRST_VERSION = """
CREATE TABLE jobs (
    id VARCHAR(64) NOT NULL, state VARCHAR(16) NOT NULL, created FLOAT NOT NULL,
    respond_async BOOLEAN NOT NULL, started FLOAT, finished FLOAT, segments_done INTEGER NOT NULL,
    segments_total INTEGER, audio_seconds FLOAT NOT NULL, speaker_id VARCHAR(128), cache VARCHAR(8),
    warnings JSON NOT NULL, problem JSON, file VARCHAR(255), media_type VARCHAR(64),
    request JSON NOT NULL, clips JSON NOT NULL, PRIMARY KEY (id)
);
CREATE INDEX jobs_by_age ON jobs (created, id);
CREATE INDEX jobs_by_state ON jobs (state, created);
INSERT INTO jobs (id, state, created, respond_async, segments_done, audio_seconds, warnings, file, request,
    clips) VALUES
    ('done', 'succeeded', 1.0, {true}, 2, 3.5, '["w"]', 'done.wav', '{{}}', '[]'),
    ('open', 'queued', 2.0, {true}, 0, 0.0, '[]', NULL, '{{"text": "hello"}}', '["open.json"]')
"""


def test_a_database_of_the_first_version_opens_with_its_jobs(database_url: str) -> None:
    async def main() -> None:
        old = Database(database_url)
        true = "1" if old.is_sqlite else "true"
        async with old.writing() as connection:
            for statement in FIRST_VERSION.format(true=true).split(";"):
                await connection.execute(text(statement))
        await old.close()
        for key in ("first", "second"):  # the second time there is nothing to do
            async with side(database_url) as here:
                done, left = await here.store.get("done"), await here.store.get("open")
                assert (done.state, done.audio_seconds, done.file, done.kind) == (
                    JobState.SUCCEEDED,
                    3.5,
                    "done.wav",
                    "speech",
                )
                assert left.state is JobState.FAILED
                assert "earlier version" in (left.problem or {})["detail"]
                assert await here.store.claim(here.id) is None
                assert await here.store.add(job(idempotency_key=key))
                assert await here.store.claim(here.id) is not None
                assert (await here.store.prune(older_than=0.0, keep=100)) == []

    asyncio.run(main())


def test_a_database_of_a_later_version_is_refused_untouched(database_url: str) -> None:
    async def later(here: Side) -> None:
        await here.store.add(job())
        async with here.store._database.writing() as connection:
            await connection.execute(text(f"UPDATE schema_version SET version = {SCHEMA_VERSION + 1}"))

    async def main() -> None:
        database = Database(database_url)
        with pytest.raises(JobStoreTooNew, match="newer version"):
            await database.open()
        assert await JobStore(database).n_queued() == 1
        await database.close()

    run_with(database_url, later)
    asyncio.run(main())


def test_gateways_that_start_at_once_agree_on_the_tables(database_url: str) -> None:
    async def main() -> None:
        databases = [Database(database_url) for _ in range(4)]
        await asyncio.gather(*(each.open() for each in databases))
        async with databases[0].reading() as connection:
            found = (await connection.execute(text("SELECT version FROM schema_version"))).scalars().all()
        assert found == [SCHEMA_VERSION]
        for each in databases:
            await each.close()

    asyncio.run(main())


class Contested:
    """A cursor on a file that others switch to WAL at the same time: SQLite says so at once."""

    def __init__(self, n_refused: int, words: str) -> None:
        self.n_refused, self.words = n_refused, words

    def execute(self, _: str) -> None:
        if self.n_refused:
            self.n_refused -= 1
            raise sqlite3.OperationalError(self.words)


def test_a_gateway_waits_while_another_switches_the_file_to_wal() -> None:
    contested = Contested(3, "database is locked")
    connection._switch_to_wal(contested)
    assert contested.n_refused == 0
    with pytest.raises(sqlite3.OperationalError, match="disk"):
        connection._switch_to_wal(Contested(1, "unable to open: disk I/O error"))


def _junk(path: Path) -> None:
    path.write_bytes(b"this is no database at all, " * 100)


def _torn(path: Path) -> None:
    """A good database, of which a page in the middle was overwritten."""

    async def fill(here: Side) -> None:
        for _ in range(200):
            await here.store.add(job())

    run_with(f"sqlite:///{path}", fill)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 6] = b"\xa5" * (4096 * 3)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [_junk, _torn])
def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "jobs.db"
    damage(path)  # type: ignore[operator]

    async def scenario(here: Side) -> None:
        assert await here.store.page(limit=1) == []
        assert await here.store.add(job())

    run_with(f"sqlite:///{path}", scenario)
    assert len(list(tmp_path.glob("jobs.db.damaged-*"))) == 1
    run_with(f"sqlite:///{path}", lambda here: here.store.counts())  # type: ignore[arg-type,return-value]
    assert len(list(tmp_path.glob("jobs.db.damaged-*"))) == 1


def test_a_read_only_place_is_refused_and_not_taken_for_damage(tmp_path: Path) -> None:
    folder = tmp_path / "jobs.db"
    folder.mkdir()

    async def main() -> None:
        with pytest.raises(JobStoreUnavailable):
            await Database(f"sqlite:///{folder}").open()

    asyncio.run(main())
    assert folder.is_dir()


def test_urls_need_name_no_driver() -> None:
    def driver(url: str) -> str:
        return Database(url).url.drivername

    assert driver("sqlite:///x.db") == "sqlite+aiosqlite"
    assert driver("postgres://a@b/c") == driver("postgresql://a@b/c") == "postgresql+asyncpg"


def test_a_url_that_is_none_or_needs_a_package_is_a_clear_error_without_its_password() -> None:
    for url in ("no url with a secret", "mysql+aiomysql://someone:secret@host/jobs"):
        with pytest.raises(InvalidOption) as caught:
            Database(url)
        assert "secret" not in str(caught.value)
