"""Weights of convolutions as the compiled functions read them: in the order in which they are needed."""

from ctypes import Structure, c_int32, c_void_p

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.native.library import LANES, NormView
from comps.gptsovits.native.packing import ALIGNMENT, round_up

# Vectors in a block of outputs, the best first: two need the fewest loads for as many products.
WIDTHS = (2, 3, 1)


class ConvView(Structure):
    """`Conv` of convolution.h."""

    _fields_ = (
        ("weight", c_void_p),
        ("bias", c_void_p),
        ("n_in", c_int32),
        ("n_blocks", c_int32),
        ("width", c_int32),
        ("n_taps", c_int32),
        ("dilation", c_int32),
        ("first", c_int32),
        ("pace", c_int32),
    )


class Taps(nn.Module):
    """What a convolution adds up: `weight [N / W, taps, K / S, W, S]` for blocks of W outputs, `bias [N]`.

    The bias is float32. S inputs are multiplied at once: two of bfloat16. N and K are rounded up, with zeros.
    Row t of the output sees the rows `t · pace + first + i · dilation` of the input, i from 0 to taps - 1.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        dtype: torch.dtype,
        *,
        first: int,
        dilation: int = 1,
        pace: int = 1,
        widest: int,
    ) -> None:
        """Of `weight [N, K, taps]` and `bias [N]`; blocks have at most `widest` vectors."""
        super().__init__()
        n_out, n_in, n_taps = weight.shape
        step = 4 // dtype.itemsize
        n_vectors = round_up(n_out, LANES) // LANES
        width = next(w for w in WIDTHS if w <= widest and n_vectors % w == 0)
        self.n_in, self.n_out = round_up(n_in, step), n_out
        pads = (0, 0, 0, self.n_in - n_in, 0, n_vectors * LANES - n_out)
        blocks = (
            F.pad(weight.detach().float(), pads).unflatten(1, (-1, step)).unflatten(0, (-1, width * LANES))
        )
        packed = _aligned(blocks.permute(0, 4, 2, 1, 3).to(dtype))  # from [N / W, W, K / S, S, taps]
        padded = torch.zeros(n_vectors * LANES)
        if bias is not None:
            padded[:n_out] = bias.detach().float()
        self.register_buffer("weight", packed)
        self.register_buffer("bias", padded)
        self._sizes = self.n_in, n_vectors // width, width, n_taps, dilation, first, pace

    @property
    def view(self) -> ConvView:
        """Valid while this lives."""
        return self.view_with(self.bias)

    def view_with(self, bias: Tensor) -> ConvView:
        """With another bias, of as many numbers."""
        return ConvView(self.weight.data_ptr(), bias.data_ptr(), *self._sizes)


def same_length(conv: nn.Module, dtype: torch.dtype, widest: int) -> Taps:
    """Of a convolution that is padded with zeros on both sides."""
    assert isinstance(conv, nn.Conv1d)
    assert isinstance(conv.padding, tuple)
    first, dilation = -conv.padding[0], conv.dilation[0]
    return Taps(conv.weight, conv.bias, dtype, first=first, dilation=dilation, widest=widest)


def norm_view(norm: nn.LayerNorm) -> NormView:
    """Valid while the norm lives."""
    return NormView(norm.weight.data_ptr(), norm.bias.data_ptr())


def bias_of(conv: nn.Conv1d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


def _aligned(x: Tensor) -> Tensor:
    """A contiguous copy that begins with a line of the processor's caches."""
    space = torch.empty(x.numel() + ALIGNMENT // x.itemsize, dtype=x.dtype)
    offset = -space.data_ptr() % ALIGNMENT // x.itemsize
    return space[offset : offset + x.numel()].view(x.shape).copy_(x)
