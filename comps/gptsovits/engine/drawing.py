"""Drawing: the next tokens of all rows of a step."""

from collections.abc import Sequence as Row

import torch
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.engine.sampling import MIN_TEMPERATURE, Draw
from comps.gptsovits.engine.sequence import Sequence


class Drawer:
    """Draws each row as its sequence's sampler does; with a library, in one call for all it knows."""

    def __init__(self, library: native.Library | None = None) -> None:
        self._library = library

    def draw(self, sequences: Row[Sequence], logits: Tensor) -> list[Draw | None]:
        """One for each row of `logits [B, V]`; None where a logit is no number."""
        if self._library is None or logits.device.type != "cpu":
            return [_drawn(sequence, own) for sequence, own in zip(sequences, logits, strict=True)]
        logits = logits.float()
        known = [i for i, sequence in enumerate(sequences) if sequence.sampler.options.top_p >= 1.0]
        drawn: dict[int, Draw | None] = {}
        if known:
            rows = logits if len(known) == len(sequences) else logits[known]
            drawings = [_drawing(sequences[i]) for i in known]
            for i, (token, best) in zip(known, native.draw(self._library, rows, drawings), strict=True):
                end = sequences[i].sampler.end_token
                drawn[i] = Draw(token, is_end=end in (token, best)) if token >= 0 else None
        return [
            drawn[i] if i in drawn else _drawn(sequence, logits[i]) for i, sequence in enumerate(sequences)
        ]


def _drawn(sequence: Sequence, logits: Tensor) -> Draw | None:
    if not torch.isfinite(logits).all():
        return None
    return sequence.sampler.draw(logits, sequence.history, sequence.noise)


def _drawing(sequence: Sequence) -> native.Drawing:
    sampler, history = sequence.sampler, sequence.history
    return native.Drawing(
        history.seen,
        sequence.noise.seed,
        history.n_new,
        sampler.min_tokens,
        sampler.options.repetition_penalty,
        max(sampler.options.temperature, MIN_TEMPERATURE),
        sampler.options.top_k,
    )
