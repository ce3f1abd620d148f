"""Speaker profiles on disk, by what they were made of: least recently used out first, made once at a time."""

import asyncio
import hashlib
import json
import logging
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from comps.cores.audio.digest import source_digest
from comps.cores.flights import SingleFlight
from services.tts.inference import Profile

logger = logging.getLogger(__name__)

SUFFIX = ".profile"
LENGTH_BYTES = 4


@dataclass(frozen=True)
class Entry:
    speaker_id: str
    n_bytes: int
    warnings: tuple[str, ...]
    sources: frozenset[str] = frozenset()


class ProfileCache:
    """A file a profile: some JSON with its digest, then the profile's bytes. A damaged file is a miss.

    The time of a file's last change is when it was last used. Several gateways may share the folder.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()  # by key, the least recently used first
        self._n_bytes = 0
        self._flights: SingleFlight[tuple[Entry, bool]] = SingleFlight()
        self.hits = 0
        self.misses = 0
        self.evictions = 0

    def open(self) -> None:
        """Learn what earlier runs left on disk; what no longer fits goes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns):
            if (profile := _read(path)) is not None:
                self._remember(path.stem, profile)
            else:
                path.unlink(missing_ok=True)
        self._evict()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def n_bytes(self) -> int:
        return self._n_bytes

    async def get(self, key: str, make: Callable[[], Awaitable[Profile]]) -> tuple[Entry, bool]:
        """The profile for `key`, and whether it was there already; several callers share one `make`."""
        if (entry := self._entries.get(key)) is not None:
            self._entries.move_to_end(key)
            _touch(self._path(key))
            self.hits += 1
            return entry, True
        entry, was_there = await self._flights.run(key, lambda: self._found_or_made(key, make))
        if was_there:
            self.hits += 1
        else:
            self.misses += 1
        return entry, was_there

    async def load(self, speaker_id: str) -> Profile | None:
        """The bytes of a speaker's profile, from disk; None if there are none, or no good ones."""
        key = next((key for key, entry in self._entries.items() if entry.speaker_id == speaker_id), None)
        if key is None:
            return None
        profile = await asyncio.to_thread(_read, self._path(key))
        if profile is None:
            logger.warning("a cached profile is damaged or gone: made anew")
            self.forget(key)
        return profile

    def forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._n_bytes -= entry.n_bytes
        self._path(key).unlink(missing_ok=True)

    def forget_sources(self, clips: Sequence[bytes]) -> set[str]:
        """Forget every profile made of one of `clips`, perhaps by another gateway. Gives their speakers."""
        digests = {source_digest(clip) for clip in clips}
        for path in self._folder.glob(f"*{SUFFIX}"):
            if path.stem not in self._entries and (profile := _read(path)) is not None:
                self._remember(path.stem, profile)
        found = {key: entry.speaker_id for key, entry in self._entries.items() if entry.sources & digests}
        for key in found:
            self.forget(key)
        return set(found.values())

    async def _found_or_made(self, key: str, make: Callable[[], Awaitable[Profile]]) -> tuple[Entry, bool]:
        found = await asyncio.to_thread(_read, self._path(key))
        if found is not None:  # another gateway made it
            _touch(self._path(key))
            return self._remember(key, found), True
        profile = await make()
        try:
            await asyncio.to_thread(_write, self._path(key), profile)
        except OSError as error:  # a full disk must not keep anybody from speaking
            logger.warning("a profile could not be cached: %s", error.strerror)
        entry = self._remember(key, profile)
        self._evict()
        return entry, False

    def _evict(self) -> None:
        while self._n_bytes > self._max_bytes and len(self._entries) > 1:
            self.forget(next(iter(self._entries)))
            self.evictions += 1

    def _remember(self, key: str, profile: Profile) -> Entry:
        if (earlier := self._entries.pop(key, None)) is not None:
            self._n_bytes -= earlier.n_bytes
        entry = Entry(profile.speaker_id, len(profile.data), profile.warnings, profile.sources)
        self._entries[key] = entry
        self._n_bytes += entry.n_bytes
        return entry

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"


def _touch(path: Path) -> None:
    with suppress(OSError):  # another gateway had no room for it: what is in memory still serves
        os.utime(path)


def _write(path: Path, profile: Profile) -> None:
    head = json.dumps(
        {
            "speaker_id": profile.speaker_id,
            "warnings": profile.warnings,
            "sources": sorted(profile.sources),
            "sha256": hashlib.sha256(profile.data).hexdigest(),
        }
    ).encode()
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        part.write_bytes(len(head).to_bytes(LENGTH_BYTES, "little") + head + profile.data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> Profile | None:
    """None for what is damaged, and for what an earlier version wrote: nobody knows whose voice it is."""
    try:
        raw = path.read_bytes()
        start = LENGTH_BYTES + int.from_bytes(raw[:LENGTH_BYTES], "little")
        head = json.loads(raw[LENGTH_BYTES:start])
        data = raw[start:]
        if hashlib.sha256(data).hexdigest() != head["sha256"]:
            return None
        return Profile(str(head["speaker_id"]), data, tuple(head["warnings"]), frozenset(head["sources"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
