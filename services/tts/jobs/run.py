"""One job being run: its live record, its audio for whoever listens, and news for whoever watches."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal

from services.tts.jobs.files import OutputFile
from services.tts.jobs.record import JobRecord
from services.tts.jobs.work import Started, Work
from services.tts.subtitles import Cue

# Chunks that may wait for a slow listener before the job waits too: some 30 seconds of audio.
WAITING_CHUNKS = 64


@dataclass
class Done:
    """The end of a listener's queue: the error that ended the job, or None."""

    error: BaseException | None


@dataclass
class JobRun:
    record: JobRecord
    work: Work | None  # None until it is made again from what the record has kept
    is_heard: bool  # somebody takes the audio from `listen` as it is made
    is_stopped: bool = False  # to be cancelled now, because the gateway stops
    is_lost: bool = False  # to be cancelled now: another gateway has taken the job over
    task: asyncio.Task[None] | None = None
    started: Started | None = None
    output: OutputFile | None = None
    output_rate: int = 0
    rewrites: list[tuple[int, bytes]] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    is_replay: Literal[False] = False
    version: int = 0
    saved_version: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _chunks: asyncio.Queue[bytes | Done] = field(default_factory=asyncio.Queue)
    _is_begun: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WAITING_CHUNKS))

    def changed(self) -> None:
        """Wake whoever watches."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for_change(self) -> None:
        await self._changed.wait()

    async def deliver(self, data: bytes) -> None:
        if self.is_heard and data:
            await self._room.acquire()
            self._chunks.put_nowait(data)
            # The first is on its way before the next is worked on: all of this is one thread's time.
            await self._is_begun.wait()

    def end(self, error: BaseException | None) -> None:
        """Close the listener's queue behind what still waits in it."""
        self._chunks.put_nowait(Done(error))

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """The encoded audio, as it is made. Closing this cancels the job, unless it has an idempotency key:
        then it goes on, so that whoever asks again with the key gets all of it."""
        try:
            while not isinstance(item := await self._chunks.get(), Done):
                self._room.release()
                yield item
                self._is_begun.set()
            if item.error is not None:
                raise item.error
        finally:
            if self.record.idempotency_key is None:
                self.cancel()
            self.is_heard = False
            self._room.release()  # a chunk that waited for room goes nowhere
            self._is_begun.set()

    def cancel(self) -> None:
        if self.task is not None and not self.task.done():
            self.task.cancel()
