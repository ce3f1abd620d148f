"""Joining pieces of audio that overlap.

left   ────────────┐overlap│
right          …[search]│overlap│──────────
                 ▲ offset: where right's head looks most like left's tail
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def crossfade(tail: Tensor, head: Tensor) -> Tensor:
    """`tail` `[..., N]` faded out under `head` `[..., N]` faded in, by the two halves of a Hann window."""
    fade = torch.hann_window(2 * head.shape[-1], dtype=head.dtype, device=head.device)
    rising, falling = fade.chunk(2)
    return rising * head + falling * tail


def best_offset(tail: Tensor, head: Tensor) -> int:
    """Where in `head` `[N + search]` the piece most like `tail` `[N]` begins: 0 … search.

    Likeness is the correlation divided by the norm of the piece of `head` (the norm of `tail` is the same for
    all), so that loud places have no advantage.
    """
    head, tail = head[None, None], tail[None, None]
    correlation = F.conv1d(head, tail)
    energy = F.conv1d(head.square(), torch.ones_like(tail)) + 1e-8
    return int((correlation / energy.sqrt()).argmax())


def overlap_add(pieces: Sequence[Tensor], *, overlap: int, search: int = 320) -> Tensor:
    """`pieces` `[N_i]` joined into one, each aligned with its left neighbour and faded into it (SOLA).

    Each piece loses the 0 … `search` samples that the alignment skips. A piece shorter than
    `overlap` is a ValueError. Matches the reference implementation (tests/parity, kind dsp).
    """
    if not pieces:
        raise ValueError("there is nothing to join")
    joined = [pieces[0]]
    for piece in pieces[1:]:
        left, tail = joined[-1][:-overlap], joined[-1][-overlap:]
        if min(len(tail), len(piece)) < overlap:
            lengths = f"{len(joined[-1])} and {len(piece)}"
            raise ValueError(f"pieces of {lengths} samples can't overlap by {overlap}")
        right = piece[best_offset(tail, piece[: overlap + search]) :]
        joined[-1] = left
        joined.append(torch.cat([crossfade(tail, right[:overlap]), right[overlap:]]))
    return torch.cat(joined)
