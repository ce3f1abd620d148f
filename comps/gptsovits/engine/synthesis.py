"""Synthesis: a segment's tokens to windows of frames, and to the edges of what is heard.

The prior and the flow of a VITS decoder run over the whole segment: they are cheap and look far. Flow
matching makes its frames chunk by chunk, each of which takes long.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from comps.gptsovits.engine.windows import (
    BIGVGAN_WINDOW_SECONDS,
    WHOLE_WINDOW_SECONDS,
    WINDOW_SECONDS,
    Part,
    Slice,
    announced,
    windows,
)
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.networks.vocoders.bigvgan import BigVganConfig


class FrameNoise:
    """Standard normal noise, frame by frame: the first frames are the same however many follow."""

    # torch draws so many numbers at once: frames of whole parts are the same one by one and together.
    _UNIT = 16

    def __init__(self, generator: torch.Generator, n_channels: int) -> None:
        self._generator, self._n_channels = generator, n_channels
        self._n_drawn = -(-n_channels // self._UNIT) * self._UNIT
        self._frames = torch.empty(0, self._n_drawn)

    def first(self, n: int) -> Tensor:
        """Of the first n frames, `[1, Z, n]`."""
        missing = n - len(self._frames)
        if missing > 0:
            more = torch.randn(missing, self._n_drawn, generator=self._generator)
            self._frames = torch.cat([self._frames, more])
        return self._frames[:n, : self._n_channels].T.contiguous()[None]


def vits_parts(
    decoder: VitsDecoder,
    tokens: Tensor,
    phonemes: Tensor,
    style: Tensor,
    generator: torch.Generator,
    *,
    sample_rate: int,
    speed: float = 1.0,
    window_seconds: Sequence[float] = WHOLE_WINDOW_SECONDS,
) -> Iterator[Part]:
    """Windows of tokens `[1, S]`, phonemes `[1, P]` in `style [1, G, 1]`."""
    _, n_channels, n_frames = decoder.noise_shape(tokens.shape[-1], speed)
    noise = FrameNoise(generator, n_channels).first(n_frames).to(style)
    latent = decoder.latent(tokens, phonemes, style, noise, speed=speed)  # [1, Z, F]
    yield from windows(
        [latent], decoder.vocoder, style, sample_rate=sample_rate, window_seconds=window_seconds
    )


def cfm_parts(
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
) -> Iterator[Part]:
    """As `vits_parts`, continuing the clip `mel [1, n_mels, R]` in which the prompt is said."""

    def noise(shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=generator).to(style)

    def mels() -> Iterator[Tensor]:
        reference = decoder.reference(mel, prompt_tokens, prompt_phonemes, style)
        features = decoder.features(tokens, phonemes, style, speed=speed)
        yield from decoder.mels(features, reference, noise, steps=steps)

    is_bigvgan = isinstance(decoder.config.vocoder, BigVganConfig)
    yield from windows(
        announced(mels()),
        decoder.vocoder,
        sample_rate=sample_rate,
        window_seconds=BIGVGAN_WINDOW_SECONDS if is_bigvgan else WINDOW_SECONDS,
    )


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
