"""Speech that is watched: when its first audio came, and whether the rest kept up, for `/metrics`."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from comps.cores import exchange
from comps.cores.audio.decoding import ClipLimits
from comps.cores.exchange import stage
from comps.cores.playback import Playback
from comps.cores.proto.frames import FrameWithAudio
from comps.cores.proto.speech import GatewayFields
from services.tts.inference import InferenceClient
from services.tts.jobs.work import Started
from services.tts.metrics import GatewayMetrics
from services.tts.profiles import Entry, ProfileCache
from services.tts.references import Reference
from services.tts.speech import DecodedReference, Speech

BYTES_A_SAMPLE = 2


class WatchedSpeech(Speech):
    """The same, measured."""

    def __init__(
        self,
        inference: InferenceClient,
        profiles: ProfileCache,
        limits: ClipLimits,
        metrics: GatewayMetrics,
    ) -> None:
        super().__init__(inference, profiles, limits)
        self._metrics = metrics

    async def decoded(self, reference: Reference) -> DecodedReference:
        with stage("decode"):
            return await super().decoded(reference)

    async def speak(
        self, request: GatewayFields, reference: DecodedReference | None, *, source: bytes | None = None
    ) -> AsyncGenerator[Started | FrameWithAudio, None]:
        playback, rate = Playback(), 0
        began = asked = time.monotonic()
        is_first = True
        async with aclosing(super().speak(request, reference, source=source)) as events:
            async for event in events:
                now = time.monotonic()
                if isinstance(event, Started):
                    rate = event.sample_rate
                elif event.audio and rate:
                    if is_first:
                        is_first = False
                        self._metrics.first_audio.observe(now - began)
                        _note("first_audio", now - began)
                    seconds = len(event.audio) / BYTES_A_SAMPLE / rate
                    if playback.arrived(seconds, waited=now - asked):
                        self._metrics.underruns.inc()
                yield event
                asked = time.monotonic()

    async def _speaker(
        self, request: GatewayFields, reference: DecodedReference | None
    ) -> tuple[Entry, bool]:
        with stage("profile"):
            return await super()._speaker(request, reference)


def _note(name: str, seconds: float) -> None:
    if (here := exchange.current.get()) is not None:
        here.note(name, seconds)
