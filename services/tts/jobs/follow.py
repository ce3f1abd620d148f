"""A job that somebody else began, here or at another gateway: its audio, read from the file as it grows."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

from comps.cores.errors import JobInterrupted, JobUnknown
from comps.cores.proto.jobs import JobState
from comps.cores.proto.problems import Problem
from services.tts.inference import refusal_of
from services.tts.jobs.files import file_name, part_name
from services.tts.jobs.record import JobRecord
from services.tts.jobs.work import Started

LOOK_EVERY_SECONDS = 0.1
READ_BYTES = 64 * 1024
HEAD_BYTES = 4096  # where every format has the lengths that are corrected at the end


class FollowedJob:
    """Heard like a `JobRun`; leaving off does not disturb it."""

    def __init__(
        self, record: JobRecord, look: Callable[[], Awaitable[JobRecord]], folder: Path, *, is_replay: bool
    ) -> None:
        self.record = record
        self.is_replay = is_replay
        self.rewrites: list[tuple[int, bytes]] = []
        self._look = look
        self._final = folder / file_name(record)

    @property
    def started(self) -> Started | None:
        record = self.record
        if record.seed is None or record.sample_rate is None:
            return None
        return Started(
            record.speaker_id or "",
            record.cache or "",
            record.sample_rate,
            record.seed,
            record.segments_total or 0,
            tuple(record.warnings),
        )

    @property
    def output_rate(self) -> int:
        return self.record.sample_rate or 0

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """The file from its beginning, as far as it is made. Raises what ended the job, if it failed."""
        file: BinaryIO | None = None
        try:
            while True:
                # In this order: what was written before the job was seen to end is all there is.
                self.record = await self._look()
                file = file or self._opened()
                while file is not None and (data := await asyncio.to_thread(file.read, READ_BYTES)):
                    yield data
                if self.record.state.is_final:
                    break
                await asyncio.sleep(LOOK_EVERY_SECONDS)
            self._check_end(file)
            self.rewrites = [(0, await asyncio.to_thread(_head, self._final))]
        finally:
            if file is not None:
                file.close()

    def _opened(self) -> BinaryIO | None:
        part = self._final.with_name(part_name(self._final.name, self.record.owner))
        for path in (self._final, part) if self.record.state.is_final else (part, self._final):
            try:
                return path.open("rb")
            except FileNotFoundError:
                continue
        return None

    def _check_end(self, file: BinaryIO | None) -> None:
        record = self.record
        if record.problem:
            raise refusal_of(Problem.model_validate(record.problem))
        if record.state is not JobState.SUCCEEDED:
            raise JobInterrupted(f"the job was {record.state}")
        if file is None:
            raise JobUnknown(f"the audio of job {record.id!r} has been removed, or could not be kept")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(min(HEAD_BYTES, os.fstat(file.fileno()).st_size))
