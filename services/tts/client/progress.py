"""A job's progress on the terminal, from the gateway's events."""

import sys
from types import TracebackType

from tqdm import tqdm

from comps.cores.proto.jobs import JobState, JobView


class Progress:
    """A bar of segments; where nobody looks, nothing."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._bar = tqdm(
            total=None,
            desc="waiting",
            unit="segment",
            leave=False,
            file=sys.stderr,
            disable=is_quiet or not sys.stderr.isatty(),
            bar_format="{desc} {bar} {n_fmt} of {total_fmt} segments, {elapsed}{postfix}",
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def show(self, job: JobView) -> None:
        if job.state is JobState.QUEUED:
            before = job.queue_position or 0
            self._bar.set_description_str(f"queued, {before} before it" if before else "queued")
            return
        self._bar.set_description_str("speaking" if job.segments_total else "waiting")
        self._bar.total = job.segments_total
        self._bar.n = job.segments_done
        if job.audio_seconds:
            self._bar.set_postfix_str(f" {job.audio_seconds:.1f} s of audio", refresh=False)
        self._bar.refresh()
