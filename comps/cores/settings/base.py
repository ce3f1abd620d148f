"""The settings that both services have. Each service adds its own, and the prefix of its variables."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from comps.constants import (
    DEADLINE_SECONDS,
    LOOPBACK,
    MAX_BODY_BYTES,
    MAX_CLIP_SECONDS,
    MIB,
    MIN_CLIP_SECONDS,
)


def _separated(value: Any) -> Any:
    """`a, b` or `a b` as a tuple; an empty string is none at all."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


# Lists in variables are separated by commas or spaces: nobody wants to write JSON in a shell.
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated)]


class ServiceSettings(BaseSettings):
    """Read from the environment, then from `.env`; a value that cannot be is a `ValidationError`."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True)

    host: str = Field(default=LOOPBACK, min_length=1, description="address to listen on")
    port: int = Field(default=0, ge=0, le=65_535, description="port to listen on; 0 takes a free one")

    api_keys: SecretStr | None = Field(
        default=None, description="hashed API keys as JSON, as `keys list --json` prints them"
    )
    keys_file: Path | None = Field(default=None, description="file of hashed API keys, written by `keys add`")
    allow_anonymous: bool = Field(
        default=False, description="serve without API keys although the address is not loopback"
    )
    allowed_hosts: Names = Field(
        default=(),
        description="names that requests may address (`Host`); any if empty, but on loopback without keys"
        " only loopback's own",
    )
    cors_origins: Names = Field(
        default=(),
        description="origins whose pages may call, such as `https://app.example.org`; `*` for any",
    )
    reference_hosts: Names = Field(
        default=(),
        description="hosts that reference clips may be fetched from: `cdn.example.org`, `.example.org`",
    )
    reference_seconds: float = Field(
        default=15.0, gt=0, le=300, description="time that fetching one reference clip may take"
    )

    max_body_bytes: int = Field(default=MAX_BODY_BYTES, ge=1024, description="largest request body")
    max_bodies_bytes: int = Field(
        default=512 * MIB, ge=1024, description="request bodies held at once, of all requests together"
    )
    max_body_seconds: float = Field(
        default=120.0, gt=0, description="time within which a body must have arrived"
    )
    max_header_seconds: float = Field(
        default=20.0, gt=0, description="time within which a connection must have asked for something"
    )
    min_clip_seconds: float = Field(default=MIN_CLIP_SECONDS, gt=0, description="shortest reference clip")
    max_clip_seconds: float = Field(default=MAX_CLIP_SECONDS, gt=0, description="longest reference clip")
    deadline_seconds: float = Field(
        default=DEADLINE_SECONDS, gt=0, description="time that one request may take in all"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="least important events that are logged"
    )
    log_json: bool | None = Field(
        default=None, description="log as JSON; if not given, unless the log goes to a terminal"
    )
    otel_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OpenTelemetry collector (OTLP over HTTP) that spans are sent to; needs the extra `otel`",
    )

    @model_validator(mode="after")
    def _limits_agree(self) -> "ServiceSettings":
        prefix = self.model_config.get("env_prefix", "")
        if self.min_clip_seconds > self.max_clip_seconds:
            raise ValueError(
                f"{prefix}MIN_CLIP_SECONDS is larger than {prefix}MAX_CLIP_SECONDS: no clip could be accepted"
            )
        if self.max_bodies_bytes < self.max_body_bytes:
            raise ValueError(
                f"{prefix}MAX_BODIES_BYTES is less than {prefix}MAX_BODY_BYTES: a full body could not be held"
            )
        return self

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:  # another name: it may resolve to anything
            return False
