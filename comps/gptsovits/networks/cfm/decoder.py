"""CfmDecoder: the decoder of v3 and v4."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.dsp.crossfade import overlap_add
from comps.gptsovits.dsp.mel import denormalize_mel
from comps.gptsovits.networks.cfm.chunks import (
    ChunkSizes,
    FlowReference,
    cut_by_length,
    mel_in_sequence,
    mel_side_by_side,
)
from comps.gptsovits.networks.cfm.context import MelContext
from comps.gptsovits.networks.cfm.dit import Dit, DitConfig
from comps.gptsovits.networks.decoder import NoiseSource
from comps.gptsovits.networks.semantic.prior import PriorConfig, SemanticPrior, stretched
from comps.gptsovits.networks.semantic.quantizer import SemanticQuantizer
from comps.gptsovits.networks.semantic.style import StyleEncoder
from comps.gptsovits.networks.vocoders.bigvgan import BigVgan, BigVganConfig
from comps.gptsovits.networks.vocoders.hifigan import AnyHifiGan, HifiGan, HifiGanConfig

# torch's default for leaky activations, which the bridge was trained with.
BRIDGE_SLOPE = 0.01


@dataclass(frozen=True)
class CfmConfig:
    prior: PriorConfig
    dit: DitConfig
    vocoder: HifiGanConfig | BigVganConfig
    n_bins: int  # codebook rows
    token_stride: int  # content frames per token
    style_bins: int  # spectrogram bins that the style encoder reads
    style_hidden: int
    style_dim: int
    n_context_layers: int
    context_kernel_size: int
    frames_per_latent: float  # mel frames per content frame
    sizes: ChunkSizes

    @property
    def samples_per_token(self) -> int:
        return round(self.vocoder.hop_length * self.frames_per_latent * self.token_stride)


class CfmDecoder(nn.Module):
    """Semantic prior -> frame features -> flow matching -> vocoder."""

    def __init__(self, config: CfmConfig) -> None:
        super().__init__()
        self.config = config
        prior, features = config.prior, config.dit.feature_dim
        self.quantizer = SemanticQuantizer(config.n_bins, prior.feature_dim, stride=config.token_stride)
        self.style_encoder = StyleEncoder(config.style_bins, config.style_hidden, config.style_dim)
        self.prior = SemanticPrior(prior)
        self.bridge = nn.Conv1d(prior.channels, features, 1)
        self.context = MelContext(
            features, config.n_context_layers, config.context_kernel_size, config.style_dim
        )
        self.dit = Dit(config.dit)
        self.vocoder: AnyHifiGan | BigVgan = (
            BigVgan(config.vocoder) if isinstance(config.vocoder, BigVganConfig) else HifiGan(config.vocoder)
        )

    def style(self, references: Sequence[Tensor], speakers: Sequence[Tensor] | None = None) -> Tensor:
        """Mean style `[1, G, 1]` of reference spectrograms `[1, K, T]`. Speaker vectors are not used."""
        return torch.stack([self.style_encoder(reference) for reference in references]).mean(0)

    def features(self, tokens: Tensor, phonemes: Tensor, style: Tensor, *, speed: float = 1.0) -> Tensor:
        """Frame features `[B, C, M]` for tokens `[B, S]`, phonemes `[B, P]` and style `[B, G, 1]`."""
        return self.context(self.bridged(tokens, phonemes, style, speed=speed), style)

    def bridged(self, tokens: Tensor, phonemes: Tensor, style: Tensor, *, speed: float = 1.0) -> Tensor:
        """The semantic prior at the mel's rate, before its context: `[B, C, M]`."""
        content = self.quantizer.decode(tokens).repeat_interleave(self.config.token_stride, dim=-1)
        hidden = stretched(self.prior.encode(content, phonemes, style), speed)
        bridged = F.leaky_relu(self.bridge(hidden), BRIDGE_SLOPE)
        return F.interpolate(bridged, scale_factor=self.config.frames_per_latent, mode="nearest")

    def reference(self, mel: Tensor, tokens: Tensor, phonemes: Tensor, style: Tensor) -> FlowReference:
        """What speech continues: the normalised `mel [1, n_mels, R]` of a clip with what is said in it."""
        return FlowReference.of_clip(mel, self.features(tokens, phonemes, style), self.config.sizes)

    def mels(
        self, features: Tensor, reference: FlowReference, noise: NoiseSource, *, steps: int
    ) -> Iterator[Tensor]:
        """Log-mel chunks `[1, n_mels, m]` of `features [1, C, M]`, in sequence, as they are made."""
        sizes = self.config.sizes
        for mel in mel_in_sequence(self.dit, features, reference, noise, sizes=sizes, steps=steps):
            yield denormalize_mel(mel)

    def decode(
        self,
        tokens: Tensor,
        phonemes: Tensor,
        style: Tensor,
        reference: FlowReference,
        noise: NoiseSource,
        *,
        speed: float = 1.0,
        steps: int = 32,
    ) -> Tensor:
        """Samples `[1, N]` for tokens `[1, S]` and phonemes `[1, P]`."""
        features = self.features(tokens, phonemes, style, speed=speed)
        mel = torch.cat(list(self.mels(features, reference, noise, steps=steps)), -1)
        samples: Tensor = self.vocoder(mel)
        return samples

    def decode_together(
        self, features: Sequence[Tensor], reference: FlowReference, noise: NoiseSource, *, steps: int = 32
    ) -> list[Tensor]:
        """Samples `[N_i]` for each of several texts' `features` `[1, C, M_i]` in the same voice.

        The texts are laid end to end and cut into chunks that run as one batch: faster than one by one, but
        aligning the chunks drops a few milliseconds at each joint, which the last texts come out shorter by.
        """
        sizes, hop = self.config.sizes, self.config.vocoder.hop_length
        joined = torch.cat(list(features), -1)
        mel = mel_side_by_side(self.dit, joined, reference, noise, sizes=sizes, steps=steps)
        # One pass of the vocoder over all chunks, end to end.
        samples = self.vocoder(denormalize_mel(mel.chunks.transpose(0, 1).flatten(1)[None]))[0]  # [N]
        audio = overlap_add(samples.split(mel.chunks.shape[-1] * hop), overlap=sizes.overlap * hop)
        audio = audio[sizes.overlap * hop : len(audio) - mel.n_padding * hop]
        return cut_by_length(audio, [piece.shape[-1] * hop for piece in features])
