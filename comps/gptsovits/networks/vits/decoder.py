"""VitsDecoder: the decoder of v1, v2, v2Pro and v2ProPlus."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from comps.gptsovits.networks.semantic.prior import (
    PriorConfig,
    SemanticPrior,
    stretched_between,
    stretched_length,
)
from comps.gptsovits.networks.semantic.quantizer import SemanticQuantizer
from comps.gptsovits.networks.semantic.style import SpeakerFusion, StyleEncoder
from comps.gptsovits.networks.vits.coupling import CouplingFlow
from comps.gptsovits.networks.vocoders.hifigan import AnyHifiGan, HifiGan, HifiGanConfig
from comps.gptsovits.networks.vocoders.vocos import AnyVocos, Vocos, VocosConfig

# How far a latent sample strays from the prior's mean; the value the reference implementation decodes with.
NOISE_SCALE = 0.5


@dataclass(frozen=True)
class VitsConfig:
    prior: PriorConfig
    vocoder: HifiGanConfig | VocosConfig  # the second in the bundled model alone
    content_dim: int  # width of the content features
    n_bins: int  # codebook rows
    token_stride: int  # content frames per token
    style_bins: int  # spectrogram bins that the style encoder reads
    style_hidden: int
    style_dim: int
    flow_channels: int
    n_flows: int
    n_flow_layers: int
    flow_kernel_size: int
    speaker_dim: int | None = None  # None: no speaker vector

    @property
    def samples_per_token(self) -> int:
        return self.vocoder.hop_length * self.token_stride

    @property
    def flow_reach(self) -> int:
        """How many frames away from its own the inverse flow looks."""
        return self.n_flows * self.n_flow_layers * (self.flow_kernel_size // 2)


class VitsDecoder(nn.Module):
    """Prior sample -> inverse flow -> vocoder."""

    def __init__(self, config: VitsConfig) -> None:
        super().__init__()
        self.config = config
        prior = config.prior
        self.quantizer = SemanticQuantizer(
            config.n_bins, prior.feature_dim, feature_dim=config.content_dim, stride=config.token_stride
        )
        self.style_encoder = StyleEncoder(config.style_bins, config.style_hidden, config.style_dim)
        self.speaker = (
            SpeakerFusion(config.speaker_dim, config.style_dim, prior.mrte_channels)
            if config.speaker_dim
            else None
        )
        self.prior = SemanticPrior(prior)
        self.flow = CouplingFlow(
            prior.latent_channels,
            config.flow_channels,
            n_flows=config.n_flows,
            n_layers=config.n_flow_layers,
            kernel_size=config.flow_kernel_size,
            style_dim=config.style_dim,
        )
        self.vocoder: AnyHifiGan | AnyVocos = (
            Vocos(config.vocoder) if isinstance(config.vocoder, VocosConfig) else HifiGan(config.vocoder)
        )

    def style(self, references: Sequence[Tensor], speakers: Sequence[Tensor] | None = None) -> Tensor:
        """Mean style `[1, G, 1]` of reference spectrograms `[1, K, T]`, with their speaker vectors `[1, E]`.

        A model with a speaker vector needs one for each reference.
        """
        styles = [self.style_encoder(reference) for reference in references]
        if self.speaker is not None:
            if speakers is None:
                raise ValueError("this model's style needs a speaker vector for each reference")
            styles = [self.speaker(s, v) for s, v in zip(styles, speakers, strict=True)]
        return torch.stack(styles).mean(0)

    def prior_style(self, style: Tensor) -> Tensor:
        """The style in the width that the prior takes, `[1, M, 1]`."""
        return self.speaker.for_prior(style) if self.speaker is not None else style

    def content(self, tokens: Tensor) -> Tensor:
        """Codebook rows at the latent rate: tokens `[B, S]` -> `[B, D, F]`, `F = S · stride`."""
        return self.quantizer.decode(tokens).repeat_interleave(self.config.token_stride, dim=-1)

    def noise_shape(self, n_tokens: int, speed: float = 1.0) -> tuple[int, int, int]:
        """Shape `[1, Z, F]` of the noise that `decode` takes for so many tokens."""
        n_frames = stretched_length(n_tokens * self.config.token_stride, speed)
        return 1, self.config.prior.latent_channels, n_frames

    def latent(
        self, tokens: Tensor, phonemes: Tensor, style: Tensor, noise: Tensor, *, speed: float = 1.0
    ) -> Tensor:
        """Vocoder input `[B, Z, F]` for tokens `[B, S]`, phonemes `[B, P]`, style `[B, G, 1]`."""
        prior = self.prior(self.content(tokens), phonemes, self.prior_style(style), speed=speed)
        sample = prior.mean + noise * prior.log_std.exp() * NOISE_SCALE
        return self.flow.inverse(sample, style)

    def latent_between(
        self,
        tokens: Tensor,
        phonemes: Tensor,
        style: Tensor,
        noise: Tensor,
        *,
        start: int,
        stop: int,
        text: Tensor | None = None,
        speed: float = 1.0,
    ) -> Tensor:
        """Frames start … stop of the vocoder's input, from the tokens `[1, S]` that are there so far.

        `noise [1, Z, >= stop]` begins with the first frame. `text` is the prior's reading of the phonemes, if
        that is known.
        """
        style_in = self.prior_style(style)
        hidden = self.prior.encode(self.content(tokens), phonemes, style_in, text=text)
        first = max(0, start - self.config.flow_reach)
        prior = self.prior.gaussian(stretched_between(hidden, speed, first, stop), hidden)
        sample = prior.mean + noise[..., first:stop] * prior.log_std.exp() * NOISE_SCALE
        return self.flow.inverse(sample, style)[..., start - first :]

    def decode(
        self, tokens: Tensor, phonemes: Tensor, style: Tensor, noise: Tensor, *, speed: float = 1.0
    ) -> Tensor:
        """Samples `[B, F · hop]`. `noise` is standard normal, of `noise_shape`; the caller draws it."""
        return self.vocoder(self.latent(tokens, phonemes, style, noise, speed=speed), style)
