"""A job's audio on disk: written as it is made, renamed when it is whole."""

import logging
import os
from pathlib import Path
from typing import BinaryIO

logger = logging.getLogger(__name__)


class OutputFile:
    """Nothing that the disk does wrong is raised: the listener still gets the audio, and `failure` tells why
    it could not be kept."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._final = folder / name
        self._part = folder / f".{name}.part"
        self._file: BinaryIO | None = None
        self.failure: str | None = None

    def write(self, data: bytes) -> None:
        if self.failure is not None:
            return
        try:
            if self._file is None:
                self._file = self._part.open("wb")
            self._file.write(data)
        except OSError as error:
            self._fail(error)

    def finish(self, rewrites: list[tuple[int, bytes]]) -> bool:
        """Correct what could not be known while streaming; whether the file is there now."""
        if self.failure is not None or self._file is None:
            return False
        try:
            for offset, replacement in rewrites:
                self._file.seek(offset)
                self._file.write(replacement)
            self._file.close()
            os.replace(self._part, self._final)
        except OSError as error:
            self._fail(error)
            return False
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
