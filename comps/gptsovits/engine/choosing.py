"""Choosing: in which form a network's steps are computed here, and by how many threads.

Threads change no sample of the compiled step, so a clock may choose them at any start. A form does change
samples: it is chosen once and kept for later starts, and another than the usual one only where it is faster
by more than clocks err, where it can be kept, and where nobody else was at work while it was measured.
"""

import json
import logging
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from comps.gptsovits.engine.forms import Form
from comps.gptsovits.engine.stats import StepStats
from comps.gptsovits.native.build import cache_folder, library_name, this_level
from comps.gptsovits.networks.t2s import T2SConfig

logger = logging.getLogger(__name__)

FEW_ROWS, MANY_ROWS = 1, 8
# More threads have to be this much faster: they are taken from the other work of the machine.
WORTH_THREADS = 1.1
WORTH_FORM = 1.5
# Of all cores, on average over the last minute.
BUSY = 0.75


@dataclass(frozen=True)
class StepTimes:
    """Seconds a step takes, by number of threads: for one row and for eight."""

    few: Mapping[int, float]
    many: Mapping[int, float]

    def threads_for(self, n_rows: int) -> int:
        """The fewest that are nearly as fast as any."""
        times = self.few if n_rows < (FEW_ROWS + MANY_ROWS) // 2 else self.many
        best = min(times.values())
        return min(n for n, seconds in times.items() if seconds <= best * WORTH_THREADS)

    @property
    def least_ms(self) -> tuple[float, float]:
        few, many = (round(1e3 * min(table.values()), 2) for table in (self.few, self.many))
        return few, many

    @property
    def cost(self) -> float:
        """Of one row and of eight, each weighing as much."""
        return math.sqrt(min(self.few.values()) * min(self.many.values()))


Times = Mapping[Form, StepTimes]


@dataclass(frozen=True)
class Choice:
    """The form, and what was measured of it and of others; nothing where nothing had to be chosen."""

    form: Form
    times: Times = field(default_factory=dict)

    def threads_for(self, n_rows: int) -> int | None:
        times = self.times.get(self.form)
        return times.threads_for(n_rows) if times is not None else None

    @property
    def stats(self) -> StepStats:
        """What is told of it."""
        few, many = self.threads_for(FEW_ROWS), self.threads_for(MANY_ROWS)
        is_told = self.form.layout is None and few is not None and many is not None
        return StepStats(
            self.form.value,
            (few or 1, many or 1) if is_told else None,
            {form.value: each.least_ms for form, each in self.times.items()},
        )


def choose(
    forms: Sequence[Form],
    key: str,
    measured: Callable[[Sequence[Form]], Times],
    *,
    is_busy: bool = False,
    file: Path | None = None,
) -> Choice:
    """Among forms of which the first is the usual one, by what was measured under this key, or is now.

    Where the machine `is_busy`, that is decided without measuring others; its threads count for this start.
    """
    file = file or cache_folder() / "choices.json"
    earlier = _remembered(file, key, forms)
    if earlier is not None and earlier.is_settled:
        return Choice(earlier.form, earlier.times)
    if earlier is not None:
        times = measured([earlier.form])
        form = earlier.form
    else:
        times = measured(forms[:1] if is_busy else forms)
        form = best_of(forms, times)
    if not _remember(file, key, _Memory(form, times, is_settled=not is_busy)) and form is not forms[0]:
        form = forms[0]  # the next start might find otherwise
    return Choice(form, times)


def best_of(forms: Sequence[Form], times: Times) -> Form:
    """The first, unless another is much faster."""
    best = min((form for form in forms if form in times), key=lambda form: times[form].cost)
    usual = times.get(forms[0])
    return best if usual is not None and usual.cost > WORTH_FORM * times[best].cost else forms[0]


def is_busy_now() -> bool:
    """Whether others use the processor."""
    try:
        return os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)
    except (OSError, AttributeError):  # not on Windows
        return False


def key_of(
    config: T2SConfig, forms: Sequence[Form], n_threads: tuple[int, int], *, is_half: bool = False
) -> str:
    """Whatever the answer depends on; `n_threads` of the compiled step, and of torch."""
    machine = f"{platform.machine()} {_processor()} {library_name(this_level())}"
    return json.dumps([machine, n_threads, torch.__version__, forms, is_half, asdict(config)])


@dataclass(frozen=True)
class _Memory:
    form: Form
    times: Times
    is_settled: bool


def _remembered(file: Path, key: str, forms: Sequence[Form]) -> _Memory | None:
    known = _read(file).get(key)
    if known is None:
        return None
    try:
        times = {Form(form): _times(tables) for form, tables in known["times"].items()}
        return _Memory(forms[forms.index(known["form"])], times, is_settled=known["settled"] is True)
    except (KeyError, ValueError, TypeError, AttributeError):
        logger.warning("%s is no table of step times", file.name)
        return None


def _remember(file: Path, key: str, memory: _Memory) -> bool:
    times = {form: [each.few, each.many] for form, each in memory.times.items()}
    entry = {"form": memory.form, "times": times, "settled": memory.is_settled}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(f".{time.monotonic_ns()}")
        temporary.write_text(json.dumps(_read(file) | {key: entry}), encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        logger.info("step times are measured again at the next start: %s", error)
        return False
    return True


def _times(tables: Sequence[Mapping[str, float]]) -> StepTimes:
    few, many = ({int(n): float(seconds) for n, seconds in table.items()} for table in tables)
    if not few or not many:
        raise ValueError("an empty table")
    return StepTimes(few, many)


def _read(file: Path) -> dict[str, Any]:
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
