"""What is known of the request being served, wherever one is in the code: a context variable.

Tasks and threads that serve the request inherit it. Nothing that changes a reply's content belongs here: it
is for logs, figures, traces and accounts.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from comps.cores.keys.key import ApiKey
from comps.cores.trace import Trace


@dataclass
class Exchange:
    """`stages`: milliseconds by name, in the order in which the stages began."""

    trace: Trace
    stages: dict[str, float] = field(default_factory=dict)
    problem: str | None = None  # the code of the error that was answered
    caller: ApiKey | None = None
    on_stage: Callable[[str, int, int], None] | None = None  # name, begin and end in ns since 1970

    def note(self, stage: str, seconds: float) -> None:
        """A stage took `seconds`, until now; of several by one name, the sum counts."""
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds * 1000
        if self.on_stage is not None:
            now = time.time_ns()
            self.on_stage(stage, now - int(seconds * 1e9), now)


current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure what happens inside, as a part of the request being served; of none, nothing is measured."""
    exchange = current.get()
    if exchange is None:
        yield
        return
    exchange.stages.setdefault(name, 0.0)
    began = time.perf_counter()
    try:
        yield
    finally:
        exchange.note(name, time.perf_counter() - began)


def server_timing(stages: dict[str, float]) -> str:
    """The value of `Server-Timing`."""
    return ", ".join(f"{name};dur={milliseconds:.1f}" for name, milliseconds in stages.items())
