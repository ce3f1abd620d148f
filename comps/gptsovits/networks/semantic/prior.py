"""The semantic prior: quantised content, phonemes and style -> a Gaussian over latent frames."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.networks.layers.encoder import Encoder
from comps.gptsovits.networks.layers.masks import masked
from comps.gptsovits.networks.semantic.mrte import MRTE


@dataclass(frozen=True)
class PriorConfig:
    n_symbols: int
    feature_dim: int  # width of the codebook rows
    channels: int
    latent_channels: int
    ffn_channels: int
    n_heads: int
    n_layers: int  # of the text encoder; the two content encoders have half as many
    kernel_size: int
    mrte_channels: int


@dataclass(frozen=True)
class Prior:
    """`mean` and `log_std` `[B, Z, F]` of the latent frames; `hidden [B, C, F]` before projection."""

    mean: Tensor
    log_std: Tensor
    hidden: Tensor


class SemanticPrior(nn.Module):
    """What all versions share: tokens become frames that know the text and the speaker."""

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        encoder = (config.channels, config.ffn_channels, config.n_heads)
        self.content_in = nn.Conv1d(config.feature_dim, config.channels, 1)
        self.content_encoder = Encoder(*encoder, config.n_layers // 2, config.kernel_size)
        self.text_embedding = nn.Embedding(config.n_symbols, config.channels)
        self.text_encoder = Encoder(*encoder, config.n_layers, config.kernel_size)
        self.mrte = MRTE(config.channels, config.mrte_channels)
        self.joint_encoder = Encoder(*encoder, config.n_layers // 2, config.kernel_size)
        self.out = nn.Conv1d(config.channels, 2 * config.latent_channels, 1)

    def forward(
        self,
        content: Tensor,
        phonemes: Tensor,
        style: Tensor,
        *,
        speed: float = 1.0,
        content_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> Prior:
        """`content [B, D, F]` (codebook rows at the latent rate), `phonemes [B, P]`, `style [B, M, 1]`.

        `speed` stretches the frames linearly in time; 1.0 leaves them untouched.
        """
        hidden = self.encode(content, phonemes, style, content_mask, text_mask)
        return self.gaussian(stretched(hidden, speed), hidden, content_mask if speed == 1.0 else None)

    def read(self, phonemes: Tensor, mask: Tensor | None = None) -> Tensor:
        """Phonemes `[B, P]` that know their neighbours, `[B, C, P]`."""
        text: Tensor = self.text_encoder(self.text_embedding(phonemes).transpose(1, 2), mask)
        return text

    def encode(
        self,
        content: Tensor,
        phonemes: Tensor,
        style: Tensor,
        content_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
        *,
        text: Tensor | None = None,
        lookahead: int = 0,
    ) -> Tensor:
        """Joint content and text, `[B, C, F]`. `text` is what `read` made of the phonemes, if that is known.

        `lookahead` frames at the end are seen by the attention to text but not by the last encoder:
        streaming passes repeated frames there, so that a chunk's end is not taken for the sentence's.
        """
        content = masked(self.content_in(masked(content, content_mask)), content_mask)
        content = self.content_encoder(content, content_mask)
        if text is None:
            text = self.read(phonemes, text_mask)
        joint = self.mrte(content, text, style, content_mask, text_mask)
        if lookahead:
            joint = joint[..., :-lookahead]
        return self.joint_encoder(joint, content_mask)

    def gaussian(self, frames: Tensor, hidden: Tensor, mask: Tensor | None = None) -> Prior:
        mean, log_std = masked(self.out(frames), mask).chunk(2, dim=1)
        return Prior(mean, log_std, hidden)


def stretched_length(n_frames: int, speed: float) -> int:
    """Frames after `stretched`. One frame more than the quotient, as the reference implementation has."""
    return n_frames if speed == 1.0 else int(n_frames / speed) + 1


def stretched(hidden: Tensor, speed: float) -> Tensor:
    """`hidden [B, C, F]` resampled linearly in time to speak `speed` times as fast."""
    if speed == 1.0:
        return hidden
    return F.interpolate(hidden, size=stretched_length(hidden.shape[-1], speed), mode="linear")


def stretched_between(hidden: Tensor, speed: float, start: int, stop: int) -> Tensor:
    """Frames start … stop of `hidden [B, C, F]` spoken `speed` times as fast, however long it will become.

    `stretched` sets its pace by the length of the whole, and differs by less than a frame.
    """
    if speed == 1.0:
        return hidden[..., start:stop]
    last = hidden.shape[-1] - 1
    frames = torch.arange(start, stop, dtype=torch.float32, device=hidden.device)
    places = ((frames + 0.5) * speed - 0.5).clamp(0.0, last)
    left = places.floor().long()
    return torch.lerp(
        hidden[..., left], hidden[..., (left + 1).clamp(max=last)], (places - left).to(hidden.dtype)
    )
