"""Which clip a request means: an upload, a path, a named voice or the default one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from comps.cores.audio.clips import transcript_beside
from comps.cores.audio.references import AudioRoot
from comps.cores.errors import InvalidOption
from comps.cores.proto.speech import GatewayFields
from comps.cores.proto.transfer import GatewayTransferRequest
from services.tts.voices import NamedVoice, Voices


@dataclass(frozen=True)
class Reference:
    """Clips of one speaker, what the first of them says, how this speaker says certain words, and the model
    that was trained to sound like them, if there is one."""

    clip: bytes
    aux: tuple[bytes, ...] = ()
    text: str | None = None
    language: str = "auto"
    pronunciations: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """Everything but the clips; `Reference(clip, aux, **facts)` is the same again."""
        return {
            "text": self.text,
            "language": self.language,
            "pronunciations": dict(self.pronunciations),
            "model": self.model,
        }


class References:
    def __init__(self, audio_root: AudioRoot, voices: Voices) -> None:
        self._audio_root = audio_root
        self._voices = voices

    def resolve(
        self, request: GatewayFields, *, clip: bytes | None = None, aux: Sequence[bytes] = ()
    ) -> Reference | None:
        """The clips for `request`; None if it names a speaker id. Reads files: not in the event loop."""
        ways = [
            name
            for name, given in (
                ("an upload", clip is not None),
                ("reference_audio", request.reference_audio),
                ("voice", request.voice),
                ("speaker_id", request.speaker_id),
            )
            if given
        ]
        if len(ways) > 1:
            raise InvalidOption(f"who shall speak is said more than once: by {' and '.join(ways)}")
        more = (*aux, *(self._audio_root.read(name) for name in request.aux_reference_audio))
        if request.speaker_id:
            return None
        if clip is not None:
            return Reference(clip, more, request.reference_text, request.reference_language)
        if request.reference_audio:
            return self._from_path(request, request.reference_audio, more)
        voice = self._voices.get(request.voice) if request.voice else self._voices.default()
        return self._from_voice(request, voice, more)

    def source(self, request: GatewayTransferRequest, upload: bytes | None) -> bytes:
        """The recording that is to be spoken again. Reads files: not in the event loop."""
        if upload is not None and request.source_audio:
            raise InvalidOption("give the source as an upload or as source_audio, not both")
        if upload is not None:
            return upload
        if not request.source_audio:
            raise InvalidOption("what shall be spoken again? give an upload `source`, or source_audio")
        return self._audio_root.read(request.source_audio)

    def read(self, name: str) -> bytes:
        """The bytes of a path inside the audio folder or of a data: URI."""
        return self._audio_root.read(name)

    def _from_path(self, request: GatewayFields, name: str, aux: tuple[bytes, ...]) -> Reference:
        data = self._audio_root.read(name)
        text = request.reference_text
        if text is None and not name.startswith("data:"):
            text = transcript_beside(self._audio_root.locate(name))
        return Reference(data, aux, text, request.reference_language)

    def _from_voice(self, request: GatewayFields, voice: NamedVoice, aux: tuple[bytes, ...]) -> Reference:
        first, *more = (path.read_bytes() for path in voice.clips)
        language = voice.language if request.reference_language == "auto" else request.reference_language
        text = request.reference_text or voice.text
        return Reference(first, (*more, *aux), text, language, voice.pronunciations, voice.model)
