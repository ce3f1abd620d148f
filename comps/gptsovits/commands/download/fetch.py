"""One file, all of it and right, whatever the network does: resumed, retried, verified, moved into place."""

import hashlib
import json
import os
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from comps.cores.errors import CheckpointError
from comps.gptsovits.checkpoints.reader import open_checkpoint
from comps.gptsovits.commands.download.hub import (
    Body,
    DownloadFailed,
    Hub,
    Interrupted,
    RemoteFacts,
)
from comps.gptsovits.commands.download.manifest import HEAD_BYTES, RemoteFile

MAX_FRUITLESS = 6  # tries in a row that bring no new byte
MAX_WRONG = 2  # whole downloads whose bytes are wrong
LONGEST_WAIT_SECONDS = 60.0
CHECKPOINTS = (".ckpt", ".pth", ".pt", ".bin", ".safetensors")


@dataclass(frozen=True)
class Receipt:
    """What was downloaded, for later verification without the hub."""

    size: int
    sha256: str
    url: str


Progress = Callable[[int], None]  # bytes gained; negative when some are given up


class Fetcher:
    """Downloads into `folder`. `sleep` waits between tries; `progress` hears of every byte."""

    def __init__(self, hub: Hub, folder: Path, *, sleep: Callable[[float], Any]) -> None:
        self._hub, self._folder, self._sleep = hub, folder, sleep

    def fetch(self, file: RemoteFile, facts: RemoteFacts, progress: Progress) -> Receipt:
        """Raises `DownloadFailed` when all tries are used up; what was got is kept for the next time."""
        target = self._folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, MAX_WRONG + 1):
            with _Partial(target, facts) as partial:
                progress(partial.size)
                self._complete(partial, facts, progress)
                try:
                    # Where the hub says no digest, every tensor's own checksum stands in for it.
                    sha256 = verified(partial.path, file, facts, deeply=facts.sha256 is None)
                except DownloadFailed:
                    progress(-partial.size)
                    partial.restart()
                    if attempt == MAX_WRONG:
                        raise
                    continue
                return partial.keep(Receipt(partial.size, sha256, facts.url))
        raise AssertionError

    def _complete(self, partial: "_Partial", facts: RemoteFacts, progress: Progress) -> None:
        fruitless = 0
        while not partial.is_complete:
            before = partial.size
            try:
                with self._hub.body(facts, before) as body:
                    self._receive(partial, body, progress)
                if facts.size is None:
                    partial.expected = body.total if body.total is not None else partial.size
                if not partial.is_complete and partial.size == before:
                    raise Interrupted(f"{facts.url} sent nothing")
            except Interrupted as error:
                fruitless = 0 if partial.size > before else fruitless + 1
                if fruitless >= MAX_FRUITLESS:
                    raise DownloadFailed(
                        f"{error}; gave up after {fruitless} tries without progress"
                    ) from error
                self._sleep(_wait(fruitless, error.retry_after))

    def _receive(self, partial: "_Partial", body: Body, progress: Progress) -> None:
        if body.start != partial.size:
            # The server ignored the Range, or began elsewhere. Only a beginning can be used.
            progress(-partial.size)
            partial.restart()
            if body.start != 0:
                raise Interrupted("the server sent another range than the one asked for")
        if body.total is not None and partial.expected is not None and body.total != partial.expected:
            raise Interrupted(f"the server says {body.total:,} bytes, before it said {partial.expected:,}")
        for chunk in body.chunks:
            progress(partial.write(chunk))


def _wait(fruitless: int, asked: float | None) -> float:
    """Twice as long each time, and never all clients at once."""
    if asked is not None:
        return min(asked, LONGEST_WAIT_SECONDS)
    return min(LONGEST_WAIT_SECONDS, 2.0**fruitless) * random.uniform(0.5, 1.0)


class _Partial:
    """The bytes so far, beside the place where they will go, with a note of which file they are of."""

    def __init__(self, target: Path, facts: RemoteFacts) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")
        self._identity = {"size": facts.size, "sha256": facts.sha256, "etag": facts.etag}
        self.expected = facts.size

    def __enter__(self) -> "_Partial":
        # Begun bytes are only worth something if they are of the same file.
        known = self._identity["sha256"] or self._identity["etag"]
        is_same = known is not None and _read_json(self._note) == self._identity
        self._file = self.path.open("r+b" if is_same and self.path.exists() else "w+b")
        _lock(self._file.fileno(), self.path)
        self.size = self._file.seek(0, os.SEEK_END)
        if self.expected is not None and self.size > self.expected:
            self.restart()
        self._note.write_text(json.dumps(self._identity))
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_complete(self) -> bool:
        return self.expected is not None and self.size == self.expected

    def write(self, chunk: bytes) -> int:
        """Returns how many bytes were new. More than there should be is an interruption: nothing is lost."""
        if self.expected is not None and self.size + len(chunk) > self.expected:
            self.restart()
            raise Interrupted("the server sent more than the file holds")
        self._file.write(chunk)
        self._file.flush()
        self.size += len(chunk)
        return len(chunk)

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def keep(self, receipt: Receipt) -> Receipt:
        """Puts the file where it belongs, in one step."""
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self.path, self.target)
        self._note.unlink(missing_ok=True)
        return receipt


def _lock(descriptor: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has other means, and fewer people who download twice at once
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise DownloadFailed(f"{path.name} is being downloaded by another process") from None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def verified(path: Path, file: RemoteFile, facts: RemoteFacts, *, deeply: bool = False) -> str:
    """The SHA-256 of the file at `path`. Raises `DownloadFailed` where it is not what it should be.

    Compared are size and SHA-256 as the hub says them, the known beginning of a release, and whether it is a
    checkpoint at all; `deeply` also every tensor's checksum.
    """
    size = path.stat().st_size
    if facts.size is not None and size != facts.size:
        raise DownloadFailed(f"{file.path} has {size:,} bytes instead of {facts.size:,}")
    with path.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
        opened.seek(0)
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if facts.sha256 is not None and digest != facts.sha256:
        raise DownloadFailed(f"{file.path} has the SHA-256 {digest} instead of {facts.sha256}")
    if facts.sha256 is None and file.head_md5 is not None:
        found = hashlib.md5(head, usedforsecurity=False).hexdigest()
        if found != file.head_md5:
            raise DownloadFailed(f"{file.path} does not begin as the official file does")
    if Path(file.path).suffix in CHECKPOINTS:
        try:
            with open_checkpoint(path) as checkpoint:
                for name in checkpoint.tensors if deeply else ():
                    checkpoint.read(name)
        except CheckpointError as error:
            raise DownloadFailed(f"{file.path} is no checkpoint: {error}") from error
    return digest


def write_receipts(path: Path, receipts: dict[str, Receipt]) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(
        json.dumps({key: asdict(value) for key, value in sorted(receipts.items())}, indent=1)
    )
    os.replace(temporary, path)


def read_receipts(path: Path) -> dict[str, Receipt]:
    found = _read_json(path)
    if not isinstance(found, dict):
        return {}
    result = {}
    for key, value in found.items():
        try:
            result[key] = Receipt(int(value["size"]), str(value["sha256"]), str(value["url"]))
        except (KeyError, TypeError, ValueError):
            continue
    return result
