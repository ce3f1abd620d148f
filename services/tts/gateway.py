"""The gateway's parts, put together once and passed down."""

import asyncio
import logging
import time
from dataclasses import dataclass

import httpx
from prometheus_client import CollectorRegistry

from comps.constants import MIB
from comps.cores.audio.decoding import ClipLimits
from comps.cores.audio.encoding import encoder_for
from comps.cores.audio.references import AudioRoot
from comps.cores.errors import UnsupportedLanguage
from comps.cores.proto.speech import LANGUAGES, GatewaySpeechRequest
from comps.cores.web.bodies import Uploads as Uploaded
from services.tts.inference import InferenceClient
from services.tts.jobs.database import DatabaseJobStore
from services.tts.jobs.run import JobRun, Plan
from services.tts.jobs.runner import Runner
from services.tts.jobs.store import JobStore
from services.tts.jobs.uploads import Uploads
from services.tts.metrics import GatewayMetrics
from services.tts.profiles import ProfileCache
from services.tts.references import References
from services.tts.settings import GatewaySettings
from services.tts.speech import Speech
from services.tts.subtitles import Subtitles
from services.tts.voices import Voices

logger = logging.getLogger(__name__)

PRUNE_EVERY_SECONDS = 60.0
MAX_CONNECTIONS = 1_000
CHECK_RATE = 24_000


@dataclass
class Gateway:
    settings: GatewaySettings
    inference: InferenceClient
    profiles: ProfileCache
    voices: Voices
    references: References
    speech: Speech
    store: JobStore
    runner: Runner
    subtitles: Subtitles

    async def start_job(
        self, request: GatewaySpeechRequest, uploaded: Uploaded, *, pcm_rate: int | None = None
    ) -> JobRun:
        """Check everything that can be checked now, then begin. Raises what is wrong with the request."""
        if request.language not in LANGUAGES:
            raise UnsupportedLanguage(request.language, LANGUAGES)
        encoder_for(request.response_format, CHECK_RATE)  # an impossible format is refused before any work
        reference = await asyncio.to_thread(
            self.references.resolve,
            request,
            clip=uploaded.one("reference_audio", "audio"),
            aux=uploaded.many("aux_reference_audio", "aux_audio"),
        )
        decoded = await self.speech.decoded(reference) if reference else None
        return await self.runner.start(Plan(request, decoded, pcm_rate), respond_async=request.respond_async)

    async def open(self) -> None:
        self.settings.output_path.mkdir(parents=True, exist_ok=True)
        self.settings.state_folder.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(self.profiles.open)
        await self.store.open()
        await self.runner.resume()

    async def close(self) -> None:
        await self.runner.stop()
        await self.store.close()

    async def prune_for_ever(self) -> None:
        while True:
            try:
                await self.prune()
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


def build_gateway(
    settings: GatewaySettings, client: httpx.AsyncClient, registry: CollectorRegistry
) -> Gateway:
    limits = ClipLimits(settings.min_clip_seconds, settings.max_clip_seconds)
    inference = InferenceClient(client, deadline_seconds=settings.deadline_seconds)
    profiles = ProfileCache(settings.state_folder / "profiles", settings.profile_cache_bytes)
    voices = Voices(settings.audio_path, limits, default=settings.default_voice)
    speech = Speech(inference, profiles, limits)
    store = DatabaseJobStore(settings.jobs_database)
    subtitles = Subtitles(settings.state_folder / "subtitles")
    metrics = GatewayMetrics(registry)
    runner = Runner(
        speech,
        store,
        Uploads(settings.state_folder / "uploads"),
        subtitles,
        output_path=settings.output_path,
        max_running=settings.max_jobs_running,
        max_queued=settings.max_jobs_queued,
        deadline_seconds=settings.deadline_seconds,
        on_finished=metrics.finished,
    )
    metrics.watch(profiles, runner)
    references = References(AudioRoot(settings.audio_path, max(settings.max_body_bytes, MIB)), voices)
    return Gateway(settings, inference, profiles, voices, references, speech, store, runner, subtitles)
