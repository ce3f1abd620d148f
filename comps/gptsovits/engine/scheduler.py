"""The scheduler: who is prefilled and who steps next. Integers and no torch, so that its tests are tables.

A *request* has segments; a segment that decodes is a *sequence* and holds a row of the cache. Sequences of
different requests share every step; they join and leave between any two.

Fairness, in three rules:

1. Rows go to the request that has the fewest, then to the one that came first. One that is alone leaves a
   quarter of the rows free for newcomers; several share them evenly.
2. A request is *pressed* while it has sent no audio, or while the listener is about to run out of it. Its
   earliest unfinished segment steps every time; all other rows step every `LEISURE`th time while anyone is
   pressed. So a long job costs a newcomer little, and is never stopped.
3. One sequence is prefilled at a time, a slice between two steps, so that no running stream waits longer
   than that.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from comps.gptsovits.engine.slots import Slots

# Seconds of audio ahead of the listener below which a request is pressed.
LOW_WATER_SECONDS = 1.0
LEISURE = 3


class Key(NamedTuple):
    """One segment of one request."""

    request: int
    segment: int


@dataclass(frozen=True)
class Plan:
    """`admit` begins to be prefilled into `row`; `step` decode one token each."""

    admit: Key | None = None
    row: int | None = None
    step: tuple[Key, ...] = ()


@dataclass
class _Caller:
    arrival: int
    waiting: deque[int]
    running: dict[int, int] = field(default_factory=dict)  # segment -> row
    slack_seconds: float | None = None  # None: no audio sent yet
    started: bool = False

    @property
    def is_pressed(self) -> bool:
        return self.slack_seconds is None or self.slack_seconds < LOW_WATER_SECONDS

    @property
    def earliest(self) -> int:
        """The unfinished segment whose audio is needed first."""
        return min([*self.waiting, *self.running])


class Scheduler:
    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._callers: dict[int, _Caller] = {}
        self._arrivals = 0
        self._tick = 0
        self._reading: Key | None = None  # the sequence that is being prefilled

    @property
    def n_running(self) -> int:
        """Sequences that hold a row."""
        return sum(len(caller.running) for caller in self._callers.values())

    @property
    def n_waiting_requests(self) -> int:
        """Requests of which nothing has run yet."""
        return sum(not caller.started for caller in self._callers.values())

    @property
    def is_idle(self) -> bool:
        return not self._callers

    @property
    def is_pressed(self) -> bool:
        """Whether anyone who still has tokens to come is short of audio."""
        return any(caller.is_pressed for caller in self._callers.values())

    def submit(self, request: int, segments: Iterable[int]) -> None:
        """Puts a request's segments in line, in the order in which they will be heard."""
        if request in self._callers:
            raise ValueError(f"request {request} is in line already")
        self._callers[request] = _Caller(self._arrivals, deque(segments))
        self._arrivals += 1

    def pace(self, request: int, slack_seconds: float | None) -> None:
        """Tells how far a request's audio is ahead of its listener; None while there is none."""
        caller = self._callers.get(request)
        if caller is not None:
            caller.slack_seconds = slack_seconds

    def has_read(self, key: Key) -> None:
        """A sequence is prefilled: it steps from now on, and the next can be admitted."""
        if self._reading == key:
            self._reading = None

    def finish(self, key: Key) -> None:
        """A sequence has all its tokens: its row is free."""
        caller = self._callers[key.request]
        self._let_go(caller, key)
        if not caller.running and not caller.waiting:
            del self._callers[key.request]

    def restart(self, key: Key) -> None:
        """A running sequence is to be done again: first of its request to be admitted."""
        caller = self._callers[key.request]
        self._let_go(caller, key)
        caller.waiting.appendleft(key.segment)

    def drop(self, request: int) -> None:
        """A request is gone, with all its rows; nothing happens when it is gone already."""
        caller = self._callers.pop(request, None)
        if caller is not None:
            for segment in list(caller.running):
                self._let_go(caller, Key(request, segment))

    def _let_go(self, caller: _Caller, key: Key) -> None:
        del caller.running[key.segment]
        self._slots.release(key)
        self.has_read(key)

    def plan(self) -> Plan:
        """The next slice of work; an empty plan when there is none. An admitted sequence has its row."""
        step = self._steps()
        key = self._next_in_line()
        if key is None:
            return Plan(step=step)
        caller = self._callers[key.request]
        caller.waiting.popleft()
        row = caller.running[key.segment] = self._slots.take(key)
        caller.started = True
        self._reading = key
        return Plan(key, row, step)

    def _next_in_line(self) -> Key | None:
        if self._reading is not None or not self._slots.n_free or not self._callers:
            return None
        quota = self._quota()
        candidates = [
            (len(caller.running), not caller.is_pressed, caller.arrival, request)
            for request, caller in self._callers.items()
            if caller.waiting and len(caller.running) < quota
        ]
        if not candidates:
            return None
        request = min(candidates)[-1]
        return Key(request, self._callers[request].waiting[0])

    def _quota(self) -> int:
        """Rows that one request may hold."""
        n_rows, n_callers = self._slots.n_rows, len(self._callers)
        if n_callers == 1:
            return max(1, n_rows - n_rows // 4)
        return -(-n_rows // n_callers)

    def _steps(self) -> tuple[Key, ...]:
        running = [Key(r, s) for r, caller in self._callers.items() for s in caller.running]
        running = [key for key in running if key != self._reading]
        pressed = [
            key
            for key in running
            if self._callers[key.request].is_pressed and self._callers[key.request].earliest == key.segment
        ]
        self._tick += 1
        chosen = running if not pressed or self._tick % LEISURE == 0 else pressed
        return tuple(sorted(chosen))
