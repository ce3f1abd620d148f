"""Shares: how two kinds of work divide one device's time, by how much each has had. No torch."""

# A side that is pressed is due this many times the other's time.
PRESSED_WEIGHT = 4.0


class Shares:
    """Weighted fair turns between decoding tokens and decoding audio.

    Each side's clock runs by the time it used, divided by its weight; the side whose clock is behind is next.
    A side that had nothing to do does not save up time for later.
    """

    def __init__(self) -> None:
        self._tokens = 0.0
        self._audio = 0.0

    def audio_is_next(self, *, tokens: bool, audio: bool) -> bool:
        """Whose turn it is, given which side has work at all."""
        if tokens and audio:
            return self._audio <= self._tokens
        behind = max(self._tokens, self._audio)
        self._tokens = self._audio = behind
        return audio

    def used(self, seconds: float, *, audio: bool, pressed: bool) -> None:
        """A turn is over."""
        cost = seconds / (PRESSED_WEIGHT if pressed else 1.0)
        if audio:
            self._audio += cost
        else:
            self._tokens += cost
