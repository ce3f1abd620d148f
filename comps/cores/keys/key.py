"""An API key: a secret that its owner has, and all that is kept of it here."""

import hashlib
import secrets
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

PREFIX = "svs_"  # so that scanners for leaked secrets, and people, know what it is
ENTROPY_BYTES = 32


class Scope(StrEnum):
    """What a key is for. Each contains those before it."""

    READ = "read"  # look at jobs, voices, models and metrics
    SPEAK = "speak"  # make audio
    ADMIN = "admin"  # change what all share

    def contains(self, other: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


class ApiKey(BaseModel):
    """A key as it is stored: by name, with the digest of the secret instead of the secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[Scope, ...] = Field(default=(Scope.SPEAK,), min_length=1)
    characters_a_day: int | None = Field(default=None, ge=1)
    requests_a_minute: int | None = Field(default=None, ge=1)
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))
    expires: datetime | None = None
    revoked: datetime | None = None

    def allows(self, scope: Scope) -> bool:
        return any(own.contains(scope) for own in self.scopes)

    def is_valid(self, now: datetime) -> bool:
        return self.revoked is None and (self.expires is None or now < self.expires)


ApiKeys = TypeAdapter(tuple[ApiKey, ...])


def digest(secret: str) -> str:
    """What is stored of a secret.

    One round of SHA-256 is enough, where a password would need a slow hash: a secret is 256 random bits, so
    there is no list of likely ones to try. A slow hash would only make every request slow.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(ENTROPY_BYTES)
