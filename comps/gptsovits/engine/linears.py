"""Linear layers whose rows do not depend on how many rows there are.

General matrix products take other paths for one row, for a few and for many; their results differ in the
last bits, and then the same request sounds different when it shares a step. On a CPU, weights packed once
for oneDNN take one path for any number of rows (from two on, for very wide inputs), and for several rows are
two to four times as fast as the plain product besides.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.networks.t2s import T2S

Product = Callable[[Tensor], Tensor]  # rows [M, K] -> [M, N]

# How many rows at once the probe compares; the largest batch that steps is of this order.
PROBE_ROWS = (1, 2, 3, 5, 8, 16)


def make_row_stable(t2s: T2S) -> None:
    """Replaces the linear layers of a loaded T2S on a CPU, in place: its state dict no longer holds them.

    Elsewhere than on a CPU nothing is changed.
    """
    if next(t2s.parameters()).device.type != "cpu":
        return
    for module in list(t2s.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear) and name != "bert_in":  # never part of a step
                setattr(module, name, RowStableLinear(child))


class RowStableLinear(nn.Module):
    """`x [..., K]` -> `[..., N]`; each row of the result is the same whoever its neighbours are."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features = linear.in_features
        weight = linear.weight.detach().contiguous()
        bias = None if linear.bias is None else linear.bias.detach()
        self._product, self._min_rows = _stable_product(weight, bias)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, self.in_features)
        if len(rows) < self._min_rows:
            padded = F.pad(rows, (0, 0, 0, self._min_rows - len(rows)))
            y = self._product(padded)[: len(rows)]
        else:
            y = self._product(rows)
        return y.view(*x.shape[:-1], y.shape[-1])


def _stable_product(weight: Tensor, bias: Tensor | None) -> tuple[Product, int]:
    """A product that the probe finds stable, and the fewest rows it may be given."""
    packed = _packed_product(weight, bias)
    if packed is not None:
        for min_rows in (1, 2):
            if _is_stable(packed, weight, min_rows):
                return packed, min_rows
    return lambda rows: _row_by_row(rows, weight, bias), 1


def _packed_product(weight: Tensor, bias: Tensor | None) -> Product | None:
    """The product with weights in oneDNN's own layout; None where this build of torch has no such thing."""
    ops = torch.ops.mkldnn
    if not torch.backends.mkldnn.is_available():
        return None
    try:
        packed = ops._reorder_linear_weight(weight)
        ops._linear_pointwise(weight[:1], packed, bias, "none", [], "")
    except (AttributeError, RuntimeError, NotImplementedError):
        return None

    def product(rows: Tensor) -> Tensor:
        result: Tensor = ops._linear_pointwise(rows, packed, bias, "none", [], "")
        return result

    return product


def _is_stable(product: Product, weight: Tensor, min_rows: int) -> bool:
    generator = torch.Generator().manual_seed(0)
    n_rows = max(PROBE_ROWS)
    rows = torch.randn(n_rows, weight.shape[1], generator=generator).to(weight.dtype)
    whole = product(rows)
    for n in PROBE_ROWS:
        for start in (0, 1, n_rows - n):
            part = rows[start : start + n]
            if n >= min_rows and not torch.equal(product(part), whole[start : start + n]):
                return False
    return True


def _row_by_row(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if len(rows) == 1:
        return F.linear(rows, weight, bias)
    return torch.cat([F.linear(row.clone(), weight, bias) for row in rows.split(1)])
