"""Linear layers of torch whose rows do not depend on how many rows there are.

General matrix products take other paths for one row, for a few and for many; their results differ in the
last bits, and then the same request sounds different when it shares a step. So a product is used as a probe
finds it stable: from one row on, from two on, or a row at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.networks.t2s import T2S

# How many rows at once the probe compares; the largest batch that steps is of this order.
PROBE_ROWS = (1, 2, 3, 5, 8, 16)
LARGEST_INT8 = 127


class Layout(StrEnum):
    """How weights lie for a product. Several rows are fastest prepacked; one row alone, where there is no
    such thing, is up to three times as fast with the weight stored `[in, out]` as `[out, in]`."""

    PREPACKED = "prepacked"  # oneDNN's own order
    TRANSPOSED = "transposed"
    INT8 = "int8"  # with a scale for each output; what is multiplied with them, and the result, in bfloat16


@dataclass(frozen=True)
class Weights:
    """A layer's numbers as its product reads them: `rows [M, K]` -> `[M, N]` in float32."""

    tensors: tuple[Tensor, ...]
    bias: Tensor | None
    product: Callable[[Tensor, tuple[Tensor, ...], Tensor | None], Tensor]

    def __call__(self, rows: Tensor) -> Tensor:
        return self.product(rows, self.tensors, self.bias)

    def clone(self) -> "Weights":
        bias = None if self.bias is None else self.bias.clone()
        return Weights(tuple(tensor.clone() for tensor in self.tensors), bias, self.product)


def make_row_stable(t2s: T2S, layout: Layout = Layout.PREPACKED) -> None:
    """Replaces the linear layers of a loaded T2S on a CPU, in place: its state dict no longer holds them.

    The head is never coarser than float32: it is small, and its errors go straight to the logits. Elsewhere
    than on a CPU nothing is changed.
    """
    if next(t2s.parameters()).device.type != "cpu":
        return
    for module in list(t2s.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear) and name != "bert_in":  # never part of a step
                own = Layout.PREPACKED if name == "head" and layout is Layout.INT8 else layout
                setattr(module, name, RowStableLinear(child, own))


def is_available(layout: Layout) -> bool:
    """Whether this build of torch can multiply so."""
    return layout is Layout.TRANSPOSED or _weights_of(torch.ones(64, 64), None, layout) is not None


class RowStableLinear(nn.Module):
    """`x [..., K]` -> `[..., N]`; each row of the result is the same whoever its neighbours are."""

    def __init__(self, linear: nn.Linear, layout: Layout = Layout.PREPACKED) -> None:
        super().__init__()
        self.in_features, self.layout = linear.in_features, layout
        weight = linear.weight.detach().contiguous()
        bias = None if linear.bias is None else linear.bias.detach()
        self._weights, self._min_rows = _stable(weight, bias, layout)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, self.in_features)
        is_prefill = x.dim() == 3 and x.shape[1] > 1
        if self._min_rows is None and not is_prefill:  # which is never shared
            y = torch.cat([self._weights(row.clone()) for row in rows.split(1)])
        elif self._min_rows is not None and len(rows) < self._min_rows:
            y = self._weights(F.pad(rows, (0, 0, 0, self._min_rows - len(rows))))[: len(rows)]
        else:
            y = self._weights(rows)
        return y.view(*x.shape[:-1], y.shape[-1])

    def clone(self) -> "RowStableLinear":
        """The same in memory of its own."""
        made = RowStableLinear.__new__(RowStableLinear)
        nn.Module.__init__(made)
        made.in_features, made.layout = self.in_features, self.layout
        made._weights, made._min_rows = self._weights.clone(), self._min_rows
        return made


def quantised(weight: Tensor) -> tuple[Tensor, Tensor]:
    """`weight [N, K]` as int8 and the scales `[N]`, in bfloat16, by which it is to be multiplied."""
    scale = (weight.abs().amax(1).clamp_min(1e-12) / LARGEST_INT8).bfloat16()
    whole = (weight / scale.float()[:, None]).round_().clamp_(-LARGEST_INT8, LARGEST_INT8)
    return whole.to(torch.int8), scale


def _stable(weight: Tensor, bias: Tensor | None, layout: Layout) -> tuple[Weights, int | None]:
    """The weights, and the fewest rows that they may be given; None: one at a time."""
    weights = _weights_of(weight, bias, layout)
    if weights is None:
        weights = _transposed(weight, bias)
    n_out, n_in = weight.shape
    return weights, _min_rows(n_in, n_out, bias is not None, layout, torch.get_num_threads())


def _weights_of(weight: Tensor, bias: Tensor | None, layout: Layout) -> Weights | None:
    """None where this build of torch lacks the product."""
    make = {Layout.PREPACKED: _prepacked, Layout.TRANSPOSED: _transposed, Layout.INT8: _in_int8}[layout]
    try:
        made = make(weight, bias)
        if made is not None:
            made(weight[:1])
    except (AttributeError, RuntimeError, NotImplementedError):
        return None
    return made


def _transposed(weight: Tensor, bias: Tensor | None) -> Weights:
    def product(rows: Tensor, tensors: tuple[Tensor, ...], bias: Tensor | None) -> Tensor:
        return rows @ tensors[0] if bias is None else torch.addmm(bias, rows, tensors[0])

    return Weights((weight.t().contiguous(),), bias, product)


def _prepacked(weight: Tensor, bias: Tensor | None) -> Weights | None:
    if not torch.backends.mkldnn.is_available():
        return None
    ops = torch.ops.mkldnn

    def product(rows: Tensor, tensors: tuple[Tensor, ...], bias: Tensor | None) -> Tensor:
        result: Tensor = ops._linear_pointwise(rows, tensors[0], bias, "none", [], "")
        return result

    return Weights((ops._reorder_linear_weight(weight),), bias, product)


def _in_int8(weight: Tensor, bias: Tensor | None) -> Weights:
    def product(rows: Tensor, tensors: tuple[Tensor, ...], bias: Tensor | None) -> Tensor:
        y: Tensor = torch._weight_int8pack_mm(rows.bfloat16(), *tensors).float()
        return y if bias is None else y.add_(bias)

    return Weights(quantised(weight), bias, product)


@cache
def _min_rows(n_in: int, n_out: int, has_bias: bool, layout: Layout, n_threads: int) -> int | None:
    """Depends on the sizes alone, so that one probe serves all layers that are alike."""
    generator = torch.Generator().manual_seed(0)
    n_rows = max(PROBE_ROWS)
    rows = torch.randn(n_rows, n_in, generator=generator)
    weight = torch.randn(n_out, n_in, generator=generator)
    weights = _weights_of(weight, torch.ones(n_out) if has_bias else None, layout)
    if weights is None or layout is Layout.TRANSPOSED:
        return None
    whole = weights(rows)
    for min_rows in (1, 2):
        if all(
            torch.equal(weights(rows[start : start + n]), whole[start : start + n])
            for n in PROBE_ROWS
            for start in (0, 1, n_rows - n)
            if n >= min_rows
        ):
            return min_rows
    return None
