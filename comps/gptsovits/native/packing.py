"""Weights as the compiled functions read them: in the order in which they are needed."""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.native.library import GROUP, LANES, Kind, LinearView

LARGEST_INT8 = 127
PART_ROWS = 256  # of a weight at a time: most that do not fit are seen by the first
WIDTH = 4  # vectors in a block of outputs
DTYPES = {Kind.FLOAT32: torch.float32, Kind.BFLOAT16: torch.bfloat16, Kind.FLOAT16: torch.float16}
ALIGNMENT = 64  # bytes: a line of the processor's caches


def fits_half(weight: Tensor) -> bool:
    """Whether every number is one of float16, as those of a checkpoint that was stored so are."""
    return all(
        bool(torch.isfinite(part).all()) and torch.equal(part.half().to(part.dtype), part)
        for part in weight.detach().split(PART_ROWS)
    )


def round_up(n: int, unit: int) -> int:
    return -(-n // unit) * unit


@dataclass(frozen=True)
class Packed:
    """A linear layer in blocks of W outputs, W = 16 `width`.

    `weight [N / W, K, W]`; `scale [N / W, K / GROUP, W]` of int8 alone, one for `GROUP` inputs of an output;
    `bias [N]`. N and K are rounded up, with zeros.
    """

    weight: Tensor
    scale: Tensor | None
    bias: Tensor | None
    n_in: int
    n_out: int
    kind: Kind
    width: int = WIDTH

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None, kind: Kind, *, width: int = WIDTH) -> "Packed":
        """Of `weight [N, K]` and `bias [N]` in float32."""
        n_out, n_in = weight.shape
        block = width * LANES
        n, k = round_up(n_out, block), round_up(n_in, GROUP)
        rows = F.pad(weight.detach().float(), (0, k - n_in, 0, n - n_out))  # [N, K]
        scale = None
        if kind is Kind.INT8:
            groups = rows.unflatten(1, (-1, GROUP))  # [N, K / GROUP, GROUP]
            scale = groups.abs().amax(2).clamp_min(1e-12) / LARGEST_INT8
            rows = (groups / scale[:, :, None]).round_().flatten(1).to(torch.int8)
            scale = _in_blocks(scale, block)
        elif kind is not Kind.FLOAT32:
            rows = rows.to(DTYPES[kind])
        if bias is not None:
            bias = F.pad(bias.detach().float(), (0, n - n_out)).contiguous()
        return cls(_in_blocks(rows, block), scale, bias, n_in, n_out, kind, width)

    def unpacked(self) -> Tensor:
        """The weight `[N, K]` that products are made with, in float32."""
        rows = self.weight.transpose(1, 2).flatten(0, 1).float()
        if self.scale is not None:
            scale = self.scale.transpose(1, 2).flatten(0, 1)  # [N, K / GROUP]
            rows = (rows.unflatten(1, (-1, GROUP)) * scale[:, :, None]).flatten(1)
        return rows[: self.n_out, : self.n_in]

    @property
    def padded_in(self) -> int:
        return self.weight.shape[1]

    @property
    def padded_out(self) -> int:
        return len(self.weight) * self.width * LANES

    @property
    def tensors(self) -> list[Tensor]:
        return [part for part in (self.weight, self.scale, self.bias) if part is not None]

    @property
    def n_bytes(self) -> int:
        return sum(part.numel() * part.element_size() for part in self.tensors)

    @cached_property
    def view(self) -> LinearView:
        """Points into the tensors: valid as long as this object lives."""
        pointers = [
            None if part is None else part.data_ptr() for part in (self.weight, self.scale, self.bias)
        ]
        return LinearView(*pointers, self.n_in, len(self.weight), self.kind, self.width)


def together(layers: Sequence[Packed]) -> list[Packed]:
    """The same layers in one piece of memory, in this order.

    The system is asked for large pages there: a step reads all weights, and would look up some ten thousand
    small ones.
    """
    sizes = [
        round_up(part.numel() * part.element_size(), ALIGNMENT) for each in layers for part in each.tensors
    ]
    region = mmap.mmap(-1, max(sum(sizes), 1))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        region.madvise(mmap.MADV_HUGEPAGE)
    memory = torch.frombuffer(region, dtype=torch.uint8)
    at = 0

    def moved(part: Tensor | None) -> Tensor | None:
        nonlocal at
        if part is None:
            return None
        n_bytes = part.numel() * part.element_size()
        place = memory[at : at + n_bytes].view(part.dtype).view(part.shape)
        at += round_up(n_bytes, ALIGNMENT)
        return place.copy_(part)

    made = []
    for each in layers:
        weight = moved(each.weight)
        assert weight is not None
        made.append(replace(each, weight=weight, scale=moved(each.scale), bias=moved(each.bias)))
    return made


def _in_blocks(rows: Tensor, block: int) -> Tensor:
    """`[N, K]` -> `[N / block, K, block]`."""
    return rows.unflatten(0, (-1, block)).transpose(1, 2).contiguous()
