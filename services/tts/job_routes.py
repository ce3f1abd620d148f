"""Jobs: how they stand, their audio, and stopping them."""

import asyncio
import base64
import binascii
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import FileResponse, StreamingResponse

from comps.cores.errors import InvalidOption, JobNotFinished, JobUnknown
from comps.cores.proto.jobs import JobPage, JobState, JobView
from comps.cores.web.openapi import AUDIO_CONTENT
from services.tts.deps import ERRORS, GatewayDep
from services.tts.gateway import Gateway
from services.tts.jobs.record import JobRecord
from services.tts.subtitles import SubtitleFormat, written
from services.tts.views import view_of, views_of

router = APIRouter(prefix="/status", responses=ERRORS)

HEARTBEAT_SECONDS = 10.0
# A job that does not run here is looked up.
LOOK_EVERY_SECONDS = 0.25


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
        return await view_of(await gateway.runner.look(job_id), gateway.store)
    before = _read_cursor(cursor) if cursor else None
    records = await gateway.store.page(limit=limit + 1, before=before, state=state)
    shown = [
        gateway.runner.runs[each.id].record if each.id in gateway.runner.runs else each for each in records
    ]
    return JobPage(
        counts=await gateway.store.counts(),
        jobs=await views_of(shown[:limit], gateway.store),
        next_cursor=_cursor(records[limit - 1]) if len(records) > limit else None,
    )


@router.get("/{job_id}", response_model_exclude_none=True)
async def status(job_id: str, gateway: GatewayDep) -> JobView:
    return await view_of(await gateway.runner.look(job_id), gateway.store)


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def events(
    job_id: str, gateway: GatewayDep, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """The job's state as server-sent events, each time it changes, until it is final.

    Each event is a whole state: who comes back with the last one's id gets the next that differs.
    """
    view = await view_of(await gateway.runner.look(job_id), gateway.store)
    if view.state.is_final and _event_id(view) == last_event_id:
        return Response(status_code=204)  # tells an EventSource to stop asking
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _events(gateway, job_id, last_event_id), media_type="text/event-stream", headers=headers
    )


@router.get("/{job_id}/audio", response_class=FileResponse, responses={200: {"content": AUDIO_CONTENT}})
async def audio(job_id: str, gateway: GatewayDep) -> Response:
    """The finished file; ranges are understood. 409 while there is none yet."""
    record = await gateway.runner.look(job_id)
    path = gateway.settings.output_path / _check_finished(record)
    if not path.is_file():
        raise JobUnknown(f"the audio of job {job_id[:80]!r} has been removed")
    return FileResponse(path, media_type=record.media_type, filename=record.file)


@router.get(
    "/{job_id}/subtitles.{subtitle_format}",
    response_class=Response,
    responses={200: {"content": {each.media_type: {} for each in SubtitleFormat}}},
)
async def subtitles(job_id: str, subtitle_format: SubtitleFormat, gateway: GatewayDep) -> Response:
    """A line for each segment, with the times at which it is heard. 409 while the job is not finished."""
    record = await gateway.runner.look(job_id)
    _check_finished(record)
    cues = await asyncio.to_thread(gateway.subtitles.load, record.id)
    if cues is None:
        raise JobUnknown(f"the subtitles of job {job_id[:80]!r} have been removed")
    return Response(written(cues, subtitle_format), media_type=f"{subtitle_format.media_type}; charset=utf-8")


@router.delete("/{job_id}", response_model_exclude_none=True)
async def cancel(job_id: str, gateway: GatewayDep) -> JobView:
    """Stop the job, wherever it is; the reply is how it ended. A finished job stays as it is."""
    return await view_of(await gateway.runner.cancel(job_id), gateway.store)


def _check_finished(record: JobRecord) -> str:
    """The name of the job's file. Raises `JobNotFinished` or `JobUnknown` where there is none."""
    if record.file is not None:
        return record.file
    if record.state.is_final:
        raise JobUnknown(f"job {record.id!r} is {record.state}: it has no audio")
    raise JobNotFinished(f"job {record.id!r} is {record.state}: its audio is not there yet")


async def _events(gateway: Gateway, job_id: str, seen: str | None) -> AsyncIterator[str]:
    spoke = time.monotonic()
    while True:
        run = gateway.runner.runs.get(job_id)
        news = asyncio.create_task(run.wait_for_change() if run else asyncio.sleep(LOOK_EVERY_SECONDS))
        try:
            view = await view_of(await gateway.runner.look(job_id), gateway.store)
            if (shown := _event_id(view)) != seen:
                seen, spoke = shown, time.monotonic()
                data = view.model_dump_json(exclude_none=True)
                yield f"id: {shown}\nevent: {view.state}\ndata: {data}\n\n"
            if view.state.is_final:
                return
            await asyncio.wait({news}, timeout=HEARTBEAT_SECONDS)
        finally:
            news.cancel()
        if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
            spoke = time.monotonic()
            yield ": still here\n\n"


def _event_id(view: JobView) -> str:
    """The same at every gateway that shows the same."""
    return hashlib.sha256(view.model_dump_json().encode()).hexdigest()[:16]


def _cursor(record: JobRecord) -> str:
    return base64.urlsafe_b64encode(f"{record.created!r} {record.id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[float, str]:
    try:
        created, job_id = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return float(created), job_id
    except (binascii.Error, ValueError) as error:
        raise InvalidOption("the cursor is not one that was given out here") from error
