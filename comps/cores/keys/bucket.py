"""How often: a token bucket for each key."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class TokenBucket:
    """Holds a minute's worth of requests and fills up evenly: bursts are fine, the average is not exceeded.

    (The library `limits` counts in windows, fixed or moving; it has no bucket, and this is shorter than the
    use of its storage would be.)
    """

    a_minute: int
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._level = float(self.a_minute)
        self._filled = self.clock()

    def take(self) -> float:
        """Zero if a request may go on now, else the seconds after which one may."""
        now = self.clock()
        # A clock that was set back fills nothing.
        gained = max(0.0, now - self._filled) * self.a_minute / 60
        self._level, self._filled = min(float(self.a_minute), self._level + gained), now
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) * 60 / self.a_minute
