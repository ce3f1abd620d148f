"""Runs jobs: now for a listener, or when their turn in the queue comes, which all gateways share."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from comps.cores import logs
from comps.cores.errors import (
    Cancelled,
    DeadlineExceeded,
    EngineBusy,
    JobInterrupted,
    JobStoreUnavailable,
    SovitsError,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from comps.cores.proto.jobs import JobState
from comps.cores.proto.problems import Problem
from comps.cores.web.problems import problem_of
from services.tts.correlation import recall, remembered
from services.tts.jobs.attempt import attempt
from services.tts.jobs.files import drop_parts
from services.tts.jobs.keys import IdempotencyKey
from services.tts.jobs.membership import Membership
from services.tts.jobs.record import JobRecord
from services.tts.jobs.run import JobRun
from services.tts.jobs.store import JobStore
from services.tts.jobs.uploads import Uploads
from services.tts.jobs.work import Restore, Work
from services.tts.subtitles import Subtitles

logger = logging.getLogger(__name__)

MAX_TRIES = 6
BEATS_A_LEASE = 4
# How often progress is written down, and requests of other gateways' clients are looked for.
TICK_SECONDS = 1.0
CANCEL_WAIT_SECONDS = 5.0
MAX_STORE_PAUSE_SECONDS = 10.0


class Runner:
    def __init__(
        self,
        store: JobStore,
        membership: Membership,
        uploads: Uploads,
        subtitles: Subtitles,
        restore: Mapping[str, Restore],
        *,
        output_path: Path,
        max_running: int,
        max_queued: int,
        max_attempts: int,
        deadline_seconds: float,
        on_finished: Callable[[JobRecord], None] = lambda record: None,
    ) -> None:
        self._store = store
        self._membership = membership
        self._uploads = uploads
        self._subtitles = subtitles
        self._restore = restore  # by kind
        self._output_path = output_path
        self._slots = asyncio.Semaphore(max_running)
        self._max_queued = max_queued
        self._max_attempts = max_attempts
        self._deadline_seconds = deadline_seconds
        self._on_finished = on_finished
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self.runs: dict[str, JobRun] = {}

    async def open(self) -> None:
        await self._membership.join()
        self._tasks = [
            asyncio.create_task(self._keep_for_ever(), name="jobs-keep"),
            asyncio.create_task(self._claim_for_ever(), name="jobs-claim"),
        ]

    async def stop(self) -> None:
        """Leave: jobs of the queue go back into it, for another gateway or the next start."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        runs = list(self.runs.values())
        for run in runs:
            run.is_stopped = True
            run.cancel()
        await asyncio.gather(*(run.task for run in runs if run.task), return_exceptions=True)
        with suppress(JobStoreUnavailable):
            await self._membership.leave()

    async def begin(self, work: Work, key: IdempotencyKey | None = None) -> JobRun | None:
        """The job, written down and under way, for who will `listen`; None if the key is taken."""
        record = self._record(work, key, respond_async=False)
        record.owner, record.started, record.attempts = self._membership.id, record.created, 1
        if not await self._store.add(record):
            return None
        return self._launch(JobRun(record, work, is_heard=True))

    async def accept(self, work: Work, key: IdempotencyKey | None = None) -> JobRecord | None:
        """The job, written down and in the queue; None if the key is taken. Raises `EngineBusy`."""
        if await self._store.n_queued() >= self._max_queued:
            raise EngineBusy(f"{self._max_queued} jobs are waiting already", retry_after=5)
        record = self._record(work, key, respond_async=True)
        record.request = work.kept() | remembered()
        try:
            record.clips = await asyncio.to_thread(self._uploads.keep, record.id, work.clips())
        except OSError as error:
            raise JobStoreUnavailable(f"the clip cannot be kept: {error.strerror}") from error
        is_added = False
        try:
            is_added = await self._store.add(record)
        finally:
            if not is_added:
                await asyncio.to_thread(self._uploads.drop, record.clips)
        self._wake.set()
        return record if is_added else None

    async def look(self, job_id: str) -> JobRecord:
        """The record as it is this moment: of the running job, or from the store. Raises `JobUnknown`."""
        run = self.runs.get(job_id)
        return run.record if run is not None else await self._store.get(job_id)

    async def cancel(self, job_id: str) -> JobRecord:
        """Stop the job wherever it is; a finished one stays as it is. Raises `JobUnknown`."""
        run = self.runs.get(job_id)
        if run is not None and run.task is not None:
            run.cancel()
            await asyncio.wait({run.task}, timeout=CANCEL_WAIT_SECONDS)
        elif cancelled := await self._store.request_cancel(job_id):
            await self._ended(cancelled, cancelled.clips)
        record = await self._store.get(job_id)
        deadline = time.monotonic() + CANCEL_WAIT_SECONDS
        while not record.state.is_final and time.monotonic() < deadline:
            await asyncio.sleep(0.1)  # it runs at another gateway, which will look soon
            record = await self._store.get(job_id)
        return record

    def _record(self, work: Work, key: IdempotencyKey | None, *, respond_async: bool) -> JobRecord:
        return JobRecord(
            id=uuid4().hex,
            kind=work.kind,
            state=JobState.QUEUED if respond_async else JobState.RUNNING,
            created=time.time(),
            respond_async=respond_async,
            media_type=work.response_format.media_type,
            extension=work.response_format.extension,
            idempotency_key=key.key if key else None,
            fingerprint=key.fingerprint if key else None,
        )

    # --- the queue and the lease -------------------------------------------------------------------------

    async def _claim_for_ever(self) -> None:
        while True:
            await self._slots.acquire()
            self._launch(JobRun(await self._next(), None, is_heard=False))

    async def _next(self) -> JobRecord:
        while True:
            self._wake.clear()
            with suppress(JobStoreUnavailable):
                if record := await self._store.claim(self._membership.id):
                    return record
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._wake.wait()

    async def _keep_for_ever(self) -> None:
        beat_seconds = self._membership.lease_seconds / BEATS_A_LEASE
        last_beat = -beat_seconds
        while True:
            try:
                if time.monotonic() - last_beat >= beat_seconds:
                    last_beat = time.monotonic()
                    await self._keep_lease()
                if self.runs:
                    await self._exchange_news()
            except JobStoreUnavailable:
                pass  # it has been logged; what was not said now is said at the next tick
            except Exception:
                logger.exception("the jobs' lease could not be kept")
            await asyncio.sleep(min(TICK_SECONDS, beat_seconds))

    async def _keep_lease(self) -> None:
        if not await self._membership.beat():
            logger.error("this gateway was taken for dead: its jobs are others' now")
            runs = list(self.runs.values())
            for run in runs:
                run.is_lost = True
                run.cancel()
            await asyncio.gather(*(run.task for run in runs if run.task), return_exceptions=True)
            await self._membership.join()
        failed = await self._membership.watch()
        if failed is not None:
            logger.warning("a gateway was lost: its jobs go on here or at another")
            self._wake.set()
        for record in failed or ():
            await asyncio.to_thread(drop_parts, self._output_path, record)
            await self._ended(record, [])

    async def _exchange_news(self) -> None:
        for job_id in await self._store.to_cancel(self._membership.id):
            if run := self.runs.get(job_id):
                run.cancel()
        news = [run for run in self.runs.values() if run.version != run.saved_version]
        for run in news:
            run.saved_version = run.version
        if news:
            await self._store.save([run.record for run in news])

    # --- one job -----------------------------------------------------------------------------------------

    def _launch(self, run: JobRun) -> JobRun:
        self.runs[run.record.id] = run
        run.task = asyncio.create_task(self._run(run), name=f"job-{run.record.id}")
        return run

    async def _run(self, run: JobRun) -> None:
        error: BaseException | None = None
        recall(run.record.request)
        try:
            await self._in_time(run)
        except asyncio.CancelledError:
            error = Cancelled("the job was cancelled")
        except Exception as failure:
            error = failure
        # From here on nothing may be interrupted: the record must tell how it ended.
        ending = asyncio.create_task(self._end(run, error))
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                continue

    async def _in_time(self, run: JobRun) -> None:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await self._attempts(run)
        except TimeoutError as error:
            raise DeadlineExceeded(f"the job took longer than {self._deadline_seconds:g} s") from error

    async def _attempts(self, run: JobRun) -> None:
        """A job that nobody listens to starts over: while the inference service is away or busy until its
        deadline, when it breaks off or fails a few times."""
        work = run.work or await self._restored(run.record)
        n_failed = 0
        while True:
            run.record.segments_done, run.record.audio_seconds = 0, 0.0
            run.changed()
            try:
                await attempt(run, work, self._output_path)
                return
            except UpstreamError as error:
                if not run.record.respond_async or not _passes(error):
                    raise
                n_failed += not _is_away(error)
                if n_failed == MAX_TRIES:
                    raise
                pause = getattr(error, "retry_after", None) or 0.5 * (n_failed + 1)
            await asyncio.sleep(pause)

    async def _restored(self, record: JobRecord) -> Work:
        if record.cancel_requested:
            raise asyncio.CancelledError
        if record.attempts > self._max_attempts:
            raise JobInterrupted(f"given up: {self._max_attempts} gateways were lost while they ran the job")
        try:
            if record.attempts > 1:
                await asyncio.to_thread(drop_parts, self._output_path, record)
            clips = await asyncio.to_thread(self._uploads.load, record.clips)
            return await self._restore[record.kind](record.request, clips)
        except (OSError, KeyError, TypeError, ValueError) as error:
            logger.warning("a job cannot be taken up", exc_info=error, extra={"job_id": record.id})
            raise JobInterrupted("what the job needs is not there any more: send it again") from error

    async def _end(self, run: JobRun, error: BaseException | None) -> None:
        if run.is_lost:
            error = JobInterrupted("another gateway took the job over")
        pause = 0.1
        while not run.is_lost:
            try:
                if not await self._write_end(run, error):
                    logger.warning("a job is another gateway's now", extra={"job_id": run.record.id})
                break
            except JobStoreUnavailable:
                run.end(error)  # whoever listens need not wait for the database
                if self._is_stopping:
                    break
            except Exception:
                logger.exception("a job's end could not be written down")
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_STORE_PAUSE_SECONDS)
        if run.output is not None and run.record.file is None:
            run.output.discard()
        self.runs.pop(run.record.id, None)
        if run.record.respond_async:
            self._slots.release()
        run.end(error)
        run.changed()

    async def _write_end(self, run: JobRun, error: BaseException | None) -> bool:
        """Whether the job was still this gateway's to end."""
        if isinstance(error, Cancelled) and run.is_stopped:
            if run.record.respond_async:
                return await self._store.release(run.record)
            error = JobInterrupted("the gateway was stopped while the reply was being sent")
        record = replace(run.record)  # nobody shall see an end that is not written down yet
        record.state = _state_after(error)
        record.finished = time.time()
        record.audio_seconds = round(record.audio_seconds, 3)
        if record.state is JobState.FAILED and error is not None:
            record.problem = _told(error).model_dump(exclude_none=True)
        record.request = {}  # nobody's words are kept longer than they are needed
        clips, record.clips = record.clips, []
        is_written = await self._store.finish(record, place=lambda: self._place(run, record))
        if is_written:
            run.record = record
            await self._ended(record, clips)
        return is_written

    def _place(self, run: JobRun, record: JobRecord) -> None:
        output = run.output
        if record.state is not JobState.SUCCEEDED or output is None:
            return
        if output.place():
            record.file = output.name
            self._subtitles.keep(record.id, run.cues)
        else:
            warning = f"the audio was not kept: {output.failure or 'there is none'}"
            record.warnings = [*record.warnings, warning]

    async def _ended(self, record: JobRecord, clips: list[str]) -> None:
        await asyncio.to_thread(self._uploads.drop, clips)
        self._on_finished(record)
        facts = {"job_id": record.id, "kind": record.kind, "audio_seconds": record.audio_seconds}
        logger.info("job %s", record.state.value, extra=facts)


def _state_after(error: BaseException | None) -> JobState:
    if error is None:
        return JobState.SUCCEEDED
    return JobState.CANCELLED if isinstance(error, Cancelled) else JobState.FAILED


def _passes(error: UpstreamError) -> bool:
    """Whether trying again may help: it was busy, away, or broke off; not if it refused for good."""
    return not isinstance(error, UpstreamRefused) or error.status in (503, 504)


def _is_away(error: UpstreamError) -> bool:
    """Whether it said, by its silence or itself, to come back later."""
    return isinstance(error, UpstreamUnavailable) or (
        isinstance(error, UpstreamRefused) and error.status == 503
    )


def _told(error: BaseException) -> Problem:
    if isinstance(error, Exception) and not isinstance(error, SovitsError):
        logger.error("a job failed unexpectedly", exc_info=error)
    problem = problem_of(error if isinstance(error, Exception) else Exception())
    request_id = logs.request_id.get()
    problem.request_id = None if request_id == "-" else request_id
    return problem
