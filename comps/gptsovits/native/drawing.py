"""The compiled draw: the next token of several rows in one call."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from comps.gptsovits.native.library import DrawingView, Library

INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Drawing:
    """One row's part: `seen [V]` of bool, the seed of its noise, tokens drawn so far, and its options."""

    seen: Tensor
    seed: int
    step: int
    min_tokens: int
    repetition_penalty: float
    temperature: float
    top_k: int


def draw(library: Library, logits: Tensor, drawings: Sequence[Drawing]) -> list[tuple[int, int]]:
    """For `logits [B, V]` in float32 the token drawn in each row, -1 where a logit is no number, and the
    likeliest one."""
    views = (DrawingView * len(drawings))(
        *(
            DrawingView(
                each.seen.data_ptr(),
                each.seed,
                each.step,
                each.min_tokens,
                min(each.top_k, INT32_MAX),
                each.repetition_penalty,
                each.temperature,
            )
            for each in drawings
        )
    )
    library.draw(logits.data_ptr(), logits.stride(0), logits.shape[1], views, len(drawings))
    return [(view.token, view.best) for view in views]
