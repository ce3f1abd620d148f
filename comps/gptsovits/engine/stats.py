"""What the engine has done and is doing: plain numbers, for `/health` and `/metrics`."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

# How far back the rate of tokens looks, and how many of the newest durations are kept.
RATE_WINDOW_SECONDS = 10.0
KEPT_DURATIONS = 1_024

# What the engine's time goes to. `text` is read on threads of its own, all others share the device's thread.
STAGES = ("text", "profile", "t2s", "decoder")


@dataclass(frozen=True)
class StepStats:
    """How tokens are decoded on a CPU. Pairs are for one row and for eight."""

    form: str
    threads: tuple[int, int] | None  # None: as torch has them
    measured_ms: Mapping[str, tuple[float, float]]  # the least that a step took, by form


@dataclass(frozen=True)
class EngineStats:
    """A snapshot. Durations are in seconds, of the newest requests, oldest first."""

    running: int  # requests of which at least one segment has begun
    waiting: int  # requests of which none has
    capacity: int  # how many may wait
    rows_busy: int
    rows: int
    requests_total: int
    succeeded_total: int
    failed_total: int
    cancelled_total: int
    profiles_total: int
    transfers_total: int
    tokens_total: int
    tokens_per_second: float
    audio_seconds_total: float
    retries_total: int
    vocoder_calls_total: int
    vocoder_windows_total: int  # of all calls; on a GPU one call makes windows of several requests
    first_audio_seconds: tuple[float, ...]
    total_seconds: tuple[float, ...]
    stage_seconds: Mapping[str, float]  # spent in each of `STAGES` since the start
    steps: StepStats | None = None  # of the model that was readied first


class Counters:
    """The running totals behind `EngineStats`; any thread may add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[str, float] = dict.fromkeys(
            (
                "requests",
                "succeeded",
                "failed",
                "cancelled",
                "profiles",
                "transfers",
                "tokens",
                "audio_seconds",
                "retries",
                "vocoder_calls",
                "vocoder_windows",
            ),
            0,
        )
        self._stages: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._token_times: deque[tuple[float, int]] = deque()
        self._first_audio: deque[float] = deque(maxlen=KEPT_DURATIONS)
        self._total: deque[float] = deque(maxlen=KEPT_DURATIONS)

    def add(self, name: str, amount: float = 1) -> None:
        with self._lock:
            self._totals[name] += amount

    def tokens(self, n: int) -> None:
        now = time.monotonic()
        with self._lock:
            self._totals["tokens"] += n
            self._token_times.append((now, n))
            self._forget(now)

    def vocoded(self, n_windows: int) -> None:
        """One call of the vocoder."""
        with self._lock:
            self._totals["vocoder_calls"] += 1
            self._totals["vocoder_windows"] += n_windows

    def spent(self, stage: str, seconds: float) -> None:
        with self._lock:
            self._stages[stage] += seconds

    def first_audio(self, seconds: float) -> None:
        with self._lock:
            self._first_audio.append(seconds)

    def finished(self, seconds: float) -> None:
        with self._lock:
            self._total.append(seconds)

    def recent_totals(self) -> tuple[float, ...]:
        """How long the newest requests took in all, seconds."""
        with self._lock:
            return tuple(self._total)

    def snapshot(
        self,
        *,
        running: int,
        waiting: int,
        capacity: int,
        rows_busy: int,
        rows: int,
        steps: StepStats | None = None,
    ) -> EngineStats:
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            recent = sum(n for _, n in self._token_times)
            span = now - self._token_times[0][0] if self._token_times else 0.0
            return EngineStats(
                running=running,
                waiting=waiting,
                capacity=capacity,
                rows_busy=rows_busy,
                rows=rows,
                requests_total=int(self._totals["requests"]),
                succeeded_total=int(self._totals["succeeded"]),
                failed_total=int(self._totals["failed"]),
                cancelled_total=int(self._totals["cancelled"]),
                profiles_total=int(self._totals["profiles"]),
                transfers_total=int(self._totals["transfers"]),
                tokens_total=int(self._totals["tokens"]),
                tokens_per_second=recent / span if span > 0 else 0.0,
                audio_seconds_total=self._totals["audio_seconds"],
                retries_total=int(self._totals["retries"]),
                vocoder_calls_total=int(self._totals["vocoder_calls"]),
                vocoder_windows_total=int(self._totals["vocoder_windows"]),
                first_audio_seconds=tuple(self._first_audio),
                total_seconds=tuple(self._total),
                stage_seconds=dict(self._stages),
                steps=steps,
            )

    def _forget(self, now: float) -> None:
        while self._token_times and now - self._token_times[0][0] > RATE_WINDOW_SECONDS:
            self._token_times.popleft()
