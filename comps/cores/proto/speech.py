"""What a speech request may ask for, under our names and under those of the reference project's `api_v2`."""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from comps.constants import MAX_TEXT_CHARACTERS, MAX_TRANSCRIPT_CHARACTERS
from comps.cores.audio.loudness import MAX_LUFS, MIN_LUFS
from comps.cores.proto.audio import AudioFormat, format_named
from comps.cores.proto.base import Wire

LANGUAGES = ("auto", "en", "zh", "ja", "ko", "yue", "auto_yue", "all_zh", "all_ja", "all_yue", "all_ko")

# The reference project's field → ours.
REFERENCE_NAMES = {
    "text_lang": "language",
    "ref_audio_path": "reference_audio",
    "aux_ref_audio_paths": "aux_reference_audio",
    "prompt_text": "reference_text",
    "prompt_lang": "reference_language",
    "prompt_language": "reference_language",
    "text_split_method": "split",
    "speed_factor": "speed",
    "fragment_interval": "pause_seconds",
    "media_type": "response_format",
    "streaming_mode": "stream",
}
# Accepted, and without a meaning here: batches, buckets and overlaps are the engine's own business.
REFERENCE_IGNORED = frozenset(
    {
        "batch_size",
        "parallel_infer",
        "split_bucket",
        "batch_threshold",
        "overlap_length",
        "min_chunk_length",
        "super_sampling",
    }
)
# Fields of which one is enough to tell a client of the reference API, which expects whole files by default.
REFERENCE_MARKS = REFERENCE_IGNORED | {
    "text_lang",
    "ref_audio_path",
    "prompt_lang",
    "text_split_method",
    "media_type",
}

STREAM_WORDS = {"0": False, "1": True, "2": True, "3": True, "true": True, "false": False, "": False}


def from_reference_names(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with the reference API's fields under our names. Raises `ValueError` where both are given."""
    ours = {name: value for name, value in values.items() if name not in REFERENCE_IGNORED}
    for theirs, own in REFERENCE_NAMES.items():
        if theirs in ours:
            value = ours.pop(theirs)
            if own in ours:
                raise ValueError(f"{theirs} and {own} are the same field: give one of them")
            ours[own] = value
    if REFERENCE_MARKS & values.keys() and "stream" not in ours:
        ours["stream"] = False
    return ours


def _stream_mode(value: object) -> object:
    """The reference API's modes: 0 and false are whole files; 1, 2, 3, true and "true" are streams."""
    if isinstance(value, int | str):
        return STREAM_WORDS.get(str(value).strip().lower(), value)
    return value


def _lowered(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _empty_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _list_of_one(value: object) -> object:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else value


def _from_json(value: object) -> object:
    """Forms and queries carry an object as JSON; what is not JSON is left for the type to refuse."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else {}
    except (ValueError, RecursionError):
        return value


Pronunciations = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=100)],
        Annotated[str, StringConstraints(min_length=1, max_length=200)],
    ],
    BeforeValidator(_from_json),
    Field(
        max_length=1_000, description="word → phonemes (ARPAbet, pinyin, jyutping, kana, …) or a respelling"
    ),
]
Language = Annotated[str, BeforeValidator(_lowered), Field(min_length=1, max_length=32)]
OptionalText = Annotated[str | None, BeforeValidator(_empty_is_none)]


class VoiceFields(Wire):
    """Whose voice, and in what form the audio comes: what all requests for speech have in common."""

    reference_audio: OptionalText = Field(
        None,
        description="path inside the audio folder, or a data: URI; the default voice if nothing is given",
    )
    speaker_id: OptionalText = Field(default=None, max_length=128, description="an id from /process")
    reference_text: OptionalText = Field(
        None, max_length=MAX_TRANSCRIPT_CHARACTERS, description="what the clip says: better prosody"
    )
    reference_language: Language = "auto"
    aux_reference_audio: Annotated[list[str], BeforeValidator(_list_of_one)] = Field(
        default_factory=list, max_length=16, description="more clips of the same speaker; styles are averaged"
    )
    language: Language = Field(default="auto", description=" ".join(LANGUAGES))
    model: OptionalText = Field(default=None, max_length=256)
    response_format: Annotated[AudioFormat, BeforeValidator(format_named)] = AudioFormat.WAV
    stream: Annotated[bool, BeforeValidator(_stream_mode)] = True
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    seed: int | None = Field(
        default=None, ge=0, lt=2**63, description="random if not given, and reported in X-Seed"
    )
    sample_steps: int = Field(default=32, ge=1, le=256)
    loudness: Annotated[float | None, BeforeValidator(_empty_is_none)] = Field(
        default=None, ge=MIN_LUFS, le=MAX_LUFS, description="integrated, in LUFS; as it comes if not given"
    )
    pronunciations: Pronunciations = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _accept_reference_names(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        ours = from_reference_names(values)
        if REFERENCE_MARKS & values.keys():  # that API ignores what it does not know, and so do its clients
            known = cls.model_fields.keys() | {field.alias for field in cls.model_fields.values()}
            ours = {name: value for name, value in ours.items() if name in known}
        return ours

    @field_validator("seed", mode="before")
    @classmethod
    def _negative_seed_is_random(cls, value: Any) -> Any:
        return None if value in (-1, "-1", "") else value


class SpeechFields(VoiceFields):
    """Everything of a speech request but its text."""

    top_k: int = Field(default=15, ge=1, le=2_048)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    temperature: float = Field(default=1.0, gt=0.0, le=5.0)
    repetition_penalty: float = Field(default=1.35, gt=0.0, le=10.0)
    pause_seconds: float = Field(default=0.3, ge=0.0, le=10.0)
    split: Literal["punctuation", "cut0", "cut1", "cut2", "cut3", "cut4", "cut5"] = "punctuation"


class SpeechRequest(SpeechFields):
    """A text, a voice, and how to speak it."""

    text: str = Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)


class ProcessRequest(SpeechFields):
    """A clip to make a speaker profile of; with `text`, also what to say with it at once."""

    text: OptionalText = Field(default=None, max_length=MAX_TEXT_CHARACTERS)
    include_profile: bool = False


class GatewayFields(VoiceFields):
    """What the gateway accepts on top: named voices, and an answer that does not wait for the audio."""

    voice: OptionalText = Field(default=None, max_length=128, description="a name from /voices, or 'default'")
    respond_async: bool = Field(default=False, alias="async")


class GatewaySpeechRequest(GatewayFields, SpeechRequest):
    """A speech request to the gateway."""
