"""A job's audio on disk: written as it is made, renamed when it is whole."""

import logging
import os
import re
from pathlib import Path
from typing import BinaryIO

from services.tts.jobs.record import JobRecord

logger = logging.getLogger(__name__)

# The files of a job begin with its id; anything else in the folders is somebody else's.
OF_A_JOB = re.compile(r"\.?([0-9a-f]{32})[.-]")


def file_name(record: JobRecord) -> str:
    return f"{record.id}.{record.extension}"


def part_name(name: str, owner: str | None) -> str:
    """Its own for every gateway that ever makes the file: one that was taken for dead may still write."""
    return f".{name}.{(owner or '')[:12]}.part"


class OutputFile:
    """Nothing that the disk does wrong is raised: the listener still gets the audio, and `failure` tells why
    it could not be kept. `write` it all, `complete` it, then `place` it."""

    def __init__(self, folder: Path, name: str, *, owner: str | None) -> None:
        self.name = name
        self._final = folder / name
        self._part = folder / part_name(name, owner)
        self._file: BinaryIO | None = None
        self._is_placed = False
        self.failure: str | None = None

    def write(self, data: bytes) -> None:
        if self.failure is not None:
            return
        try:
            if self._file is None:
                self._file = self._part.open("wb", buffering=0)  # readers follow it as it grows
            self._file.write(data)
        except OSError as error:
            self._fail(error)

    def complete(self, rewrites: list[tuple[int, bytes]]) -> None:
        """Correct what could not be known while streaming, and close the file."""
        if self.failure is not None or self._file is None:
            return
        try:
            for offset, replacement in rewrites:
                self._file.seek(offset)
                self._file.write(replacement)
            self._file.close()
        except OSError as error:
            self._fail(error)

    def place(self) -> bool:
        """Give the file its name; whether it is there now."""
        if self.failure is not None or self._file is None:
            return False
        try:
            if not self._is_placed:
                os.replace(self._part, self._final)
        except OSError as error:
            self._fail(error)
            return False
        self._is_placed = True
        return True

    def discard(self) -> None:
        try:
            if self._file is not None:
                self._file.close()
        except OSError:
            pass  # its last bytes did not fit on the disk: they are to go anyway
        self._part.unlink(missing_ok=True)

    def _fail(self, error: OSError) -> None:
        self.failure = error.strerror or type(error).__name__
        logger.warning("the audio cannot be kept: %s", self.failure)
        self.discard()


def drop_parts(folder: Path, record: JobRecord) -> None:
    """Remove what gateways that were lost have begun of the job's file."""
    for path in folder.glob(f".{file_name(record)}.*.part"):
        path.unlink(missing_ok=True)


def files_of_jobs(folder: Path, *, older_than: float) -> list[tuple[str, Path]]:
    """Job ids and files in a folder that nobody has touched since `older_than` (seconds since 1970)."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            if (name := OF_A_JOB.match(path.name)) and path.stat().st_mtime < older_than:
                found.append((name[1], path))
        except FileNotFoundError:
            continue  # finished or removed meanwhile
    return found
