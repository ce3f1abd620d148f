"""AcousticDecoder: what the engine asks of any version's second stage."""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from comps.gptsovits.networks.semantic.quantizer import SemanticQuantizer

# Draws standard normal noise of a shape. Whose randomness it is, is the caller's business.
NoiseSource = Callable[[tuple[int, ...]], Tensor]


class AcousticDecoder(Protocol):
    """Semantic tokens and a speaker -> audio. Holds weights only; everything of a request is an argument."""

    quantizer: SemanticQuantizer

    def style(self, references: Sequence[Tensor], speakers: Sequence[Tensor] | None = None) -> Tensor:
        """Reference spectrograms `[1, K, T]` (and speaker vectors `[1, E]`) -> mean style `[1, G, 1]`."""
        ...
