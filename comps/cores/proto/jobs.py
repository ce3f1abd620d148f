"""Jobs of the gateway, as its clients see them."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from comps.cores.proto.base import Reply
from comps.cores.proto.problems import Problem


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in FINAL_STATES


FINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class JobLinks(Reply):
    self: str
    events: str
    audio: str | None = None
    srt: str | None = None
    vtt: str | None = None


class JobView(Reply):
    job_id: str
    kind: str = "speech"
    state: JobState
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    queue_position: int | None = None
    attempts: int = 0
    segments_done: int = 0
    segments_total: int | None = None
    audio_seconds: float = 0.0
    speaker_id: str | None = None
    cache: str | None = None
    seed: int | None = None
    sample_rate: int | None = None
    warnings: list[str] = Field(default_factory=list)
    problem: Problem | None = None
    links: JobLinks


class JobPage(Reply):
    """Counts by state over all jobs kept, and the newest jobs; `next_cursor` asks for the page after this."""

    counts: dict[JobState, int]
    jobs: list[JobView]
    next_cursor: str | None = None
