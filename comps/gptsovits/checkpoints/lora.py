"""LoRA files of v3 and v4: what they change in the official decoder (Hu et al. 2021)."""

from collections.abc import Mapping

from torch import Tensor

from comps.cores.errors import MissingTensors
from comps.gptsovits.checkpoints.weights import Weights

# `peft` wraps the flow-matching network, and its names with it.
_WRAPPED = "cfm.base_model.model."
_A, _B = ".lora_A.default.weight", ".lora_B.default.weight"


class Merged:
    """The base with the file's own tensors in place of its, and `B @ A` added where it has a pair.

    The reference project trains with `lora_alpha` equal to the rank, so the pair's product counts once.
    """

    def __init__(self, base: Weights, lora: Weights) -> None:
        self._base, self._lora = base, lora
        plain = {_unwrapped(name): name for name in lora.shapes}
        self._pairs = {
            f"{name.removesuffix(_A)}.weight": (plain[name], plain[name.removesuffix(_A) + _B])
            for name in plain
            if name.endswith(_A) and name.removesuffix(_A) + _B in plain
        }
        self._own = {name: found for name, found in plain.items() if not name.endswith((_A, _B))}
        self._check(base.shapes, plain)
        self.shapes: Mapping[str, tuple[int, ...]] = {
            **base.shapes,
            **{name: lora.shapes[found] for name, found in self._own.items()},
        }

    def read(self, name: str) -> Tensor:
        weight = self._lora.read(self._own[name]) if name in self._own else self._base.read(name)
        if name not in self._pairs:
            return weight
        down, up = (self._lora.read(part).float() for part in self._pairs[name])
        return weight.float() + up @ down

    def _check(self, base: Mapping[str, tuple[int, ...]], plain: Mapping[str, str]) -> None:
        single = [n for n in plain if n.endswith((_A, _B)) and _target(n) not in self._pairs]
        if single:
            raise MissingTensors(f"the LoRA lacks one half of {single[0]}")
        for name, (down, up) in self._pairs.items():
            shape, a, b = base.get(name), self._lora.shapes[down], self._lora.shapes[up]
            if shape is None or len(a) != 2 or len(b) != 2 or a[0] != b[1] or (b[0], a[1]) != shape:
                raise MissingTensors(f"the LoRA does not fit the base: {name} is {shape}, its pair {b} · {a}")
        if not self._pairs:
            raise MissingTensors("the file is called a LoRA but has no pair of matrices")


def _unwrapped(name: str) -> str:
    if name.startswith(_WRAPPED):
        name = "cfm." + name.removeprefix(_WRAPPED)
    return name.replace(".base_layer.", ".")


def _target(name: str) -> str:
    return name.removesuffix(_A).removesuffix(_B) + ".weight"
