"""Jobs: how they stand, their audio, and stopping them."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

from comps.cores.errors import InvalidOption, JobNotFinished, JobUnknown
from comps.cores.proto.jobs import JobPage, JobState, JobView
from services.tts.deps import ERRORS, GatewayDep
from services.tts.gateway import Gateway
from services.tts.jobs.store import JobRecord
from services.tts.subtitles import SubtitleFormat, written
from services.tts.views import view_of

router = APIRouter(prefix="/status", responses=ERRORS)

HEARTBEAT_SECONDS = 10.0


@router.get("", response_model=JobPage | JobView, response_model_exclude_none=True)
async def page(
    gateway: GatewayDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    state: JobState | None = None,
    job_id: Annotated[str | None, Query(max_length=100)] = None,
) -> JobPage | JobView:
    """Counts by state and the newest jobs; with `job_id`, that job."""
    if job_id is not None:
        return await view_of(await _live(gateway, job_id), gateway.store)
    before = _read_cursor(cursor) if cursor else None
    records = await gateway.store.page(limit=limit + 1, before=before, state=state)
    shown = [
        gateway.runner.runs[each.id].record if each.id in gateway.runner.runs else each for each in records
    ]
    return JobPage(
        counts=await gateway.store.counts(),
        jobs=[await view_of(record, gateway.store) for record in shown[:limit]],
        next_cursor=_cursor(records[limit - 1]) if len(records) > limit else None,
    )


@router.get("/{job_id}", response_model_exclude_none=True)
async def status(job_id: str, gateway: GatewayDep) -> JobView:
    return await view_of(await _live(gateway, job_id), gateway.store)


@router.get("/{job_id}/events", response_class=StreamingResponse)
async def events(
    job_id: str, gateway: GatewayDep, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """The job's state as server-sent events, each time it changes, until it is final."""
    await _live(gateway, job_id)
    seen = int(last_event_id) if last_event_id and last_event_id.isdecimal() else -1
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(gateway, job_id, seen), media_type="text/event-stream", headers=headers)


@router.get("/{job_id}/audio", response_class=FileResponse)
async def audio(job_id: str, gateway: GatewayDep) -> Response:
    """The finished file; ranges are understood. 409 while there is none yet."""
    record = await _live(gateway, job_id)
    path = gateway.settings.output_path / _check_finished(record)
    if not path.is_file():
        raise JobUnknown(f"the audio of job {job_id[:80]!r} has been removed")
    return FileResponse(path, media_type=record.media_type, filename=record.file)


@router.get("/{job_id}/subtitles.{subtitle_format}", response_class=PlainTextResponse)
async def subtitles(job_id: str, subtitle_format: SubtitleFormat, gateway: GatewayDep) -> Response:
    """A line for each segment, with the times at which it is heard. 409 while the job is not finished."""
    record = await _live(gateway, job_id)
    _check_finished(record)
    cues = await asyncio.to_thread(gateway.subtitles.load, record.id)
    if cues is None:
        raise JobUnknown(f"the subtitles of job {job_id[:80]!r} have been removed")
    return Response(written(cues, subtitle_format), media_type=f"{subtitle_format.media_type}; charset=utf-8")


@router.delete("/{job_id}", response_model_exclude_none=True)
async def cancel(job_id: str, gateway: GatewayDep) -> JobView:
    """Stop the job, wherever it is; the reply is how it ended. A finished job stays as it is."""
    return await view_of(await gateway.runner.cancel(job_id), gateway.store)


async def _live(gateway: Gateway, job_id: str) -> JobRecord:
    """The record as it is this moment: of the running job, or from the store."""
    run = gateway.runner.runs.get(job_id)
    return run.record if run is not None else await gateway.store.get(job_id)


def _check_finished(record: JobRecord) -> str:
    """The name of the job's file. Raises `JobNotFinished` or `JobUnknown` where there is none."""
    if record.file is not None:
        return record.file
    if record.state.is_final:
        raise JobUnknown(f"job {record.id!r} is {record.state}: it has no audio")
    raise JobNotFinished(f"job {record.id!r} is {record.state}: its audio is not there yet")


async def _events(gateway: Gateway, job_id: str, seen: int) -> AsyncIterator[str]:
    while (run := gateway.runner.runs.get(job_id)) is not None:
        waiting = asyncio.create_task(run.wait_for_change())
        try:
            if run.version > seen:
                seen = run.version
                yield await _event(gateway, run.record, seen)
            done, _ = await asyncio.wait({waiting}, timeout=HEARTBEAT_SECONDS)
            if not done:
                yield ": still here\n\n"
        finally:
            waiting.cancel()
    yield await _event(gateway, await gateway.store.get(job_id), seen + 1)


async def _event(gateway: Gateway, record: JobRecord, number: int) -> str:
    view = await view_of(record, gateway.store)
    return f"id: {number}\nevent: {record.state}\ndata: {view.model_dump_json(exclude_none=True)}\n\n"


def _cursor(record: JobRecord) -> str:
    return base64.urlsafe_b64encode(f"{record.created!r} {record.id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[float, str]:
    try:
        created, job_id = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return float(created), job_id
    except (binascii.Error, ValueError) as error:
        raise InvalidOption("the cursor is not one that was given out here") from error
