"""Outlet: a request's audio in the order in which it is heard, whatever order it was made in. No torch."""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from comps.gptsovits.engine.request import AudioChunk, Samples


class Outlet:
    """Takes slices of segments, sends chunks: segment after segment, with a pause between two.

    A later segment's audio is held back until all before it is sent.
    """

    def __init__(
        self,
        pauses: Sequence[float],
        *,
        sample_rate: int,
        lead_seconds: float = 0.0,
        send: Callable[[AudioChunk], object],
    ) -> None:
        """`pauses` are the seconds of silence after each segment, `lead_seconds` before the first."""
        self.n_segments = len(pauses)
        self.sample_rate = sample_rate
        self.sent_samples = 0
        self._n_pauses = [round(seconds * sample_rate) for seconds in pauses]
        self._n_lead = round(lead_seconds * sample_rate)
        self._send = send
        self._current = 0
        self._held: list[deque[tuple[Samples, bool]]] = [deque() for _ in pauses]

    @property
    def is_finished(self) -> bool:
        return self._current == self.n_segments

    @property
    def sent_seconds(self) -> float:
        return self.sent_samples / self.sample_rate

    def add(self, segment: int, samples: Samples, *, is_last: bool) -> None:
        """The next slice of a segment; `is_last` of that segment."""
        self._held[segment].append((samples, is_last))
        while not self.is_finished and self._held[self._current]:
            self._pass_on(*self._held[self._current].popleft())

    def _pass_on(self, samples: Samples, is_last: bool) -> None:
        segment, n_pause = self._current, self._n_pauses[self._current] if is_last else 0
        is_end = is_last and segment == self.n_segments - 1
        if self._n_lead:
            self._emit(np.zeros(self._n_lead, np.float32), segment, is_final=False)
            self._n_lead = 0
        if len(samples) or (is_end and not n_pause):
            self._emit(samples, segment, is_final=is_end and not n_pause)
        if n_pause:
            self._emit(np.zeros(n_pause, np.float32), segment, is_final=is_end)
        self._current += is_last

    def _emit(self, samples: Samples, segment: int, *, is_final: bool) -> None:
        self.sent_samples += len(samples)
        self._send(AudioChunk(samples, segment, self.n_segments, is_final))
