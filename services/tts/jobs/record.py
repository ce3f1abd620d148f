"""What is kept of a job."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from comps.cores.proto.jobs import JobState


@dataclass
class JobRecord:
    """`request` and `clips` are what is needed to run the job again; they are emptied when it ends.

    `owner` is the gateway that runs it, or ran it last.
    """

    id: str
    state: JobState
    created: float  # seconds since 1970
    respond_async: bool
    kind: str = "speech"  # what `request` asks for
    owner: str | None = None
    attempts: int = 0  # how often a gateway began to run it
    cancel_requested: bool = False
    idempotency_key: str | None = None
    fingerprint: str | None = None  # of the request that came with the key
    started: float | None = None
    finished: float | None = None
    segments_done: int = 0
    segments_total: int | None = None
    audio_seconds: float = 0.0
    speaker_id: str | None = None
    cache: str | None = None
    seed: int | None = None
    sample_rate: int | None = None  # of the audio that is given out
    warnings: list[str] = field(default_factory=list)
    problem: dict[str, Any] | None = None
    file: str | None = None  # name in the output folder
    media_type: str | None = None
    extension: str = "wav"
    request: dict[str, Any] = field(default_factory=dict)
    clips: list[str] = field(default_factory=list)  # names in the folder of waiting uploads


def when(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
