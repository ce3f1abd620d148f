"""Weights into a network, strictly: everything it has, nothing else."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from comps.cores.errors import MissingTensors
from comps.gptsovits.checkpoints.keys import Table, rename
from comps.gptsovits.checkpoints.weights import Folded, Weights

M = TypeVar("M", bound=nn.Module, covariant=True)
N = TypeVar("N", bound=nn.Module)
_SHOWN = 8


@dataclass(frozen=True)
class Part(Generic[M]):
    """A network ready to run on the CPU in float32, with the digest and the types of its stored tensors."""

    network: M
    digest: str
    dtypes: Mapping[str, torch.dtype]

    def stored(self) -> dict[str, Tensor]:
        """The state dict with every tensor in the type it was stored in: nothing is lost, nothing gained."""
        state = self.network.state_dict()
        return {name: tensor.to(self.dtypes.get(name, tensor.dtype)) for name, tensor in state.items()}


def tensors_for(
    weights: Weights, table: Table | None, sizes: Mapping[str, int] | None = None
) -> tuple[dict[str, str], Folded]:
    """Our names → names in the folded view. Raises `MissingTensors` for names that no rule knows.

    Without a table the names are ours already.
    """
    folded = Folded(weights)
    if table is None:
        return {name: name for name in folded.shapes}, folded
    renamed = rename(folded.shapes, table, sizes)
    if renamed.left_over:
        raise MissingTensors(f"tensors that no part of the network knows: {listed(renamed.left_over)}")
    return renamed.official, folded


def fill(
    module: N,
    weights: Weights,
    table: Table | None = None,
    sizes: Mapping[str, int] | None = None,
    *,
    apart: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> Part[N]:
    """`module` with its tensors from `weights`, in float32 and for inference.

    Submodules in `apart` come from elsewhere; tensors in `optional` may be missing and are then zero.
    Raises `MissingTensors`, which lists what is missing, left over, or of another shape.
    """
    names, folded = tensors_for(weights, table, sizes)
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in module.state_dict().items()
        if not name.startswith(tuple(f"{part}." for part in apart))
    }
    _compare(expected, {ours: (name, folded.shapes[name]) for ours, name in names.items()}, optional)
    digest = hashlib.sha256()
    state: dict[str, Tensor] = {}
    dtypes: dict[str, torch.dtype] = {}
    for name, shape in sorted(expected.items()):
        if name not in names:
            state[name] = torch.zeros(shape)
            continue
        # What is stored as [1, 1, K] may be [K] here.
        tensor = folded.read(names[name]).reshape(shape)
        add_to_digest(digest, name, tensor)
        dtypes[name] = tensor.dtype
        state[name] = tensor.float() if tensor.is_floating_point() else tensor
    module.load_state_dict(state, strict=not apart, assign=True)
    return Part(module.eval().requires_grad_(False), digest.hexdigest(), dtypes)


def _compare(
    expected: Mapping[str, tuple[int, ...]],
    found: Mapping[str, tuple[str, tuple[int, ...]]],
    optional: tuple[str, ...],
) -> None:
    """Raises `MissingTensors` unless the two agree up to dimensions of size 1."""
    problems = {
        "missing": [name for name in expected if name not in found and name not in optional],
        "left over": [official for name, (official, _) in found.items() if name not in expected],
        "of another shape": [
            f"{found[name][0]} is {list(found[name][1])} instead of {list(shape)}"
            for name, shape in expected.items()
            if name in found and _essential(found[name][1]) != _essential(shape)
        ],
    }
    if any(problems.values()):
        listing = "; ".join(f"{what}: {listed(which)}" for what, which in problems.items() if which)
        raise MissingTensors(f"the file does not fit the network: {listing}")


def _essential(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def add_to_digest(digest: Any, name: str, tensor: Tensor) -> None:
    """Name, type, shape and numbers as stored: what is written twice is the same twice."""
    digest.update(f"{name}|{tensor.dtype}|{list(tensor.shape)}|".encode())
    data = tensor.detach().contiguous().reshape(-1)
    if data.numel() and not data.is_meta:
        digest.update(data.view(torch.uint8).numpy().data)


def listed(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


_RANDOM = {"uniform_", "normal_", "kaiming_uniform_", "trunc_normal_", "xavier_uniform_", "erfinv_"}


class _WithoutRandom(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in _RANDOM and (args or kwargs):
            return args[0] if args else (kwargs or {}).get("tensor")
        return func(*args, **(kwargs or {}))


@contextmanager
def without_initialisation() -> Iterator[None]:
    """Networks built inside leave their parameters as the memory was: a checkpoint overwrites every one.

    Drawing random numbers for half a gigabyte takes longer than reading it from a disk.
    """
    with _WithoutRandom():
        yield
