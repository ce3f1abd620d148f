"""Windows: frames that want vocoding, of a segment on its way to audio.

The vocoder is nearly all of the work after tokens and looks a fraction of a second far, so it runs in windows
with that much context on both sides (networks/vocoders/margins.py); the windows join to what the whole would
have been.

    frames   |----------------------------------------------|
    window 1 [======]ccc
    window 2     ccc[============]ccc
    window 3                  ccc[=============]ccc     c: context

A segment gives its windows in order and takes their samples in order. In between, whoever vocodes may lay
windows of others beside them (vocoding.py), for none needs the samples of another.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

# Short at first, so that sound begins soon; then long, so that little of the work is context.
WINDOW_SECONDS = (0.5, 1.0, 2.0)
# Where nobody waits for the first of it; others wait for their turn no longer than for one window.
WHOLE_WINDOW_SECONDS = (2.0,)
# BigVGAN looks so far that short windows would be mostly context.
BIGVGAN_WINDOW_SECONDS = (1.0, 3.0)
# Windows have few lengths, in frames: multiples of the one while they are short, then of the other. A CPU's
# kernels are made for each length, which takes as long as half a second of audio does.
LENGTH_STEPS = (8, 16)

T = TypeVar("T")


class VocoderConfig(Protocol):
    @property
    def hop_length(self) -> int:
        """Samples per frame."""

    @property
    def context_frames(self) -> int:
        """How many frames away from its own a sample looks, at most."""


class Vocoder(Protocol):
    """Frames `[B, C, F]`, and styles `[B, G, 1]` if there are any -> samples `[B, n]`, without context's."""

    @property
    def config(self) -> VocoderConfig: ...

    def __call__(self, frames: Tensor, *style: Tensor, context: tuple[int, int]) -> Tensor: ...


class Shape(NamedTuple):
    """Of a window: all its frames, and how many at the left and at the right end are context."""

    frames: int
    left: int
    right: int


@dataclass(frozen=True)
class Slice:
    """Samples `[n]` of a segment, and whether they are its last."""

    samples: Tensor
    is_last: bool


def as_they_are(samples: Tensor) -> Tensor:
    return samples


@dataclass(frozen=True)
class Window:
    """Frames `[1, C, F]` to be vocoded in `style [1, G, 1]`, if the vocoder takes one.

    `finish` makes of the frames' samples `[n]` those that the segment goes on with; `is_last` of the segment.
    """

    vocoder: Vocoder
    style: Tensor | None
    frames: Tensor
    context: tuple[int, int]
    is_last: bool
    finish: Callable[[Tensor], Tensor] = as_they_are

    @property
    def shape(self) -> Shape:
        return Shape(self.frames.shape[-1], *self.context)

    def slice_of(self, samples: Tensor) -> Slice:
        return Slice(self.finish(samples), self.is_last)


# What a segment has next. None: what follows takes long to be made, and others may go first.
Part = Window | Slice | None


def vocode(vocoder: Vocoder, frames: Tensor, style: Tensor | None, context: tuple[int, int]) -> Tensor:
    """Samples `[B, n]` of frames `[B, C, F]` in styles `[B, G, 1]`, as the vocoder takes them or does not."""
    return vocoder(frames, *(() if style is None else (style,)), context=context)


def sounded(parts: Iterable[Part]) -> Iterator[Slice]:
    """The slices of a segment, each window vocoded by itself."""
    for part in parts:
        if isinstance(part, Window):
            yield part.slice_of(vocode(part.vocoder, part.frames, part.style, part.context)[0])
        elif part is not None:
            yield part


def announced(items: Iterable[T]) -> Iterator[T | None]:
    """None before each of what takes long to be made."""
    iterator = iter(items)
    while True:
        yield None
        try:
            yield next(iterator)
        except StopIteration:
            return


def windows(
    pieces: Iterable[Tensor | None],
    vocoder: Vocoder,
    style: Tensor | None = None,
    *,
    sample_rate: int,
    window_seconds: Sequence[float],
) -> Iterator[Window | None]:
    """Frames `[1, C, F]`, in pieces, as windows whose samples are what all frames at once would give.

    `window_seconds` are the lengths of the first windows; the last holds for all that follow. A piece that
    is None is passed on.

    Where the cuts fall depends on the lengths alone, never on time: equal frames give equal samples.
    """
    sizes = window_sizes(vocoder.config, sample_rate=sample_rate, window_seconds=window_seconds)
    known: list[Tensor] = []
    done, size = 0, next(sizes)
    for piece in pieces:
        if piece is None:
            yield None
            continue
        known = [torch.cat([*known, piece], -1)]
        # Whether it is the last is not waited for: a piece may take seconds to be made.
        while done + size <= known[0].shape[-1] - vocoder.config.context_frames:
            yield window(vocoder, style, known[0], done, done + size, is_last=False)
            done, size = done + size, next(sizes)
    frames = known[0]
    while done < frames.shape[-1]:
        stop = min(frames.shape[-1], done + size)
        yield window(vocoder, style, frames, done, stop, is_last=stop == frames.shape[-1])
        done, size = stop, next(sizes)


def window_sizes(
    config: VocoderConfig, *, sample_rate: int, window_seconds: Sequence[float]
) -> Iterator[int]:
    """In frames, without end: the last of `window_seconds` holds for all that follow."""
    sizes = [rounded_length(seconds * sample_rate / config.hop_length) for seconds in window_seconds]
    return itertools.chain(sizes, itertools.repeat(sizes[-1]))


def rounded_length(n_frames: float) -> int:
    """One of the few lengths that windows have."""
    step = LENGTH_STEPS[n_frames > LENGTH_STEPS[-1] * 2]
    return max(step, round(n_frames / step) * step)


def window(
    vocoder: Vocoder, style: Tensor | None, frames: Tensor, start: int, stop: int, *, is_last: bool
) -> Window:
    """Frames start … stop of `[1, C, F]`, which knows the frames around them.

    The last window may end anywhere: where there is room it begins earlier than asked, so that its length is
    one of few; the samples of that are left out.
    """
    context, n = vocoder.config.context_frames, stop - start
    spare = -n % LENGTH_STEPS[n > LENGTH_STEPS[-1] * 2] if stop == frames.shape[-1] else 0
    if start - spare < context:
        spare = 0
    left = min(start - spare, context)
    right = min(frames.shape[-1] - stop, context)
    n_left_out = spare * vocoder.config.hop_length
    return Window(
        vocoder,
        style,
        frames[..., start - spare - left : stop + right],
        (left, right),
        is_last,
        lambda samples: samples[n_left_out:],
    )
