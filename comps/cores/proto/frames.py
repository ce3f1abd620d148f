"""Audio between the two services: samples together with what they are, and an end that cannot be missed.

A plain audio body that breaks off looks like a short one. Here each frame is

    4 bytes   length of the JSON, little-endian
    JSON      a `Frame`
    n bytes   `n_bytes` of signed 16-bit little-endian samples

and the last frame of a whole answer, and no other, has `end`. An error after the first audio travels as a
frame with `problem`. A reader that meets neither knows that the stream was cut.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from pydantic import Field, ValidationError

from comps.cores.errors import UpstreamNonsense
from comps.cores.proto.base import Reply
from comps.cores.proto.problems import Problem

MEDIA_TYPE = "application/vnd.sovits.frames"
LENGTH_BYTES = 4
MAX_HEAD_BYTES = 256 * 1024
MAX_AUDIO_BYTES = 64 * 1024 * 1024


class Frame(Reply):
    """`segment` counts from 0, and its first frame has its `text`; `is_final` marks the last audio."""

    segment: int = 0
    segments_total: int = 0
    text: str | None = None
    is_final: bool = False
    n_bytes: int = 0
    end: bool = False
    warnings: list[str] = Field(default_factory=list)
    problem: Problem | None = None


@dataclass(frozen=True)
class FrameWithAudio:
    frame: Frame
    audio: bytes


def pack(frame: Frame, audio: bytes = b"") -> bytes:
    head = frame.model_copy(update={"n_bytes": len(audio)}).model_dump_json(exclude_defaults=True).encode()
    return len(head).to_bytes(LENGTH_BYTES, "little") + head + audio


class FrameReader:
    """Cuts a byte stream back into frames, however it was sliced on the way."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[FrameWithAudio]:
        """The frames that are complete now. Raises `UpstreamNonsense`."""
        self._buffer.extend(data)
        while (found := self._next()) is not None:
            yield found

    @property
    def is_empty(self) -> bool:
        return not self._buffer

    def _next(self) -> FrameWithAudio | None:
        if len(self._buffer) < LENGTH_BYTES:
            return None
        head_size = int.from_bytes(self._buffer[:LENGTH_BYTES], "little")
        if head_size > MAX_HEAD_BYTES:
            raise UpstreamNonsense("a frame's head is impossibly large")
        start = LENGTH_BYTES + head_size
        if len(self._buffer) < start:
            return None
        try:
            frame = Frame.model_validate(json.loads(self._buffer[LENGTH_BYTES:start]))
        except (ValueError, ValidationError) as error:
            raise UpstreamNonsense("a frame's head is not readable") from error
        if not 0 <= frame.n_bytes <= MAX_AUDIO_BYTES:
            raise UpstreamNonsense("a frame's audio is impossibly large")
        if len(self._buffer) < start + frame.n_bytes:
            return None
        audio = bytes(self._buffer[start : start + frame.n_bytes])
        del self._buffer[: start + frame.n_bytes]
        return FrameWithAudio(frame, audio)


async def read_frames(body: AsyncIterator[bytes]) -> AsyncIterator[FrameWithAudio]:
    """The frames of `body` up to and with its end. Raises `UpstreamNonsense` if it stops before that.

    What follows is read and not looked at: a connection whose reply was read whole can serve another request.
    """
    reader, has_ended = FrameReader(), False
    async for data in body:
        if has_ended:
            continue
        for found in reader.feed(data):
            has_ended = found.frame.end or found.frame.problem is not None
            yield found
            if has_ended:
                break
    if not has_ended:
        raise UpstreamNonsense("the audio broke off before its end")
