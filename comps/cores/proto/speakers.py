"""Speaker profiles, as the inference service tells of them."""

from pydantic import Field

from comps.cores.proto.base import Reply


class SpeakerView(Reply):
    """A speaker whose profile is in memory; `seconds` is the length of the clip that was used."""

    speaker_id: str
    model: str
    fingerprint: str
    seconds: float
    prompt_text: str | None
    prompt_language: str | None
    bytes: int


class ProcessReply(Reply):
    """What `/process` made; `profile` is the profile itself, safetensors in base64, if asked for."""

    speaker_id: str
    model: str
    fingerprint: str
    seconds: float
    prompt_text: str | None
    prompt_language: str | None
    warnings: list[str] = Field(default_factory=list)
    cached: bool = False
    profile: str | None = None
