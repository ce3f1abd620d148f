"""A voice transfer as the work of a job."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from comps.cores.proto.frames import FrameWithAudio
from comps.cores.proto.transfer import GatewayTransferRequest
from services.tts.jobs.work import Started
from services.tts.references import Reference
from services.tts.speech import Speech
from services.tts.speech_work import SpeechWork, frames_choir, with_model_of

KIND = "transfer"


@dataclass(frozen=True)
class TransferWork(SpeechWork):
    """Whose voice shall speak the recording `source` again. It is kept with the clips, before them."""

    source: bytes = b""

    @property
    def kind(self) -> str:
        return KIND

    def kept(self) -> dict[str, Any]:
        kept = super().kept()
        kept["request"]["source_audio"] = None  # it is kept as a clip, whatever way it came
        return kept

    def clips(self) -> Sequence[bytes]:
        return (self.source, *super().clips())

    def _alone(self) -> AsyncGenerator[Started | FrameWithAudio, None]:
        return self.speech.speak(self.request, self.reference, source=self.source)


class TransferWorks:
    """Makes works of requests, now or after a restart."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._choir = frames_choir()

    async def new(
        self, request: GatewayTransferRequest, source: bytes, reference: Reference | None
    ) -> TransferWork:
        """Raises `InvalidAudio` and its kinds. A model that the request names wins over the voice's."""
        await self._speech.check(source)
        decoded = await self._speech.decoded(reference) if reference else None
        request = with_model_of(reference, request)
        return TransferWork(request, decoded, self._speech, self._choir, source=source)

    async def restore(self, kept: dict[str, Any], clips: Sequence[bytes]) -> TransferWork:
        """Raises `SovitsError` or `ValueError` for what can no longer be done."""
        request = GatewayTransferRequest.model_validate(kept["request"])
        source, *voice = clips
        reference = Reference(voice[0], tuple(voice[1:]), **kept["reference"]) if voice else None
        return await self.new(request, source, reference)
