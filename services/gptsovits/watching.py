"""An engine that is watched: what requests took, and how they failed, for metrics and `Server-Timing`."""

import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from comps.cores import exchange
from comps.cores.audio.waveform import Waveform
from comps.cores.errors import SovitsError
from comps.cores.exchange import stage
from comps.cores.playback import Playback
from comps.gptsovits.engine.request import AudioChunk, ProfileResult, SpeechRequest, TransferRequest
from comps.gptsovits.engine.stats import EngineStats
from services.gptsovits.ports import SpeechEngine, SpeechHandle

T = TypeVar("T")

FIRST_AUDIO_BUCKETS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2, 4, 8, 16, 60)
TOTAL_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 300)


class SpeechMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.first_audio = Histogram(
            "gptsovits_first_audio_seconds",
            "From a request being accepted to its first audio",
            buckets=FIRST_AUDIO_BUCKETS,
            registry=registry,
        )
        self.total = Histogram(
            "gptsovits_speech_seconds",
            "From a request being accepted to its last audio",
            buckets=TOTAL_BUCKETS,
            registry=registry,
        )
        self.profile = Histogram(
            "gptsovits_profile_seconds",
            "Making a speaker profile",
            buckets=TOTAL_BUCKETS,
            registry=registry,
        )
        self.underruns = Counter(
            "gptsovits_underruns_total",
            "Chunks made after the audio before them would have been played",
            registry=registry,
        )
        self.failures = Counter(
            "gptsovits_failures_total",
            "Requests that ended in an error, by its code",
            ["code"],
            registry=registry,
        )


class WatchedEngine:
    """`engine`, measured. Nothing else about it is different."""

    def __init__(self, engine: SpeechEngine, metrics: SpeechMetrics) -> None:
        self._engine, self._metrics = engine, metrics

    def start(self) -> None:
        self._engine.start()

    def stop(self) -> None:
        self._engine.stop()

    async def profile(
        self,
        reference: Waveform,
        *,
        text: str | None = None,
        language: str = "auto",
        aux: Sequence[Waveform] = (),
        model: str | None = None,
    ) -> ProfileResult:
        with stage("profile"), self._metrics.profile.time():
            return await self._counted(
                self._engine.profile(reference, text=text, language=language, aux=aux, model=model)
            )

    async def submit(self, request: SpeechRequest) -> SpeechHandle:
        return await self._accepted(self._engine.submit(request))

    async def transfer(self, request: TransferRequest) -> SpeechHandle:
        return await self._accepted(self._engine.transfer(request))

    def stats(self) -> EngineStats:
        return self._engine.stats()

    async def _accepted(self, accepting: Awaitable[SpeechHandle]) -> SpeechHandle:
        began = time.monotonic()
        with stage("text"):
            handle = await self._counted(accepting)
        return WatchedHandle(handle, self._metrics, began)

    async def _counted(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except SovitsError as error:
            self._metrics.failures.labels(error.code).inc()
            raise


class WatchedHandle:
    def __init__(self, handle: SpeechHandle, metrics: SpeechMetrics, began: float) -> None:
        self._handle, self._metrics, self._began = handle, metrics, began

    @property
    def seed(self) -> int:
        return self._handle.seed

    @property
    def sample_rate(self) -> int:
        return self._handle.sample_rate

    @property
    def segments_total(self) -> int:
        return self._handle.segments_total

    @property
    def segment_texts(self) -> Sequence[str]:
        return self._handle.segment_texts

    @property
    def warnings(self) -> Sequence[str]:
        return self._handle.warnings

    def cancel(self) -> None:
        self._handle.cancel()

    async def __aiter__(self) -> AsyncIterator[AudioChunk]:
        playback = Playback()
        asked = time.monotonic()
        first_at = 0.0
        try:
            async for chunk in self._handle:
                now = time.monotonic()
                if not first_at:
                    first_at = now
                    self._metrics.first_audio.observe(now - self._began)
                    _note("first_audio", now - asked)
                if playback.arrived(len(chunk.samples) / self.sample_rate, waited=now - asked):
                    self._metrics.underruns.inc()
                yield chunk
                asked = time.monotonic()
            self._metrics.total.observe(asked - self._began)
            _note("audio", asked - first_at if first_at else 0.0)
        except SovitsError as error:
            self._metrics.failures.labels(error.code).inc()
            raise


def _note(name: str, seconds: float) -> None:
    if (here := exchange.current.get()) is not None:
        here.note(name, seconds)
