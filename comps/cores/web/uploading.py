"""Bounds on what a request may send: how much, how long it may take, and how much all may hold together."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from starlette.types import Message, Receive

from comps.constants import MIB
from comps.cores.errors import BodyTooLarge, BodyTooSlow, Overloaded

# How much of a refused body is still read, so that a client who is sending it gets to read the refusal.
DRAINED_BYTES = 64 * MIB
DRAINED_SECONDS = 2.0

# The longest pause between two pieces of a body.
IDLE_SECONDS = 15.0


async def drain(receive: Receive) -> None:
    """Throw away what remains of a body, within bounds."""
    n_bytes = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAINED_SECONDS):
            while n_bytes < DRAINED_BYTES:
                message = await receive()
                n_bytes += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


@dataclass
class BodyLimits:
    """`max_held_bytes` counts the bodies of all requests being served."""

    max_bytes: int
    max_held_bytes: int
    max_seconds: float
    idle_seconds: float = IDLE_SECONDS
    held_bytes: int = field(default=0, init=False)

    def check_length(self, declared: str | None) -> None:
        """Refuse a body by the length that its header declares. Raises `BodyTooLarge`."""
        if declared is not None and declared.isdecimal() and int(declared[:20]) > self.max_bytes:
            raise self._too_large()

    @contextmanager
    def bounded(self, receive: Receive) -> Iterator[Receive]:
        """`receive`, raising `BodyTooLarge`, `BodyTooSlow` or `Overloaded`; what it took is given back."""
        n_bytes = 0
        deadline = time.monotonic() + self.max_seconds
        is_complete = is_refused = False

        async def counted() -> Message:
            nonlocal n_bytes, is_complete, is_refused
            if is_complete or is_refused:
                # Complete: it waits for the client to hang up, which may take its time. Refused: the rest is
                # thrown away by whoever asks for it.
                return await receive()
            message = await self._in_time(receive, deadline)
            is_complete = message["type"] != "http.request" or not message.get("more_body", False)
            if arrived := len(message.get("body", b"")):
                n_bytes += arrived
                self.held_bytes += arrived
                is_refused = n_bytes > self.max_bytes or self.held_bytes > self.max_held_bytes
                if n_bytes > self.max_bytes:
                    raise self._too_large()
                if self.held_bytes > self.max_held_bytes:
                    raise Overloaded("too many large requests are being served; try again in a moment")
            return message

        try:
            yield counted
        finally:
            self.held_bytes -= n_bytes

    async def _in_time(self, receive: Receive, deadline: float) -> Message:
        seconds = min(self.idle_seconds, deadline - time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                return await receive()
        except TimeoutError as error:
            raise BodyTooSlow(
                f"a body must arrive within {self.max_seconds:g} s, with no pause of {self.idle_seconds:g} s"
            ) from error

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the request body is larger than {self.max_bytes} bytes")
