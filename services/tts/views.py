"""Job records as clients see them."""

from collections.abc import Sequence

from comps.cores.proto.jobs import JobLinks, JobState, JobView
from comps.cores.proto.problems import Problem
from services.tts.jobs.record import JobRecord, when
from services.tts.jobs.store import JobStore
from services.tts.subtitles import SubtitleFormat


async def view_of(record: JobRecord, store: JobStore) -> JobView:
    return _view(record, await store.queue_position(record) if record.state is JobState.QUEUED else None)


async def views_of(records: Sequence[JobRecord], store: JobStore) -> list[JobView]:
    """The same of many; the queue is looked at once."""
    some_wait = any(record.state is JobState.QUEUED for record in records)
    positions = {job_id: n for n, job_id in enumerate(await store.queue())} if some_wait else {}
    return [_view(record, positions.get(record.id)) for record in records]


def _view(record: JobRecord, position: int | None) -> JobView:
    created = when(record.created)
    assert created is not None
    return JobView(
        job_id=record.id,
        kind=record.kind,
        state=record.state,
        created=created,
        started=when(record.started),
        finished=when(record.finished),
        queue_position=position,
        attempts=record.attempts,
        segments_done=record.segments_done,
        segments_total=record.segments_total,
        audio_seconds=round(record.audio_seconds, 3),
        speaker_id=record.speaker_id,
        cache=record.cache,
        seed=record.seed,
        sample_rate=record.sample_rate,
        warnings=record.warnings,
        problem=Problem.model_validate(record.problem) if record.problem else None,
        links=_links(record),
    )


def _links(record: JobRecord) -> JobLinks:
    base = f"/status/{record.id}"
    links = JobLinks(self=base, events=f"{base}/events")
    if record.file:
        links.audio = f"{base}/audio"
        links.srt, links.vtt = (f"{base}/subtitles.{kind}" for kind in SubtitleFormat)
    return links
