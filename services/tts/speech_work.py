"""A speech request as the work of a job."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from comps.cores.audio.encoding import Encoder, PcmEncoder, encoder_for, levelled, resampled
from comps.cores.audio.formats import AudioFormat
from comps.cores.proto.frames import FrameWithAudio
from comps.cores.proto.speech import GatewayFields, GatewaySpeechRequest
from services.tts.choir import Choir
from services.tts.jobs.work import Started
from services.tts.references import Reference
from services.tts.speech import DecodedReference, Speech, passed_on

KIND = "speech"

Request = TypeVar("Request", bound=GatewayFields)


@dataclass(frozen=True)
class SpeechWork:
    """What to say, in whose voice. `pcm_rate` resamples bare samples to a fixed rate.

    Two works at once that must sound the same, because their seed is given, are said once.
    """

    request: GatewayFields
    reference: DecodedReference | None
    speech: Speech
    choir: Choir[Started | FrameWithAudio]
    pcm_rate: int | None = None

    @property
    def kind(self) -> str:
        return KIND

    @property
    def response_format(self) -> AudioFormat:
        return self.request.response_format

    def kept(self) -> dict[str, Any]:
        return {
            "request": self.request.model_dump(mode="json", by_alias=True),
            "reference": self.reference.reference.facts if self.reference else None,
            "pcm_rate": self.pcm_rate,
        }

    def clips(self) -> Sequence[bytes]:
        if self.reference is None:
            return ()
        return (self.reference.reference.clip, *self.reference.reference.aux)

    def encoder(self, rate: int) -> Encoder:
        request = self.request
        if self.pcm_rate and request.response_format is AudioFormat.PCM:
            encoder = resampled(rate, PcmEncoder(self.pcm_rate))
        else:
            encoder = encoder_for(request.response_format, rate)
        streams = request.stream and not request.respond_async
        return levelled(rate, encoder, request.loudness, streams=streams)

    async def frames(self) -> AsyncGenerator[Started | FrameWithAudio, None]:
        alone = self._alone()
        if self.request.seed is None:
            said = alone
        else:
            said = self.choir.join(await asyncio.to_thread(self._key), lambda: alone)
        try:
            async for each in said:
                yield each
        finally:
            await said.aclose()

    def _alone(self) -> AsyncGenerator[Started | FrameWithAudio, None]:
        return self.speech.speak(self.request, self.reference)

    def _key(self) -> str:
        """Of everything that the sound depends on."""
        facts: Mapping[str, Any] = {
            "kind": self.kind,
            "request": {**passed_on(self.request), "speaker_id": self.request.speaker_id},
            "reference": self.reference.reference.facts if self.reference else None,
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for clip in self.clips():
            digest.update(hashlib.sha256(clip).digest())
        return digest.hexdigest()


class SpeechWorks:
    """Makes works of requests, now or after a restart."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._choir = frames_choir()

    async def new(
        self, request: GatewaySpeechRequest, reference: Reference | None, *, pcm_rate: int | None = None
    ) -> SpeechWork:
        """Raises `InvalidAudio` and its kinds. A model that the request names wins over the voice's."""
        decoded = await self._speech.decoded(reference) if reference else None
        request = with_model_of(reference, request)
        return SpeechWork(request, decoded, self._speech, self._choir, pcm_rate)

    async def restore(self, kept: dict[str, Any], clips: Sequence[bytes]) -> SpeechWork:
        """Raises `SovitsError` or `ValueError` for what can no longer be done."""
        request = GatewaySpeechRequest.model_validate(kept["request"])
        reference = Reference(clips[0], tuple(clips[1:]), **kept["reference"]) if clips else None
        return await self.new(request, reference, pcm_rate=kept["pcm_rate"])


def with_model_of(reference: Reference | None, request: Request) -> Request:
    """The request with the model of the voice, if it names none itself."""
    if reference and reference.model and request.model is None:
        return request.model_copy(update={"model": reference.model})
    return request


def frames_choir() -> Choir[Started | FrameWithAudio]:
    return Choir(size=_size)


def _size(event: Started | FrameWithAudio) -> int:
    return len(event.audio) if isinstance(event, FrameWithAudio) else 0
