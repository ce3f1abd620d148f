"""What is kept of a job, and what a place that keeps it must be able to do."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from comps.cores.proto.jobs import JobState


@dataclass
class JobRecord:
    """`request` and `clips` are what is needed to run the job again; they are emptied when it ends."""

    id: str
    state: JobState
    created: float  # seconds since 1970
    respond_async: bool
    started: float | None = None
    finished: float | None = None
    segments_done: int = 0
    segments_total: int | None = None
    audio_seconds: float = 0.0
    speaker_id: str | None = None
    cache: str | None = None
    warnings: list[str] = field(default_factory=list)
    problem: dict[str, Any] | None = None
    file: str | None = None  # name in the output folder
    media_type: str | None = None
    request: dict[str, Any] = field(default_factory=dict)
    clips: list[str] = field(default_factory=list)  # names in the folder of waiting uploads


def when(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class JobStore(Protocol):
    """Jobs by id. Records handed out are copies; `save` writes one whole."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def add(self, record: JobRecord) -> None: ...
    async def save(self, record: JobRecord) -> None: ...

    async def get(self, job_id: str) -> JobRecord:
        """Raises `JobUnknown`."""
        ...

    async def page(
        self, *, limit: int, before: tuple[float, str] | None = None, state: JobState | None = None
    ) -> list[JobRecord]:
        """The newest jobs first, from just after `before` (created, id) on."""
        ...

    async def counts(self) -> dict[JobState, int]: ...

    async def queue_position(self, record: JobRecord) -> int:
        """How many queued jobs came before this one."""
        ...

    async def unfinished(self) -> list[JobRecord]:
        """Queued and running jobs, the oldest first."""
        ...

    async def prune(self, *, older_than: float, keep: int) -> list[JobRecord]:
        """Remove finished jobs that are too old or too many; gives back what was removed."""
        ...
