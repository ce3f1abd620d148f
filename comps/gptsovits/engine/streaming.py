"""Streaming: a segment's audio while its tokens are still coming, of a VITS decoder.

The prior attends to all frames, so a chunk's latent frames depend a little on how many tokens were there. Two
chunks are joined where both know the frames, twice:

    tokens     |-----------|······)                       ) as many as were there, `·` ahead of the cut
    latent 1   [===========|~~~~~~)
    latent 2               [~~~~~~==============|~~~~~~)  ~ cross-faded over the frames ahead
    samples 1  [===========|~)
    samples 2              [~===================|~)        ~ cross-faded over one frame

At the cut the cross-faded latent still is that of chunk 1. So the vocoder makes nearly the same samples on
both sides of it, in phase, and the short fade hides the rest: an alignment (SOLA) would find nothing to move,
and the length stays what the tokens say.
"""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from comps.gptsovits.dsp.crossfade import crossfade
from comps.gptsovits.engine.synthesis import FrameNoise
from comps.gptsovits.engine.windows import (
    LENGTH_STEPS,
    WHOLE_WINDOW_SECONDS,
    Window,
    window,
    window_sizes,
)
from comps.gptsovits.networks.semantic.prior import stretched_length
from comps.gptsovits.networks.vits.decoder import VitsDecoder


@dataclass(frozen=True)
class Chunk:
    """All tokens that are known, and how many of them are spoken after this chunk; None: all, to the end."""

    tokens: tuple[int, ...]
    cut: int | None


class LiveSpeech(Iterator[Window]):
    """Windows of a segment, of which ever more tokens are heard. They are to be finished in their order."""

    def __init__(
        self,
        decoder: VitsDecoder,
        phonemes: Tensor,
        style: Tensor,
        generator: torch.Generator,
        *,
        sample_rate: int,
        speed: float = 1.0,
    ) -> None:
        """Phonemes `[1, P]`, `style [1, G, 1]`."""
        self._decoder, self._phonemes, self._style, self._speed = decoder, phonemes, style, speed
        self._sample_rate = sample_rate
        self._noise = FrameNoise(generator, decoder.config.prior.latent_channels)
        self._text = decoder.prior.read(phonemes)
        self._chunks: deque[Chunk] = deque()
        self._windows: deque[tuple[int, int, bool]] = deque()  # of `_latent`: start, stop, whether the last
        self._frame = 0  # the first that has not been spoken
        self._latent = torch.zeros(1, decoder.config.prior.latent_channels, 0).to(style)
        self._n_past = 0  # frames of `_latent` before `_frame`
        self._tail = torch.zeros(0)  # samples of the frame `_frame`, as the last chunk had them

    @property
    def is_ready(self) -> bool:
        return bool(self._windows or self._chunks)

    def hear(self, tokens: Sequence[int], cut: int) -> None:
        """The tokens so far; those before `cut` can be spoken, and those after it will not change."""
        self._chunks.append(Chunk(tuple(tokens), cut))

    def finish(self, tokens: Sequence[int]) -> None:
        """All tokens of the segment."""
        self._chunks.append(Chunk(tuple(tokens), None))

    def __next__(self) -> Window:
        """The next window; only while it `is_ready`."""
        if not self._windows:
            self._open(self._chunks.popleft())
        start, stop, is_last = self._windows.popleft()
        own = window(
            self._decoder.vocoder,
            self._style,
            self._latent,
            start,
            stop if is_last else stop + 1,
            is_last=is_last,
        )
        return replace(own, finish=lambda samples: self._joined(own.finish(samples), is_last=is_last))

    def _joined(self, samples: Tensor, *, is_last: bool) -> Tensor:
        """A window's samples faded into those before, without those of its last frame, which fade on."""
        if len(self._tail):
            n = len(self._tail)
            samples = torch.cat([crossfade(self._tail, samples[:n]), samples[n:]])
        if not is_last:
            n = self._decoder.config.vocoder.hop_length
            samples, self._tail = samples[:-n], samples[-n:]
        return samples

    def _open(self, chunk: Chunk) -> None:
        """A chunk's latent frames, behind those that the vocoder looks back at, and its windows."""
        stride, config = self._decoder.config.token_stride, self._decoder.config.vocoder
        is_last = chunk.cut is None
        n_frames = len(chunk.tokens) * stride
        if chunk.cut is None:
            known = end = stretched_length(n_frames, self._speed)
        else:
            known, end = int(n_frames / self._speed), int(chunk.cut * stride / self._speed)
        made = self._decoder.latent_between(
            torch.tensor(chunk.tokens, device=self._phonemes.device)[None],
            self._phonemes,
            self._style,
            self._noise.first(known).to(self._style),
            start=self._frame,
            stop=known,
            text=self._text,
            speed=self._speed,
        )
        past, ahead = self._latent[..., : self._n_past], self._latent[..., self._n_past :]
        n = min(ahead.shape[-1], made.shape[-1])
        if n:
            made = torch.cat([crossfade(ahead[..., :n], made[..., :n]), made[..., n:]], -1)
        offset = min(past.shape[-1], config.context_frames + LENGTH_STEPS[-1])
        self._latent = torch.cat([past[..., past.shape[-1] - offset :], made], -1)
        stops = itertools.accumulate(
            window_sizes(config, sample_rate=self._sample_rate, window_seconds=WHOLE_WINDOW_SECONDS),
            initial=offset,
        )
        n_new = end - self._frame
        bounds = [*itertools.takewhile(lambda stop: stop < offset + n_new, stops), offset + n_new]
        self._windows.extend(
            (start, stop, is_last and stop == bounds[-1]) for start, stop in itertools.pairwise(bounds)
        )
        self._frame, self._n_past = end, offset + n_new
