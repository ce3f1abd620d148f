"""Named reference clips."""

from datetime import datetime

from pydantic import Field

from comps.cores.proto.base import Reply


class VoiceView(Reply):
    """`builtin` voices are clips that lie in the audio folder; only uploaded ones can be deleted."""

    name: str
    seconds: float
    text: str | None = None
    language: str = "auto"
    builtin: bool = False
    created: datetime | None = None
    pronunciations: dict[str, str] = Field(default_factory=dict)
    model: str | None = None
    n_clips: int = 1


class VoiceList(Reply):
    voices: list[VoiceView]
    default: str | None = None
