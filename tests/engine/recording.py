"""What stands for a GPU's recording in tests."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from comps.gptsovits.engine.graphs import Run

aten = torch.ops.aten
# What a stream that is captured refuses: the device would be waited for, or memory of the host be read.
REFUSED = {
    aten._local_scalar_dense.default,
    aten.is_nonzero.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
    aten.lift_fresh.default,
}


class Recorder:
    """Records nothing, but does as a recording does: runs twice first, and counts."""

    def __init__(self) -> None:
        self.n_recorded = 0

    def __call__(self, run: Run) -> Run:
        self.n_recorded += 1
        run()
        run()
        return run


class Replayer(Recorder):
    """Records as a GPU does: operations on the memory they had. No line of Python runs again in a replay.

    Raises `RuntimeError` for operations that a GPU refuses to record. After a replay what was computed on the
    way is overwritten, as by others that share the memory.
    """

    def __call__(self, run: Run) -> Run:
        super().__call__(run)
        tape = Tape()
        with tape:
            run()
        return tape.replay


class Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self._done: list[tuple[Any, Any, Any, list[Tensor]]] = []
        self._outer: set[int] = set()  # memory that was there before
        self._inner: dict[int, Tensor] = {}  # and what came on the way

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in REFUSED:
            raise RuntimeError(f"{func} is not permitted when a stream is capturing")
        for given in _tensors((args, kwargs)):
            if _memory(given) not in self._inner:
                self._outer.add(_memory(given))
        result = func(*args, **(kwargs or {}))
        for made in _tensors(result):
            if _memory(made) not in self._outer:
                self._inner.setdefault(_memory(made), made)
        self._done.append((func, args, kwargs or {}, _tensors(result)))
        return result

    def replay(self) -> None:
        for func, args, kwargs, results in self._done:
            for there, again in zip(results, _tensors(func(*args, **kwargs)), strict=True):
                if _memory(there) != _memory(again):
                    there.copy_(again)
        for made in self._inner.values():
            made.fill_(torch.nan if made.is_floating_point() else 0)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
