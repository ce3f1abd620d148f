"""The gateway's parts, put together once and passed down."""

import asyncio
import itertools
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx
from prometheus_client import CollectorRegistry

from comps.constants import MIB
from comps.cores.audio.decoding import ClipLimits
from comps.cores.audio.encoding import encoder_for
from comps.cores.audio.references import AudioRoot
from comps.cores.audio.remote import RemoteClips
from comps.cores.errors import JobStoreUnavailable, SovitsError, UnsupportedLanguage
from comps.cores.proto.speech import LANGUAGES, GatewayFields, GatewaySpeechRequest
from comps.cores.proto.transfer import GatewayTransferRequest
from comps.cores.web.bodies import Uploads as Uploaded
from services.tts.inference import InferenceClient
from services.tts.jobs.connection import Database
from services.tts.jobs.files import files_of_jobs
from services.tts.jobs.follow import FollowedJob
from services.tts.jobs.keys import IdempotencyKey, check_same
from services.tts.jobs.membership import Membership
from services.tts.jobs.record import JobRecord
from services.tts.jobs.run import JobRun
from services.tts.jobs.runner import Runner
from services.tts.jobs.store import JobStore
from services.tts.jobs.uploads import Uploads
from services.tts.jobs.work import Work
from services.tts.metrics import GatewayMetrics
from services.tts.profiles import ProfileCache
from services.tts.quotas import Quotas
from services.tts.references import References
from services.tts.settings import GatewaySettings
from services.tts.speech_work import KIND as SPEECH
from services.tts.speech_work import SpeechWorks
from services.tts.subtitles import Subtitles
from services.tts.transfer_work import KIND as TRANSFER
from services.tts.transfer_work import TransferWorks
from services.tts.voices import Voices
from services.tts.watching import WatchedSpeech

logger = logging.getLogger(__name__)

PRUNE_EVERY_SECONDS = 60.0
SWEEP_EVERY_PRUNES = 60
# Files that a job leaves when its gateway is lost are swept only when no job can still be at them.
SWEPT_AFTER_SECONDS = 3_600.0
MAX_CONNECTIONS = 1_000
CHECK_RATE = 24_000


@dataclass
class Gateway:
    settings: GatewaySettings
    inference: InferenceClient
    profiles: ProfileCache
    voices: Voices
    references: References
    works: SpeechWorks
    transfers: TransferWorks
    database: Database
    store: JobStore
    runner: Runner
    uploads: Uploads
    subtitles: Subtitles
    quotas: Quotas
    metrics: GatewayMetrics

    async def start_job(
        self,
        request: GatewaySpeechRequest,
        uploaded: Uploaded,
        *,
        pcm_rate: int | None = None,
        key: IdempotencyKey | None = None,
    ) -> JobRun | FollowedJob:
        """Check everything that can be checked now, then begin. Raises what is wrong with the request."""
        if key is not None and (earlier := await self.earlier(key)):
            return earlier
        _check(request)
        reference = await asyncio.to_thread(
            self.references.resolve,
            request,
            clip=uploaded.one("reference_audio", "audio"),
            aux=uploaded.many("aux_reference_audio", "aux_audio"),
        )
        work = await self.works.new(request, reference, pcm_rate=pcm_rate)
        async with self.quotas.charged(request.text):
            return await self.begin(work, respond_async=request.respond_async, key=key)

    async def start_transfer(
        self, request: GatewayTransferRequest, uploaded: Uploaded, *, key: IdempotencyKey | None = None
    ) -> JobRun | FollowedJob:
        """The same for a voice transfer."""
        if key is not None and (earlier := await self.earlier(key)):
            return earlier
        _check(request)
        source = await asyncio.to_thread(
            self.references.source, request, uploaded.one("source", "source_audio")
        )
        reference = await asyncio.to_thread(
            self.references.resolve,
            request,
            clip=uploaded.one("reference", "reference_audio"),
            aux=uploaded.many("aux_reference_audio", "aux_audio"),
        )
        work = await self.transfers.new(request, source, reference)
        async with self.quotas.charged(request.text):
            return await self.begin(work, respond_async=request.respond_async, key=key)

    async def begin(
        self, work: Work, *, respond_async: bool, key: IdempotencyKey | None = None
    ) -> JobRun | FollowedJob:
        """A job of any kind, under way or in the queue; or the job that has the same key already.

        Raises `EngineBusy`, or `IdempotencyKeyReused` if that job is of another request.
        """
        while True:
            if respond_async:
                if (record := await self.runner.accept(work, key)) is not None:
                    return self._followed(record, is_replay=False)
            elif (run := await self.runner.begin(work, key)) is not None:
                return run
            assert key is not None
            if (earlier := await self.earlier(key)) is not None:
                return earlier

    async def earlier(self, key: IdempotencyKey) -> FollowedJob | None:
        """The job that has the key. Raises `IdempotencyKeyReused` if it is of another request."""
        record = await self.store.with_key(key.key)
        if record is None:
            return None
        check_same(record, key)
        return self._followed(record, is_replay=True)

    def _followed(self, record: JobRecord, *, is_replay: bool) -> FollowedJob:
        return FollowedJob(
            record,
            lambda: self.runner.look(record.id),
            self.settings.output_path,
            is_replay=is_replay,
        )

    async def forget_profiles(self, clips: Sequence[bytes]) -> None:
        """Forget every profile made of one of these clips, here and at the inference service."""
        for speaker_id in await asyncio.to_thread(self.profiles.forget_sources, clips):
            try:
                await self.inference.forget(speaker_id)
            except SovitsError as error:  # it forgets by itself when it restarts, or needs the room
                logger.warning("the inference service did not forget a speaker: %s", error)

    async def open(self) -> None:
        self.settings.output_path.mkdir(parents=True, exist_ok=True)
        self.settings.state_folder.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(self.profiles.open)
        await self.database.open()
        await self.runner.open()

    async def close(self) -> None:
        await self.runner.stop()
        await self.database.close()

    async def count_queue(self) -> None:
        """Bring the figure of waiting jobs up to date; it keeps its value while nobody can count."""
        with suppress(JobStoreUnavailable):
            self.metrics.queued.set(await self.store.n_queued())

    async def prune_for_ever(self) -> None:
        for n in itertools.count():
            try:
                await self.prune()
                if n % SWEEP_EVERY_PRUNES == 0:
                    await self.sweep()
            except JobStoreUnavailable:
                pass  # it has been logged, and there is a next time
            except Exception:
                logger.exception("old jobs could not be removed")
            await asyncio.sleep(PRUNE_EVERY_SECONDS)

    async def prune(self) -> None:
        """Forget finished jobs that are too old or too many, and their files."""
        removed = await self.store.prune(
            older_than=time.time() - self.settings.jobs_kept_hours * 3_600, keep=self.settings.jobs_kept
        )
        for record in removed:
            if record.file:
                (self.settings.output_path / record.file).unlink(missing_ok=True)
                self.subtitles.forget(record.id)

    async def sweep(self) -> None:
        """Remove what jobs left behind that nobody remembers: their gateway was killed, or the database lost.

        Only files that are called like a job, and not before a job of that age would go itself. What a file
        looks old by may be a clock that was set: what unfinished jobs write stays.
        """
        kept = max(self.settings.jobs_kept_hours * 3_600, SWEPT_AFTER_SECONDS, self.settings.deadline_seconds)
        before = time.time() - kept
        for folder in (self.settings.output_path, self.uploads.folder, self.subtitles.folder):
            found = await asyncio.to_thread(files_of_jobs, folder, older_than=before)
            known = await self.store.known({job_id for job_id, _ in found})
            for job_id, path in found:
                state = known.get(job_id)
                if state is None or (state.is_final and path.name.endswith(".part")):
                    path.unlink(missing_ok=True)


def _check(request: GatewayFields) -> None:
    if request.language not in LANGUAGES:
        raise UnsupportedLanguage(request.language, LANGUAGES)
    encoder_for(request.response_format, CHECK_RATE)  # an impossible format is refused before any work


def build_gateway(
    settings: GatewaySettings, client: httpx.AsyncClient, registry: CollectorRegistry
) -> Gateway:
    limits = ClipLimits(settings.min_clip_seconds, settings.max_clip_seconds)
    inference = InferenceClient(client, deadline_seconds=settings.deadline_seconds)
    profiles = ProfileCache(settings.state_folder / "profiles", settings.profile_cache_bytes)
    voices = Voices(settings.audio_path, limits, default=settings.default_voice)
    metrics = GatewayMetrics(registry)
    speech = WatchedSpeech(inference, profiles, limits, metrics)
    works, transfers = SpeechWorks(speech), TransferWorks(speech)
    database = Database(settings.jobs_database)
    store = JobStore(database)
    uploads = Uploads(settings.state_folder / "uploads")
    subtitles = Subtitles(settings.state_folder / "subtitles")
    runner = Runner(
        store,
        Membership(database, lease_seconds=settings.lease_seconds),
        uploads,
        subtitles,
        {SPEECH: works.restore, TRANSFER: transfers.restore},
        output_path=settings.output_path,
        max_running=settings.max_jobs_running,
        max_queued=settings.max_jobs_queued,
        max_attempts=settings.max_job_attempts,
        deadline_seconds=settings.deadline_seconds,
        on_finished=metrics.finished,
    )
    metrics.watch(profiles, runner)
    max_bytes = max(settings.max_body_bytes, MIB)
    remote = RemoteClips(settings.reference_hosts, max_bytes, settings.reference_seconds)
    references = References(AudioRoot(settings.audio_path, max_bytes, remote), voices)
    return Gateway(
        settings,
        inference,
        profiles,
        voices,
        references,
        works,
        transfers,
        database,
        store,
        runner,
        uploads,
        subtitles,
        Quotas(database, registry),
        metrics,
    )
