"""Streams whose first piece is known to be good before a status code is chosen."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from comps.cores.audio.encoding import Encoder, is_cheap
from comps.cores.audio.waveform import Samples
from comps.cores.errors import Cancelled

Result = TypeVar("Result")


async def primed(
    chunks: AsyncGenerator[bytes, None], request: Request | None = None
) -> AsyncGenerator[bytes, None]:
    """`chunks` again, its first piece already made; what goes wrong until then is raised here.

    With `request`, a client that hangs up meanwhile is noticed: `chunks` is closed, and `Cancelled` raised.
    An empty stream is given back as one.
    """
    try:
        first = await (_first(chunks) if request is None else unless_gone(_first(chunks), request))
    except BaseException:
        await chunks.aclose()
        raise
    return _resumed(first, chunks)


async def _first(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


async def unless_gone(work: Coroutine[Any, Any, Result], request: Request) -> Result:
    """What `work` returns; it is cancelled, and `Cancelled` raised, if the client hangs up before that.

    The request's body must have been read.
    """
    making = asyncio.create_task(work)
    watching = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({making, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not making.done():
            raise Cancelled("the client hung up")
        return making.result()
    finally:
        for task in (making, watching):
            task.cancel()
        await asyncio.gather(making, watching, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _resumed(first: bytes | None, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(chunks):
        if first is not None:
            yield first
            async for chunk in chunks:
                yield chunk


async def encode_aside(encoder: Encoder, samples: Samples) -> bytes:
    """`encoder.encode`, in a thread if it computes; what only copies is done before a thread would start."""
    if is_cheap(encoder):
        return encoder.encode(samples)
    return await asyncio.to_thread(encoder.encode, samples)


async def finish_aside(encoder: Encoder) -> bytes:
    return encoder.finish() if is_cheap(encoder) else await asyncio.to_thread(encoder.finish)


class AudioStream(StreamingResponse):
    """A streamed reply that closes its source however it ends: sent, broken off, or hung up on."""

    def __init__(
        self, chunks: AsyncGenerator[bytes, None], *, media_type: str, headers: dict[str, str]
    ) -> None:
        super().__init__(chunks, media_type=media_type, headers=headers)
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(self._chunks.aclose())
