"""Probing: how many threads a step is worth here, measured once and remembered.

Threads change no sample, so a clock may choose them; what would change samples is chosen by rule.
"""

import json
import logging
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from comps.gptsovits.native.build import cache_folder, this_level
from comps.gptsovits.networks.t2s import T2SConfig

logger = logging.getLogger(__name__)

FEW_ROWS, MANY_ROWS = 1, 8
N_STEPS = 8
# A choice costs at most this; networks whose steps take longer are measured by fewer.
PROBE_SECONDS = 0.4
# More threads have to be this much faster: they are taken from the other work of the machine.
WORTH = 1.1


@dataclass(frozen=True)
class StepTimes:
    """Seconds a step takes, by number of threads: for one row and for eight."""

    few: Mapping[int, float]
    many: Mapping[int, float]

    def threads_for(self, n_rows: int) -> int:
        """The fewest that are nearly as fast as any."""
        times = self.few if n_rows < (FEW_ROWS + MANY_ROWS) // 2 else self.many
        best = min(times.values())
        return min(n for n, seconds in times.items() if seconds <= best * WORTH)


def measure(step: Callable[[int, int], None], n_threads: int) -> StepTimes:
    """`step(n_rows, n_threads)` is timed for one thread, for all, and for what lies between by doubling."""
    counts = sorted({1, n_threads, *(1 << k for k in range(1, n_threads.bit_length()) if 1 << k < n_threads)})
    tables: list[dict[int, float]] = [dict.fromkeys(counts, float("inf")) for _ in range(2)]
    for table, n_rows in zip(tables, (FEW_ROWS, MANY_ROWS), strict=True):
        until = time.perf_counter() + PROBE_SECONDS
        for _ in range(N_STEPS):
            for n in counts:  # in turn, so that a busy moment slows all alike
                began = time.perf_counter()
                step(n_rows, n)
                table[n] = min(table[n], time.perf_counter() - began)
            if time.perf_counter() > until:
                break
    return StepTimes(*tables)


def key_of(config: T2SConfig, kind: str, n_threads: int) -> str:
    """Whatever the answer depends on."""
    machine = f"{platform.machine()} {_processor()} {this_level()}"
    return json.dumps([machine, n_threads, torch.__version__, kind, asdict(config)])


def remembered(key: str, find_out: Callable[[], StepTimes], *, file: Path | None = None) -> StepTimes:
    """What was measured under this key, or is measured now and kept for the next start."""
    file = file or cache_folder() / "choices.json"
    known = _read(file)
    if key in known:
        try:
            few, many = ({int(n): float(s) for n, s in table.items()} for table in known[key])
            return StepTimes(few, many)
        except (ValueError, TypeError, AttributeError):
            logger.warning("%s is no table of step times", file.name)
    times = find_out()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(f".{time.monotonic_ns()}")
        temporary.write_text(json.dumps(_read(file) | {key: [times.few, times.many]}), encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        logger.info("step times are measured again at the next start: %s", error)
    return times


def _read(file: Path) -> dict[str, list[dict[str, float]]]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = {line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "CPU part"))}
    return ", ".join(sorted(names))
