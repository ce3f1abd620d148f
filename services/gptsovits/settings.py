"""Every setting of the GPT-SoVITS service, from the environment or `.env`; checked at start."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from comps.constants import (
    DEADLINE_SECONDS,
    GPTSOVITS_PORT,
    LOOPBACK,
    MAX_BODY_BYTES,
    MAX_CLIP_SECONDS,
    MIN_CLIP_SECONDS,
    PROFILE_CACHE_BYTES,
    QUEUE_CAPACITY,
)


class GptSovitsSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="GPTSOVITS_", env_file=".env", extra="ignore", populate_by_name=True
    )

    host: str = LOOPBACK
    port: int = Field(default=GPTSOVITS_PORT, ge=0, le=65_535)
    model_path: Path = Field(
        default=Path("models/starter"), validation_alias=AliasChoices("MODEL_PATH", "GPTSOVITS_MODEL_PATH")
    )
    audio_path: Path = Field(
        default=Path("audio"), validation_alias=AliasChoices("AUDIO_PATH", "GPTSOVITS_AUDIO_PATH")
    )
    model: str | None = None  # which one, if MODEL_PATH is a folder of several
    # Requests may name any model beside it; the least used are let go when all weights exceed this together.
    max_models_bytes: int | None = Field(default=8 << 30, ge=0)
    # An official pair instead of MODEL_PATH; what models share (encoders, vocoders) lies under assets_path.
    t2s_path: Path | None = None
    decoder_path: Path | None = None
    assets_path: Path | None = None
    device: str = "auto"
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    threads: int | None = Field(default=None, ge=1)
    queue_capacity: int = Field(default=QUEUE_CAPACITY, ge=1)
    max_running: int = Field(default=16, ge=1)
    max_body_bytes: int = Field(default=MAX_BODY_BYTES, ge=1024)
    min_clip_seconds: float = Field(default=MIN_CLIP_SECONDS, gt=0)
    max_clip_seconds: float = Field(default=MAX_CLIP_SECONDS, gt=0)
    speaker_cache_bytes: int = Field(default=PROFILE_CACHE_BYTES, ge=0)
    deadline_seconds: float = Field(default=DEADLINE_SECONDS, gt=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool | None = None
