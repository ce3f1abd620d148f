"""Synthesis: a segment's tokens to audio, in slices.

The prior and the flow of a VITS decoder run over the whole segment: they are cheap and look far. The vocoder
is nearly all of the work and looks a fraction of a second far, so it runs in windows with that much context
on both sides (networks/vocoders/margins.py); the windows join to what the whole would have been.

    latent   |----------------------------------------------|
    window 1 [======]ccc
    window 2     ccc[============]ccc
    window 3                  ccc[=============]ccc     c: context
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.networks.vocoders.bigvgan import BigVganConfig
from comps.gptsovits.networks.vocoders.hifigan import HifiGanConfig

# Short at first, so that sound begins soon; then long, so that little of the work is context.
WINDOW_SECONDS = (0.5, 1.0, 2.0)
# Where nobody waits for the first of it; others wait for their turn no longer than for one window.
WHOLE_WINDOW_SECONDS = (2.0,)
# BigVGAN looks so far that short windows would be mostly context.
BIGVGAN_WINDOW_SECONDS = (1.0, 3.0)
# Windows have few lengths, in frames: multiples of the one while they are short, then of the other. A CPU's
# kernels are made for each length, which takes as long as half a second of audio does.
LENGTH_STEPS = (8, 16)

# Frames `[1, C, F]`, of which so many at the two ends are context, to samples `[1, N]`.
Vocode = Callable[[Tensor, tuple[int, int]], Tensor]


@dataclass(frozen=True)
class Slice:
    """Samples `[n]` of a segment, and whether they are its last."""

    samples: Tensor
    is_last: bool


class FrameNoise:
    """Standard normal noise, drawn frame by frame: the first frames are the same however many follow."""

    def __init__(self, generator: torch.Generator, n_channels: int) -> None:
        self._generator, self._n_channels = generator, n_channels
        self._frames: list[Tensor] = []

    def first(self, n: int) -> Tensor:
        """Of the first n frames, `[1, Z, n]`."""
        while len(self._frames) < n:
            self._frames.append(torch.randn(self._n_channels, generator=self._generator))
        return torch.stack(self._frames[:n], -1)[None]


def vits_slices(
    decoder: VitsDecoder,
    tokens: Tensor,
    phonemes: Tensor,
    style: Tensor,
    generator: torch.Generator,
    *,
    sample_rate: int,
    speed: float = 1.0,
    window_seconds: Sequence[float] = WHOLE_WINDOW_SECONDS,
) -> Iterator[Slice]:
    """Slices of the samples of tokens `[1, S]`, phonemes `[1, P]` in `style [1, G, 1]`."""
    _, n_channels, n_frames = decoder.noise_shape(tokens.shape[-1], speed)
    noise = FrameNoise(generator, n_channels).first(n_frames).to(style)
    latent = decoder.latent(tokens, phonemes, style, noise, speed=speed)  # [1, Z, F]
    yield from vocoded(
        [latent],
        lambda frames, context: decoder.vocoder(frames, style, context=context),
        decoder.config.vocoder,
        sample_rate=sample_rate,
        window_seconds=window_seconds,
    )


def cfm_slices(
    decoder: CfmDecoder,
    tokens: Tensor,
    phonemes: Tensor,
    style: Tensor,
    generator: torch.Generator,
    *,
    mel: Tensor,
    prompt_tokens: Tensor,
    prompt_phonemes: Tensor,
    sample_rate: int,
    speed: float = 1.0,
    steps: int = 32,
) -> Iterator[Slice]:
    """As `vits_slices`, continuing the clip `mel [1, n_mels, R]` in which the prompt is said."""
    reference = decoder.reference(mel, prompt_tokens, prompt_phonemes, style)
    features = decoder.features(tokens, phonemes, style, speed=speed)

    def noise(shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=generator).to(style)

    config = decoder.config.vocoder
    yield from vocoded(
        decoder.mels(features, reference, noise, steps=steps),
        lambda frames, context: decoder.vocoder(frames, context=context),
        config,
        sample_rate=sample_rate,
        window_seconds=BIGVGAN_WINDOW_SECONDS if isinstance(config, BigVganConfig) else WINDOW_SECONDS,
    )


def vocoded(
    pieces: Iterable[Tensor],
    vocode: Vocode,
    config: HifiGanConfig | BigVganConfig,
    *,
    sample_rate: int,
    window_seconds: Sequence[float],
) -> Iterator[Slice]:
    """Frames `[1, C, F]`, in pieces, to slices of samples: as if all had been vocoded at once.

    `window_seconds` are the lengths of the first windows; the last holds for all that follow.

    Where the cuts fall depends on the lengths alone, never on time: equal frames give equal samples.
    """
    sizes = window_sizes(config, sample_rate=sample_rate, window_seconds=window_seconds)
    known: list[Tensor] = []
    done, size = 0, next(sizes)
    for piece in pieces:
        known = [torch.cat([*known, piece], -1)]
        # Whether it is the last is not waited for: a piece may take seconds to be made.
        while done + size <= known[0].shape[-1] - config.context_frames:
            yield Slice(window(known[0], done, done + size, vocode, config), is_last=False)
            done, size = done + size, next(sizes)
    frames = known[0]
    while done < frames.shape[-1]:
        stop = min(frames.shape[-1], done + size)
        yield Slice(window(frames, done, stop, vocode, config), is_last=stop == frames.shape[-1])
        done, size = stop, next(sizes)


def window_sizes(
    config: HifiGanConfig | BigVganConfig, *, sample_rate: int, window_seconds: Sequence[float]
) -> Iterator[int]:
    """In frames, without end: the last of `window_seconds` holds for all that follow."""
    sizes = [_rounded(seconds * sample_rate / config.hop_length) for seconds in window_seconds]
    return itertools.chain(sizes, itertools.repeat(sizes[-1]))


def _rounded(n_frames: float) -> int:
    step = LENGTH_STEPS[n_frames > LENGTH_STEPS[-1] * 2]
    return max(step, round(n_frames / step) * step)


def window(
    frames: Tensor, start: int, stop: int, vocode: Vocode, config: HifiGanConfig | BigVganConfig
) -> Tensor:
    """Samples `[n]` of frames start … stop of `[1, C, F]`, which knows the frames around them.

    The last window may end anywhere: where there is room it begins earlier than asked, so that its length is
    one of few.
    """
    context, n = config.context_frames, stop - start
    spare = -n % LENGTH_STEPS[n > LENGTH_STEPS[-1] * 2] if stop == frames.shape[-1] else 0
    if start - spare < context:
        spare = 0
    left = min(start - spare, context)
    right = min(frames.shape[-1] - stop, context)
    samples = vocode(frames[..., start - spare - left : stop + right], (left, right))[0]
    return samples[spare * config.hop_length :]


class Edges:
    """A segment's slices as they are sent: within ±1, and silent at both ends.

    The gain only falls, over a few milliseconds: the reference implementation divides a whole segment by its
    peak, which a stream cannot wait for. The vocoders at hand end in a tanh or a clamp, so this is a net.
    """

    FADE_SECONDS = 0.003

    def __init__(self, sample_rate: int) -> None:
        self._n_fade = max(1, int(self.FADE_SECONDS * sample_rate))
        self._gain = 1.0
        self._is_first = True

    def __call__(self, part: Slice) -> Tensor:
        samples = self._limited(part.samples)
        n = min(self._n_fade, len(samples))
        if self._is_first and n:
            samples = torch.cat([samples[:n] * torch.linspace(0.0, 1.0, n).to(samples), samples[n:]])
            self._is_first = False
        if part.is_last and n:
            samples = torch.cat([samples[:-n], samples[-n:] * torch.linspace(1.0, 0.0, n).to(samples)])
        return samples

    def _limited(self, samples: Tensor) -> Tensor:
        peak = float(samples.abs().max()) if samples.numel() else 0.0
        gain = min(self._gain, 1.0 / peak) if peak > 1.0 else self._gain
        if gain == self._gain == 1.0:
            return samples
        gains = torch.full_like(samples, gain)
        n = min(self._n_fade, len(samples))
        gains[:n] = torch.linspace(self._gain, gain, n)
        self._gain = gain
        return (samples * gains).clamp(-1.0, 1.0)
