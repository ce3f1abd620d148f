"""One job being run: its live record, its audio for whoever listens, and news for whoever watches."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from comps.cores.proto.speech import GatewaySpeechRequest
from services.tts.jobs.store import JobRecord
from services.tts.speech import DecodedReference, Started

# Chunks that may wait for a slow listener before the job waits too: some 30 seconds of audio.
WAITING_CHUNKS = 64


@dataclass(frozen=True)
class Plan:
    """A checked request: what to say, in whose voice. `pcm_rate` resamples bare samples to a fixed rate."""

    request: GatewaySpeechRequest
    reference: DecodedReference | None
    pcm_rate: int | None = None


@dataclass
class Done:
    """The end of a listener's queue: the error that ended the job, or None."""

    error: BaseException | None


@dataclass
class JobRun:
    record: JobRecord
    plan: Plan
    is_heard: bool  # somebody takes the audio from `listen` as it is made
    is_postponed: bool = False  # to be cancelled now and taken up at the next start
    task: asyncio.Task[None] | None = None
    started: Started | None = None
    output_rate: int = 0
    rewrites: list[tuple[int, bytes]] = field(default_factory=list)
    version: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _chunks: asyncio.Queue[bytes | Done] = field(default_factory=asyncio.Queue)
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

    def end(self, error: BaseException | None) -> None:
        """Close the listener's queue behind what still waits in it."""
        self._chunks.put_nowait(Done(error))

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """The encoded audio, as it is made. Closing this cancels the job."""
        try:
            while not isinstance(item := await self._chunks.get(), Done):
                self._room.release()
                yield item
            if item.error is not None:
                raise item.error
        finally:
            self.cancel()

    def cancel(self) -> None:
        if self.task is not None and not self.task.done():
            self.task.cancel()
