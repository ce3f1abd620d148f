"""Company: whose windows go with the most due one's in a call of the vocoder."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from comps.gptsovits.engine.utterance import Utterance
from comps.gptsovits.engine.vocoding import BatchedVocoder
from comps.gptsovits.engine.windows import Slice, Window

# The most due waits so long for others' frames to be made, and for those of one more.
GATHER_SECONDS = 0.02


@dataclass(frozen=True)
class Row:
    """An utterance and the window that was taken of it."""

    utterance: Utterance
    window: Window

    def slice_of(self, made: Tensor | Exception) -> Slice:
        """The next slice. Raises what stands in place of its samples."""
        if isinstance(made, Exception):
            raise made
        return self.window.slice_of(made)


def fellows(ready: Sequence[Utterance], is_pressed: Callable[[Utterance], bool]) -> list[Utterance]:
    """Who may go with the first: speaks by the same vocoder and, if that one is pressed, is pressed too."""
    leader, *others = ready
    must_be_pressed = is_pressed(leader)
    return [
        utterance
        for utterance in others
        if utterance.job.vocoder is leader.job.vocoder and (not must_be_pressed or is_pressed(utterance))
    ]


def gathered(
    leader: Utterance,
    window: Window,
    others: Iterable[Utterance],
    vocoder: BatchedVocoder,
    *,
    fail: Callable[[Utterance, Exception], None],
) -> list[Row]:
    """The leader's `window` and those of the same shape that can go with it, as many as there is room for.

    `others` speak by the same vocoder and come in the order in which they are due; a window more of each that
    came along, the leader too, goes after all of them. A segment's rows are in its order. What fails while a
    window is made is told to `fail`.
    """
    rows, waiting = [Row(leader, window)], deque([*others, leader])
    room, until = vocoder.room_for(window.shape), time.monotonic() + GATHER_SECONDS
    while waiting and len(rows) < room:
        utterance = waiting.popleft()
        try:
            part = utterance.peek() if time.monotonic() < until else utterance.made
        except Exception as error:
            fail(utterance, error)
            continue
        if isinstance(part, Window) and part.shape == window.shape:
            utterance.take()
            rows.append(Row(utterance, part))
            waiting.append(utterance)
    return rows
