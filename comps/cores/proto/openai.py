"""OpenAI's speech API, as its clients speak it. Unknown fields are let pass: clients send many."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from comps.cores.proto.audio import AudioFormat, format_named
from comps.cores.proto.base import Reply
from comps.cores.proto.speech import GatewaySpeechRequest

PCM_RATE = 24_000  # what OpenAI's clients assume of `pcm`, which has no header to say so


def _voice_name(value: Any) -> Any:
    """OpenAI's custom voices are objects with an id; OPEA sends null for whoever is there."""
    return (value.get("id") if isinstance(value, dict) else value) or "default"


class OpenAISpeechRequest(BaseModel):
    model_config = ConfigDict(extra="ignore")

    input: str = Field(min_length=1, max_length=20_000)
    model: str = ""
    voice: Annotated[str, BeforeValidator(_voice_name)] = "default"
    instructions: str | None = None
    response_format: Annotated[AudioFormat, BeforeValidator(format_named)] = AudioFormat.MP3
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    stream_format: Literal["audio", "sse"] = "audio"
    stream: bool = True
    language: str = "auto"
    seed: int | None = None
    reference_audio: str | None = None
    reference_text: str | None = None
    loudness: float | None = None

    def to_gateway(self) -> GatewaySpeechRequest:
        """The same wish in the gateway's own words. The model's name is the client's (`tts-1`), not ours."""
        return GatewaySpeechRequest.model_validate(
            {
                "text": self.input,
                "voice": None if self.reference_audio else self.voice,
                "response_format": self.response_format,
                "speed": self.speed,
                "stream": self.stream,
                "language": self.language,
                "seed": self.seed,
                "reference_audio": self.reference_audio,
                "reference_text": self.reference_text,
                "loudness": self.loudness,
            }
        )


class OpenAIError(Reply):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIErrorReply(Reply):
    error: OpenAIError


class OpenAIModel(Reply):
    id: str
    object: str = "model"
    created: int
    owned_by: str = "sovits-serve"


class OpenAIModelList(Reply):
    object: str = "list"
    data: list[OpenAIModel]


class OpenAIVoice(Reply):
    id: str
    name: str


class OpenAIVoiceList(Reply):
    voices: list[OpenAIVoice]


class OpenAIAudioModelList(Reply):
    models: list[OpenAIVoice]
