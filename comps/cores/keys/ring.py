"""The keys that a running service knows."""

import hmac
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from comps.cores.errors import CorruptKeys
from comps.cores.keys.file import parse_keys, read_keys
from comps.cores.keys.key import ApiKey, digest

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 1.0


class KeyRing:
    """Keys of a setting and of a file. A changed file counts within a second, without a restart.

    A file that was damaged or removed while the service runs changes nothing: the last good keys stay, so
    that no accident opens a service that was closed. Raises `CorruptKeys` if it is damaged at the start.
    """

    def __init__(
        self,
        setting: str | None = None,
        path: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._fixed = parse_keys(setting, "the setting of API keys") if setting else ()
        self._path = path
        self._clock = clock
        self._today = today
        self._stamp = self._stamp_now()
        self._looked = clock()
        self._from_file = read_keys(path) if path else ()

    @property
    def is_empty(self) -> bool:
        """Whether no key was ever made: then there is nobody to tell apart. A revoked one still counts."""
        self._refresh()
        return not self._fixed and not self._from_file

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        self._refresh()
        return (*self._fixed, *self._from_file)

    def find(self, secret: str) -> ApiKey | None:
        """The valid key with this secret, in a time that does not tell how nearly it was guessed."""
        offered = digest(secret)
        found = None
        for key in self.keys:  # all of them, always
            if hmac.compare_digest(offered, key.sha256):
                found = key
        return found if found is not None and found.is_valid(self._today()) else None

    def _refresh(self) -> None:
        now = self._clock()
        if self._path is None or now - self._looked < LOOK_AGAIN_SECONDS:
            return
        self._looked = now
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if stamp is None:
            logger.error("the file of API keys is gone: those it held stay in force")
            return
        try:
            self._from_file = read_keys(self._path)
        except CorruptKeys as error:
            logger.error("the former API keys stay in force: %s", error)
            return
        logger.info("API keys were read again", extra={"n_keys": len(self._from_file)})

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            facts = self._path.stat() if self._path else None
        except OSError:
            return None
        return (facts.st_mtime_ns, facts.st_size, facts.st_ino) if facts else None
