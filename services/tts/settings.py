"""Every setting of the gateway, from the environment or `.env`; checked at start."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from comps.constants import (
    DEADLINE_SECONDS,
    GATEWAY_PORT,
    GPTSOVITS_PORT,
    JOBS_KEPT,
    JOBS_KEPT_HOURS,
    LOOPBACK,
    MAX_BODY_BYTES,
    MAX_CLIP_SECONDS,
    MIN_CLIP_SECONDS,
    PROFILE_CACHE_BYTES,
)


class GatewaySettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="TTS_", env_file=".env", extra="ignore", populate_by_name=True
    )

    host: str = LOOPBACK
    port: int = Field(default=GATEWAY_PORT, ge=0, le=65_535)
    gptsovits_url: str = Field(
        default=f"http://{LOOPBACK}:{GPTSOVITS_PORT}",
        pattern=r"^https?://",
        validation_alias=AliasChoices("GPT_SOVITS_URL", "TTS_GPTSOVITS_URL", "TTS_ENDPOINT"),
    )
    audio_path: Path = Field(
        default=Path("audio"), validation_alias=AliasChoices("AUDIO_PATH", "TTS_AUDIO_PATH")
    )
    output_path: Path = Field(
        default=Path("output"), validation_alias=AliasChoices("OUTPUT_PATH", "TTS_OUTPUT_PATH")
    )
    state_path: Path | None = None  # profiles, jobs and waiting uploads; OUTPUT_PATH/.state if not given
    database_url: str | None = None  # SQLite in the state folder if not given
    default_voice: str | None = None  # the first voice by name if not given
    max_jobs_running: int = Field(default=8, ge=1)
    max_jobs_queued: int = Field(default=1_000, ge=1)
    jobs_kept_hours: float = Field(default=JOBS_KEPT_HOURS, gt=0)
    jobs_kept: int = Field(default=JOBS_KEPT, ge=1)
    profile_cache_bytes: int = Field(default=PROFILE_CACHE_BYTES, ge=0)
    max_body_bytes: int = Field(default=MAX_BODY_BYTES, ge=1024)
    min_clip_seconds: float = Field(default=MIN_CLIP_SECONDS, gt=0)
    max_clip_seconds: float = Field(default=MAX_CLIP_SECONDS, gt=0)
    deadline_seconds: float = Field(default=DEADLINE_SECONDS, gt=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool | None = None

    @property
    def state_folder(self) -> Path:
        return self.state_path or self.output_path / ".state"

    @property
    def jobs_database(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{(self.state_folder / 'jobs.db').absolute()}"
