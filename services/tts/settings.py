"""Every setting of the gateway, from the environment or `.env`; checked at start."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from comps.constants import (
    GATEWAY_PORT,
    GPTSOVITS_PORT,
    JOBS_KEPT,
    JOBS_KEPT_HOURS,
    LOOPBACK,
    PROFILE_CACHE_BYTES,
)
from comps.cores.settings.base import ServiceSettings


class GatewaySettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TTS_")

    port: int = Field(
        default=GATEWAY_PORT, ge=0, le=65_535, description="port to listen on; 0 takes a free one"
    )
    gptsovits_url: str = Field(
        default=f"http://{LOOPBACK}:{GPTSOVITS_PORT}",
        pattern=r"^https?://",
        validation_alias=AliasChoices("GPT_SOVITS_URL", "TTS_GPTSOVITS_URL", "TTS_ENDPOINT"),
        description="where the gateway finds the GPT-SoVITS service",
    )
    gptsovits_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("GPT_SOVITS_KEY", "TTS_GPTSOVITS_KEY"),
        description="API key that the gateway shows there",
    )
    audio_path: Path = Field(
        default=Path("audio"),
        validation_alias=AliasChoices("AUDIO_PATH", "TTS_AUDIO_PATH"),
        description="the only folder that requests may name clips in; uploaded voices live in it too",
    )
    output_path: Path = Field(
        default=Path("output"),
        validation_alias=AliasChoices("OUTPUT_PATH", "TTS_OUTPUT_PATH"),
        description="finished audio",
    )
    state_path: Path | None = Field(
        default=None,
        description="profiles, jobs, keys, waiting uploads; `.state` in `OUTPUT_PATH` if not given",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="where jobs are kept: `postgresql://…` (extra `postgres`) or `sqlite:///…`; SQLite in the"
        " state folder if not given",
    )
    default_voice: str | None = Field(
        default=None, description="spoken in when a request names no voice; the first by name if not given"
    )
    max_jobs_running: int = Field(
        default=8, ge=1, description="jobs under way at once that nobody listens to"
    )
    max_jobs_queued: int = Field(default=1_000, ge=1, description="jobs that may wait")
    max_job_attempts: int = Field(
        default=3, ge=1, description="gateways that may be lost over one job before it is given up"
    )
    lease_seconds: float = Field(
        default=10.0,
        ge=0.2,
        description="how long a gateway that says nothing is waited for before others take its jobs over",
    )
    jobs_kept_hours: float = Field(
        default=JOBS_KEPT_HOURS, gt=0, description="how long finished jobs are kept"
    )
    jobs_kept: int = Field(
        default=JOBS_KEPT,
        ge=1,
        description="how many that waited in the queue, and as many that were answered at once",
    )
    profile_cache_bytes: int = Field(
        default=PROFILE_CACHE_BYTES, ge=0, description="speaker profiles kept on disk"
    )

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                make_url(value.get_secret_value())
            except ArgumentError:
                raise ValueError("not the URL of a database, such as postgresql://user@host/name") from None
        return value

    @property
    def state_folder(self) -> Path:
        return self.state_path or self.output_path / ".state"

    @property
    def keys_path(self) -> Path:
        return self.keys_file or self.state_folder / "keys.json"

    @property
    def jobs_database(self) -> str:
        """The URL, with the password that may be in it: not to be logged."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{(self.state_folder / 'jobs.db').absolute()}"


def environment() -> Mapping[str, str]:
    return os.environ
