"""Mels longer than one pass of the network can make: in sequence, or side by side.

in sequence     [reference │ chunk 1]  [chunk 1's end │ chunk 2]  …      each continues what it made itself
side by side    [reference │ chunk 1]  [reference │ chunk 2]  …          all at once; overlaps are cross-faded
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.networks.cfm.dit import Dit
from comps.gptsovits.networks.cfm.sampler import sample_mel
from comps.gptsovits.networks.decoder import NoiseSource


@dataclass(frozen=True)
class ChunkSizes:
    """In mel frames."""

    reference: int  # as much of a reference as is used, at most
    chunk: int  # reference and new frames together
    overlap: int  # between chunks that are made side by side


@dataclass(frozen=True)
class FlowReference:
    """What the network continues: the normalised mel of a reference clip, and its frame features.

    `mel [1, n_mels, R]`, `features [1, C, R]`.
    """

    mel: Tensor
    features: Tensor

    @classmethod
    def of_clip(cls, mel: Tensor, features: Tensor, sizes: ChunkSizes) -> "FlowReference":
        """The part of a clip that both cover, and of it the end, which is next to what follows."""
        n_frames = min(mel.shape[-1], features.shape[-1])
        start = max(0, n_frames - sizes.reference)
        return cls(mel[..., start:n_frames], features[..., start:n_frames])

    @property
    def n_frames(self) -> int:
        return self.mel.shape[-1]


def mel_in_sequence(
    dit: Dit, features: Tensor, reference: FlowReference, noise: NoiseSource, *, sizes: ChunkSizes, steps: int
) -> Iterator[Tensor]:
    """Normalised mel chunks `[1, n_mels, m]` that together cover `features [1, C, M]`, as they are made."""
    n_new = sizes.chunk - reference.n_frames
    known = reference
    for chunk in features.split(n_new, dim=-1):
        joined = torch.cat([known.features, chunk], -1)
        drawn = noise((1, known.mel.shape[1], joined.shape[-1]))
        made = sample_mel(dit, joined, known.mel, drawn, steps=steps)[..., known.n_frames :]
        yield made
        # The next chunk continues this one, with as much of it as there was of the reference.
        known = FlowReference(made[..., -reference.n_frames :], chunk[..., -reference.n_frames :])


@dataclass(frozen=True)
class ParallelMel:
    """Overlapping chunks `[K, n_mels, m]` of one long mel; `n_padding` frames at its end are nothing's."""

    chunks: Tensor
    n_padding: int


def mel_side_by_side(
    dit: Dit, features: Tensor, reference: FlowReference, noise: NoiseSource, *, sizes: ChunkSizes, steps: int
) -> ParallelMel:
    """All chunks that cover `features [1, C, M]` in one batch, each continuing the same reference.

    The first chunk begins with `sizes.overlap` frames of silence, so that every chunk has an overlap to lose.
    """
    n_new = sizes.chunk - reference.n_frames
    pieces = _overlapping(F.pad(features, (sizes.overlap, 0)), n_new, sizes.overlap)
    n_padding = n_new - pieces[-1].shape[-1]
    batch = torch.cat([F.pad(piece, (0, n_new - piece.shape[-1])) for piece in pieces])  # [K, C, n_new]
    joined = torch.cat([reference.features.expand(len(batch), -1, -1), batch], -1)
    drawn = noise((len(batch), reference.mel.shape[1], joined.shape[-1]))
    made = sample_mel(dit, joined, reference.mel, drawn, steps=steps)
    return ParallelMel(made[..., reference.n_frames :], n_padding)


def _overlapping(features: Tensor, length: int, overlap: int) -> list[Tensor]:
    """Pieces of `length` frames, each beginning `overlap` frames before the end of the one before.

    The last are shorter. Matches the reference implementation, which begins another piece even where that
    holds nothing but the overlap.
    """
    starts = range(0, features.shape[-1], length - overlap)
    return [features[..., start : start + length] for start in starts]


def cut_by_length(samples: Tensor, lengths: Sequence[int]) -> list[Tensor]:
    """`samples [N]` in consecutive pieces of `lengths`; what is missing is missing from the last ones."""
    ends = torch.tensor(lengths).cumsum(0).tolist()
    return [samples[end - length : end] for end, length in zip(ends, lengths, strict=True)]
