"""The tables, and how those of an earlier version become today's."""

from collections.abc import Callable

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    false,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.schema import CreateColumn

from comps.cores.errors import JobStoreTooNew
from comps.cores.proto.jobs import FINAL_STATES, JobState

SCHEMA_VERSION = 2

metadata = MetaData()

# A column that a later version adds may be null or has a server's default: rows are there already.
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False, server_default="speech"),
    Column("state", String(16), nullable=False),
    Column("owner", String(64)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("cancel_requested", Boolean, nullable=False, server_default=false()),
    Column("idempotency_key", String(64)),
    Column("fingerprint", String(64)),
    Column("created", Float, nullable=False),
    Column("respond_async", Boolean, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("segments_done", Integer, nullable=False),
    Column("segments_total", Integer),
    Column("audio_seconds", Float, nullable=False),
    Column("speaker_id", String(128)),
    Column("cache", String(8)),
    Column("seed", BigInteger),
    Column("sample_rate", Integer),
    Column("warnings", JSON, nullable=False),
    Column("problem", JSON),
    Column("file", String(255)),
    Column("media_type", String(64)),
    Column("extension", String(8), nullable=False, server_default="wav"),
    Column("request", JSON, nullable=False),
    Column("clips", JSON, nullable=False),
    Index("jobs_by_age", "created", "id"),
    Index("jobs_by_state", "state", "created"),
    Index("jobs_by_owner", "owner"),
    Index("jobs_by_key", "idempotency_key", unique=True),
)

# One row a living gateway; `beat` grows as long as it lives.
gateways = Table(
    "gateways",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("beat", Integer, nullable=False),
)

schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

FINAL = [state.value for state in FINAL_STATES]


def migrate(connection: Connection) -> None:
    """Make the tables today's, whatever is there. Raises `JobStoreTooNew`.

    The caller holds a lock that keeps a second gateway from doing the same meanwhile.
    """
    found = _found_version(connection)
    if found > SCHEMA_VERSION:
        raise JobStoreTooNew(
            f"the jobs are kept in form {found}, and this version knows forms up to {SCHEMA_VERSION}: "
            "start the newer version again, or point TTS_DATABASE_URL elsewhere"
        )
    for version in range(max(found, 1), SCHEMA_VERSION if found else 1):
        STEPS[version](connection)
    metadata.create_all(connection)
    _remember_version(connection, is_known=found > 1)


def _found_version(connection: Connection) -> int:
    """0 for an empty database; the first version did not write down its number."""
    tables = inspect(connection).get_table_names()
    if schema_version.name in tables:
        return connection.execute(select(schema_version.c.version)).scalar_one()
    return 1 if jobs.name in tables else 0


def _remember_version(connection: Connection, *, is_known: bool) -> None:
    statement = update(schema_version) if is_known else insert(schema_version)
    connection.execute(statement.values(version=SCHEMA_VERSION))


def _add_columns(connection: Connection, table: Table) -> None:
    """What the table lacks of its columns and indexes."""
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in there:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
    for index in table.indexes:
        index.create(connection, checkfirst=True)


def _from_1(connection: Connection) -> None:
    """Owners, attempts, kinds, keys. Unfinished jobs of version 1 are in a form of their own: they end."""
    _add_columns(connection, jobs)
    problem = {
        "type": "urn:sovits-serve:job_interrupted",
        "title": "The job was interrupted",
        "status": 500,
        "detail": "the job was accepted by an earlier version of the gateway: send it again",
        "code": "job_interrupted",
    }
    unfinished = update(jobs).where(jobs.c.state.not_in(FINAL))
    ended = {"state": JobState.FAILED.value, "finished": jobs.c.created, "request": {}, "clips": []}
    connection.execute(unfinished.values(**ended, problem=problem))


# From which version → how to get to the next. `create_all` adds tables that are missing altogether.
STEPS: dict[int, Callable[[Connection], None]] = {1: _from_1}
