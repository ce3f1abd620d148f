"""Vocoding: windows of several segments, whoever's they are, in one call of the vocoder.

A GPU makes eight windows in hardly more time than one, and needs less than Python takes to tell it how. So on
a GPU windows of one shape go together, each in its own style, in batches of 1, 2, 4, 8 or 16 rows that are
recorded as graphs, like steps (graphs.py). Rows that belong to nobody are computed and thrown away. A CPU
gains nothing from either: there every window goes by itself.

No row looks at another, and convolutions use none but cuDNN's deterministic kernels (lane.py). So a window
gives the same bits whenever it goes in a batch of the same size, whatever goes with it. For another size
cuDNN may choose another kernel, which adds in another order: in company, samples differ from those alone by
rounding. `Precision.EXACT` lets every window go by itself, on a GPU too.

Batches and recording are handed in, so that the same code runs, unrecorded, on any device. No GPU has run
it yet.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from comps.gptsovits.engine.graphs import Run, bucket_of
from comps.gptsovits.engine.windows import Shape, Vocoder, Window, vocode
from comps.gptsovits.networks.vocoders.bigvgan import BigVgan

BUCKETS = (1, 2, 4, 8, 16)
# Of audio in one call, so that everybody else's turn comes soon. Set by the work it is, not yet measured.
MOST_SECONDS, MOST_BIGVGAN_SECONDS = 16.0, 6.0
# Recordings that are kept; those unused for longest make room.
MOST_KEPT = 256


@dataclass(frozen=True)
class Recording:
    """A call for so many rows of one shape. What it takes and gives lies where it was recorded."""

    frames: Tensor  # [B, C, F]
    style: Tensor | None  # [B, G, 1]
    samples: Tensor  # [B, n]
    run: Run


class BatchedVocoder:
    """Of one model. `together`: windows share calls. With `record`, calls are recorded so."""

    def __init__(
        self,
        vocoder: Vocoder,
        *,
        sample_rate: int,
        together: bool = False,
        record: Callable[[Run], Run] | None = None,
    ) -> None:
        self._vocoder, self._record = vocoder, record
        self._hop, self._together = vocoder.config.hop_length, together
        most_seconds = MOST_BIGVGAN_SECONDS if isinstance(vocoder, BigVgan) else MOST_SECONDS
        self._most_frames = most_seconds * sample_rate / self._hop
        # None: seen once. What may never come again is not worth being recorded.
        self._kept: OrderedDict[tuple[int, Shape], Recording | None] = OrderedDict()

    @property
    def is_recorded(self) -> bool:
        return self._record is not None

    def room_for(self, shape: Shape) -> int:
        """How many windows of a shape go in one call: one of `BUCKETS`."""
        n = self._most_frames / (shape.frames - shape.left - shape.right) if self._together else 1
        return max([bucket for bucket in BUCKETS if bucket <= n], default=1)

    def vocode(self, windows: Sequence[Window]) -> list[Tensor | Exception]:
        """Samples `[n]` of windows of one shape, of which there is room, in float32 on the CPU.

        In place of a window's samples stands what went wrong with it.
        """
        try:
            return [*self._vocoded(windows)]
        except Exception as error:
            if len(windows) == 1:
                return [error]
        return [made for window in windows for made in self.vocode([window])]  # whose fault it is

    def record_ahead(self, windows: Iterable[Window]) -> None:
        """Records calls for these windows' shapes, for as many rows as there is room, and for fewer."""
        if self._record is None:
            return
        for window in windows:
            room = self.room_for(window.shape)
            for n in (bucket for bucket in BUCKETS if bucket <= room):
                if self._kept.get((n, window.shape)) is None:
                    self._keep(n, window, self._record)

    def _vocoded(self, windows: Sequence[Window]) -> Tensor:
        """Samples `[B, n]`."""
        frames = torch.cat([window.frames for window in windows])
        styles = [window.style for window in windows if window.style is not None]
        style = torch.cat(styles) if styles else None
        first, n = windows[0], len(windows)
        recording = self._recording(first, n)
        if recording is None:
            samples = vocode(self._vocoder, frames, style, first.context)
            return samples.to("cpu", torch.float32)
        recording.frames[:n] = frames
        if recording.style is not None and style is not None:
            recording.style[:n] = style
        recording.run()
        return recording.samples[:n].to("cpu", copy=True)

    def _recording(self, window: Window, n: int) -> Recording | None:
        if self._record is None:
            return None
        n = bucket_of(n, BUCKETS, BUCKETS[-1])
        key = n, window.shape
        if key not in self._kept:
            self._kept[key] = None
            self._forget()
            return None
        self._kept.move_to_end(key)
        return self._kept[key] or self._keep(n, window, self._record)

    def _keep(self, n: int, window: Window, record: Callable[[Run], Run]) -> Recording:
        recording = self._kept[n, window.shape] = self._recorded(n, window, record)
        self._kept.move_to_end((n, window.shape))
        self._forget()
        return recording

    def _forget(self) -> None:
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def _recorded(self, n: int, window: Window, record: Callable[[Run], Run]) -> Recording:
        frames = window.frames.new_zeros(n, *window.frames.shape[1:])
        style = window.style.new_zeros(n, *window.style.shape[1:]) if window.style is not None else None
        n_samples = (window.shape.frames - window.shape.left - window.shape.right) * self._hop
        samples = torch.zeros(n, n_samples, device=frames.device)

        def run() -> None:
            samples.copy_(vocode(self._vocoder, frames, style, window.context))

        return Recording(frames, style, samples, record(run))
