"""Races: contenders that run in turn, so that what else a machine does slows all of them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 3
SECONDS = 12.0  # short contenders run more often: the best of many is what the machine can do


@dataclass(frozen=True)
class Contender:
    """`run` is timed, `prepare` before it is not."""

    run: Callable[[], None]
    prepare: Callable[[], None] = lambda: None


def race(
    contenders: Mapping[str, Contender], *, rounds: int = ROUNDS, seconds: float = SECONDS
) -> dict[str, float]:
    """The least seconds that each needed."""
    best = dict.fromkeys(contenders, float("inf"))
    until = time.perf_counter() + seconds
    n_rounds = 0
    while n_rounds < rounds or (time.perf_counter() < until and n_rounds < 10 * rounds):
        for name, contender in contenders.items():
            contender.prepare()
            began = time.perf_counter()
            contender.run()
            best[name] = min(best[name], time.perf_counter() - began)
        n_rounds += 1
    return best
