"""Whether audio that is streamed arrives in time to be played without a gap."""

import time
from collections.abc import Callable

# What a network or a player's buffer hides anyway.
TOLERANCE_SECONDS = 0.02


class Playback:
    """A listener who begins to play with the first chunk, and counts the gaps."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at: float | None = None  # when what has arrived will have been played
        self.underruns = 0

    def arrived(self, seconds: float, *, waited: float) -> bool:
        """A chunk of `seconds` is there, after `waited` for it; whether it came too late.

        Who asks late waits not at all: that is a slow reader, no underrun.
        """
        now = self._clock()
        if self._ends_at is None:
            self._ends_at = now + seconds
            return False
        gap = now - self._ends_at
        is_late = min(gap, waited) > TOLERANCE_SECONDS
        self.underruns += is_late
        self._ends_at = max(self._ends_at, now) + seconds
        return is_late
