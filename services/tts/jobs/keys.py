"""Idempotency keys: a client that asks again, because the reply got lost, gets the job it began.

As in the IETF's draft "The Idempotency-Key HTTP Header Field", but that a request which comes while the first
is still being served is not refused: it hears the same audio from the start.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel

from comps.cores import exchange
from comps.cores.errors import IdempotencyKeyReused
from comps.cores.web.bodies import Uploads
from services.tts.jobs.record import JobRecord

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="asking again with the same key and body gives the same job; it does not end when the "
        "connection does",
    ),
]


@dataclass(frozen=True)
class IdempotencyKey:
    """Digests of what a client calls its request, and of what the request was."""

    key: str
    fingerprint: str


def key_of(
    value: str | None, body: BaseModel, uploaded: Uploads | None = None, *, route: str
) -> IdempotencyKey | None:
    """The key of a request to `route`; every API key has keys of its own. None if the client gave no key."""
    if value is None:
        return None
    here = exchange.current.get()
    caller = here.caller.sha256 if here is not None and here.caller is not None else ""
    files = uploaded.files if uploaded is not None else {}
    facts: Mapping[str, Any] = {
        "route": route,
        "body": body.model_dump(mode="json", by_alias=True),
        "files": {name: [_digest(data) for data in files[name]] for name in sorted(files)},
    }
    return IdempotencyKey(_digest(f"{caller}\n{value}".encode()), _digest(repr(facts).encode()))


def check_same(record: JobRecord, key: IdempotencyKey) -> None:
    """Raises `IdempotencyKeyReused` if the job with the key is of another request."""
    if record.fingerprint != key.fingerprint:
        raise IdempotencyKeyReused("this Idempotency-Key came with another request before: use a new one")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
