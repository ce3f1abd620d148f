"""Clips of jobs that have not run yet, kept so that a restart does not lose them."""

from collections.abc import Sequence
from pathlib import Path


class Uploads:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, job_id: str, clips: Sequence[bytes]) -> list[str]:
        """The names under which the job's clips are kept. Raises `OSError`, and leaves nothing behind."""
        self.folder.mkdir(parents=True, exist_ok=True)
        names = [f"{job_id}-{index}.clip" for index in range(len(clips))]
        try:
            for name, data in zip(names, clips, strict=True):
                (self.folder / name).write_bytes(data)
        except OSError:
            self.drop(names)
            raise
        return names

    def load(self, names: Sequence[str]) -> list[bytes]:
        return [(self.folder / name).read_bytes() for name in names]

    def drop(self, names: Sequence[str]) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
