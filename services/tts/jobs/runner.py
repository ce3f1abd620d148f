"""Runs jobs: now for a listener, later for whoever asks, again for those a restart interrupted."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

from comps.cores import logs
from comps.cores.audio.encoding import Encoder, PcmEncoder, encoder_for, from_int16, levelled, resampled
from comps.cores.audio.formats import AudioFormat
from comps.cores.errors import (
    Cancelled,
    DeadlineExceeded,
    EngineBusy,
    SovitsError,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from comps.cores.proto.frames import FrameWithAudio
from comps.cores.proto.jobs import JobState
from comps.cores.proto.problems import Problem
from comps.cores.proto.speech import GatewaySpeechRequest
from comps.cores.web.problems import problem_of
from comps.cores.web.streaming import encode_aside, finish_aside
from services.tts.jobs.files import OutputFile
from services.tts.jobs.run import JobRun, Plan
from services.tts.jobs.store import JobRecord, JobStore
from services.tts.jobs.uploads import Uploads
from services.tts.speech import Speech, Started
from services.tts.subtitles import Subtitles, Timeline

logger = logging.getLogger(__name__)

BYTES_A_SAMPLE = 2
MAX_TRIES = 6


class Runner:
    def __init__(
        self,
        speech: Speech,
        store: JobStore,
        uploads: Uploads,
        subtitles: Subtitles,
        *,
        output_path: Path,
        max_running: int,
        max_queued: int,
        deadline_seconds: float,
        on_finished: Callable[[JobRecord], None] = lambda record: None,
    ) -> None:
        self._speech = speech
        self._store = store
        self._uploads = uploads
        self._subtitles = subtitles
        self._output_path = output_path
        self._slots = asyncio.Semaphore(max_running)
        self._max_queued = max_queued
        self._deadline_seconds = deadline_seconds
        self._on_finished = on_finished
        self.runs: dict[str, JobRun] = {}

    async def start(self, plan: Plan, *, respond_async: bool) -> JobRun:
        """The job, written down before anything is answered, and under way. Raises `EngineBusy`."""
        if respond_async and len(self.runs) >= self._max_queued:
            raise EngineBusy(f"{self._max_queued} jobs are waiting already", retry_after=5)
        record = JobRecord(
            id=uuid4().hex,
            state=JobState.QUEUED if respond_async else JobState.RUNNING,
            created=time.time(),
            respond_async=respond_async,
            media_type=plan.request.response_format.media_type,
        )
        if respond_async:
            record.request = plan.request.model_dump(mode="json", by_alias=True)
            if plan.reference is not None:
                record.clips = await asyncio.to_thread(
                    self._uploads.keep, record.id, plan.reference.reference
                )
        else:
            record.started = record.created
        await self._store.add(record)
        return self._launch(JobRun(record, plan, is_heard=not respond_async))

    async def resume(self) -> None:
        """Take up what an earlier gateway left: jobs go on, replies that were cut are said to be."""
        for record in await self._store.unfinished():
            if not record.respond_async:
                error = Cancelled("the gateway was restarted while the reply was being sent")
                await self._close(record, JobState.FAILED, error)
                continue
            try:
                reference = await asyncio.to_thread(self._uploads.load, record.clips)
                decoded = await self._speech.decoded(reference) if reference else None
                plan = Plan(GatewaySpeechRequest.model_validate(record.request), decoded)
            except (SovitsError, OSError, ValueError) as error:
                await self._close(record, JobState.FAILED, error)
                continue
            record.state, record.started, record.segments_done = JobState.QUEUED, None, 0
            await self._store.save(record)
            self._launch(JobRun(record, plan, is_heard=False))

    async def cancel(self, job_id: str) -> JobRecord:
        """Stop the job wherever it is; a finished one stays as it is. Raises `JobUnknown`."""
        run = self.runs.get(job_id)
        if run is not None and run.task is not None:
            run.cancel()
            await asyncio.wait({run.task})
        return await self._store.get(job_id)

    async def stop(self) -> None:
        """Leave: jobs that nobody waits for stay in the store and are resumed at the next start."""
        runs = list(self.runs.values())
        for run in runs:
            run.is_postponed = run.record.respond_async
            run.cancel()
        await asyncio.gather(*(run.task for run in runs if run.task), return_exceptions=True)

    def _launch(self, run: JobRun) -> JobRun:
        self.runs[run.record.id] = run
        run.task = asyncio.create_task(self._run(run), name=f"job-{run.record.id}")
        return run

    async def _run(self, run: JobRun) -> None:
        error: BaseException | None = None
        try:
            if run.is_heard:
                await self._in_time(run)
            else:
                async with self._slots:
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
        """A job that nobody listens to may start over when the inference service is busy or went away."""
        for attempt in range(1, MAX_TRIES + 1):
            try:
                await self._attempt(run)
                return
            except UpstreamError as error:
                if run.is_heard or not _passes(error):
                    raise
                if attempt == MAX_TRIES and not isinstance(error, UpstreamUnavailable):
                    raise
                pause = getattr(error, "retry_after", None) or 0.5 * attempt
            await asyncio.sleep(pause)

    async def _attempt(self, run: JobRun) -> None:
        record, request = run.record, run.plan.request
        record.state, record.segments_done, record.audio_seconds = JobState.RUNNING, 0, 0.0
        record.started = record.started or time.time()
        if not run.is_heard:
            await self._store.save(record)
        run.changed()
        output = OutputFile(self._output_path, f"{record.id}.{request.response_format.extension}")
        encoder: Encoder | None = None
        timeline = Timeline()
        try:
            async with aclosing(self._speech.speak(request, run.plan.reference)) as events:
                async for event in events:
                    if isinstance(event, Started):
                        encoder = _encoder(run.plan, event.sample_rate)
                        _note_start(run, event, encoder)
                    elif encoder is not None:
                        timeline.add(event.frame.segment, event.frame.text, event.audio)
                        await self._take(run, event, encoder, output)
            if encoder is not None:
                await self._put(run, await finish_aside(encoder), output)
                run.rewrites = encoder.rewrites
            if output.finish(run.rewrites):
                record.file = output.name
                if run.started is not None:
                    self._subtitles.keep(record.id, timeline.cues(run.started.sample_rate))
            else:
                record.warnings.append(f"the audio was not kept: {output.failure or 'there is none'}")
        except BaseException:
            output.discard()
            raise

    async def _take(self, run: JobRun, found: FrameWithAudio, encoder: Encoder, output: OutputFile) -> None:
        frame = found.frame
        if frame.end:
            run.record.warnings.extend(frame.warnings)
            return
        if found.audio:
            samples = from_int16(found.audio)
            await self._put(run, await encode_aside(encoder, samples), output)
            assert run.started is not None
            run.record.audio_seconds += len(found.audio) / BYTES_A_SAMPLE / run.started.sample_rate
        done = frame.segment + frame.is_final  # a segment's first audio says that those before it are done
        if done > run.record.segments_done:
            run.record.segments_done = done
            run.changed()

    async def _put(self, run: JobRun, data: bytes, output: OutputFile) -> None:
        output.write(data)
        await run.deliver(data)

    async def _end(self, run: JobRun, error: BaseException | None) -> None:
        record = run.record
        try:
            if isinstance(error, Cancelled) and run.is_postponed:
                record.state = JobState.QUEUED
                await self._store.save(record)
            else:
                state = JobState.SUCCEEDED if error is None else JobState.FAILED
                await self._close(
                    record, JobState.CANCELLED if isinstance(error, Cancelled) else state, error
                )
        except Exception:
            logger.exception("a job's end could not be written down")
        self.runs.pop(record.id, None)
        run.end(error)
        run.changed()

    async def _close(self, record: JobRecord, state: JobState, error: BaseException | None) -> None:
        record.state, record.finished = state, time.time()
        record.audio_seconds = round(record.audio_seconds, 3)
        if error is not None and state is JobState.FAILED:
            record.problem = _told(error).model_dump(exclude_none=True)
        record.request = {}  # nobody's words are kept longer than they are needed
        clips, record.clips = record.clips, []
        await self._store.save(record)
        await asyncio.to_thread(self._uploads.drop, clips)
        self._on_finished(record)
        logger.info("job %s", state.value, extra={"job_id": record.id, "audio_seconds": record.audio_seconds})


def _encoder(plan: Plan, rate: int) -> Encoder:
    request = plan.request
    if plan.pcm_rate and request.response_format is AudioFormat.PCM:
        encoder = resampled(rate, PcmEncoder(plan.pcm_rate))
    else:
        encoder = encoder_for(request.response_format, rate)
    streams = request.stream and not request.respond_async
    return levelled(rate, encoder, request.loudness, streams=streams)


def _note_start(run: JobRun, started: Started, encoder: Encoder) -> None:
    run.started, run.output_rate = started, encoder.rate
    run.record.speaker_id, run.record.cache = started.speaker_id, started.cache
    run.record.segments_total = started.segments_total
    run.record.warnings = list(started.warnings)
    run.changed()


def _passes(error: UpstreamError) -> bool:
    """Whether trying again may help: it was busy, away, or broke off; not if it refused for good."""
    return not isinstance(error, UpstreamRefused) or error.status in (503, 504)


def _told(error: BaseException) -> Problem:
    if isinstance(error, Exception) and not isinstance(error, SovitsError):
        logger.error("a job failed unexpectedly", exc_info=error)
    problem = problem_of(error if isinstance(error, Exception) else Exception())
    problem.request_id = logs.request_id.get()
    return problem
