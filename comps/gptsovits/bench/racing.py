"""Races: contenders that run in turn, so that what else a machine does slows all of them alike."""

import time
from collections.abc import Callable, Mapping

ROUNDS = 3


def race(contenders: Mapping[str, Callable[[], None]], *, rounds: int = ROUNDS) -> dict[str, float]:
    """The least seconds that each needed; a first run of each, which prepares, does not count."""
    best = dict.fromkeys(contenders, float("inf"))
    for run in contenders.values():
        run()
    for _ in range(rounds):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - began)
    return best
