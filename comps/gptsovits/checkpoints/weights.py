"""Tensors by their official names, with weight norm folded and LoRA merged: one view upon another."""

import re
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from comps.gptsovits.checkpoints.reader import Checkpoint


class Weights(Protocol):
    """Names and shapes for free, numbers when asked for."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...

    def read(self, name: str) -> Tensor: ...


class Stored:
    """The tensors of a file, less `prefix` where they have it."""

    def __init__(self, checkpoint: Checkpoint, prefix: str = "") -> None:
        self._checkpoint = checkpoint
        self._names = {name.removeprefix(prefix): name for name in checkpoint.tensors}
        self.shapes: dict[str, tuple[int, ...]] = {
            name: checkpoint.tensors[full].shape for name, full in self._names.items()
        }

    def read(self, name: str) -> Tensor:
        return self._checkpoint.read(self._names[name])


class InMemory:
    """A state dict."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors
        self.shapes: dict[str, tuple[int, ...]] = {name: tuple(t.shape) for name, t in tensors.items()}

    def read(self, name: str) -> Tensor:
        return self._tensors[name]


class Without:
    """Weights but those whose names begin with one of `prefixes`."""

    def __init__(self, weights: Weights, prefixes: tuple[str, ...]) -> None:
        self._weights = weights
        self.shapes = {name: s for name, s in weights.shapes.items() if not name.startswith(prefixes)}

    def read(self, name: str) -> Tensor:
        return self._weights.read(name)


class Under:
    """Weights whose names begin with `prefix`, less the prefix."""

    def __init__(self, weights: Weights, prefix: str) -> None:
        self._weights, self._prefix = weights, prefix
        self.shapes = {
            name.removeprefix(prefix): s for name, s in weights.shapes.items() if name.startswith(prefix)
        }

    def read(self, name: str) -> Tensor:
        return self._weights.read(self._prefix + name)


# The two notations of weight norm: magnitude, direction.
_NORMS = (
    (re.compile(r"(^|.*\.)weight_g$"), r"\1weight_v", r"\1weight"),
    (
        re.compile(r"(^|.*\.)parametrizations\.weight\.original0$"),
        r"\1parametrizations.weight.original1",
        r"\1weight",
    ),
)


class Folded:
    """Each magnitude and direction as one `weight`, in float32; all else as it is.

    The magnitude's shape tells over which dimensions the norm runs: `[C, 1, 1]` for most, `[1, 1, K]` for
    HuBERT's positions.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._pairs: dict[str, tuple[str, str]] = {}
        shapes = dict(weights.shapes)
        for name in weights.shapes:
            for pattern, direction_form, folded_form in _NORMS:
                if not (match := pattern.match(name)):
                    continue
                direction, folded = match.expand(direction_form), match.expand(folded_form)
                if direction in shapes and folded not in shapes:
                    shapes[folded] = shapes.pop(direction)
                    del shapes[name]
                    self._pairs[folded] = (name, direction)
        self.shapes: dict[str, tuple[int, ...]] = shapes

    def read(self, name: str) -> Tensor:
        if name not in self._pairs:
            return self._weights.read(name)
        magnitude, direction = (self._weights.read(part).float() for part in self._pairs[name])
        return fold(magnitude, direction)


def fold(magnitude: Tensor, direction: Tensor) -> Tensor:
    """`magnitude · direction / ‖direction‖`, the norm over the dimensions where the magnitude has size 1."""
    # Torch's own kernel rather than the formula: equal to the last bit to what a network under weight norm
    # computes, and BigVGAN makes much of a last bit.
    wide = [d for d, size in enumerate(magnitude.shape) if size != 1]
    return torch._weight_norm(direction, magnitude, wide[0] if wide else 0)
