"""Margins: what a window of frames needs on both sides, stage by stage.

A vocoder looks a quarter of a second far, but nearly all of that in its first stage, where a second has few
positions and costs little. So each stage computes only what those after it will look at; a window costs a
tenth of a second more than the frames it is asked for, rather than half a second.

    frames    ccccc[==============]ccccc     c: context
    stage 1     ccc[==============]ccc
    stage 2       c[==============]c
    samples        [==============]
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class StageMargins:
    """Positions beside the wanted ones, at the stage's own rate."""

    upsampled: int  # that its residual blocks look at
    out: int  # that the next stage looks at


@dataclass(frozen=True)
class VocoderMargins:
    frames: int  # of the input
    embedded: int  # of the first convolution's output
    stages: tuple[StageMargins, ...]

    @classmethod
    def of(
        cls, rates: Sequence[int], kernels: Sequence[int], *, reach: int, first: int, last: int
    ) -> "VocoderMargins":
        """For upsampling by `rates` with `kernels`.

        Each stage's residual blocks look `reach` far, what is before all stages `first`, after them `last`.
        """
        needed = last
        stages: list[StageMargins] = []
        for rate, kernel in reversed(list(zip(rates, kernels, strict=True))):
            upsampled = needed + reach
            stages.append(StageMargins(upsampled, needed))
            # Position t comes from s where 0 <= t + padding - s * rate < kernel.
            padding = (kernel - rate) // 2
            left = -(-(upsampled + kernel - 1 - padding) // rate)
            right = (upsampled + padding + rate - 1) // rate
            needed = max(left, right)
        return cls(needed + first, needed, tuple(reversed(stages)))


@dataclass(frozen=True)
class Margins:
    """Positions at both ends of `[…, T]` that are context."""

    left: int
    right: int

    def scaled(self, rate: int) -> "Margins":
        return Margins(self.left * rate, self.right * rate)

    def trimmed(self, x: Tensor, needed: int) -> tuple[Tensor, "Margins"]:
        """`x` with no more context than is needed.

        What is cut off is where a convolution saw padding in place of neighbours. At the end of all frames
        there is no context, and padding is right.
        """
        n, skipped, margins = self.cut(x.shape[-1], needed)
        return x[..., skipped : skipped + n], margins

    def cut(self, n: int, needed: int) -> tuple[int, int, "Margins"]:
        """Of n positions: how many are left, how many are cut off before them, and their margins."""
        left, right = max(0, self.left - needed), max(0, self.right - needed)
        return n - left - right, left, Margins(self.left - left, self.right - right)
