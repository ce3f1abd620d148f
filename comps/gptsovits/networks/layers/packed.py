"""Convolutions as products with weights that are laid out for a CPU once, rather than at every call.

torch takes a slow way through short inputs, and reorders the weights of all others at every call.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pack_convs(network: nn.Module) -> None:
    """Replaces the convolutions in a network, in place: its state dict no longer holds plain weights."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv1d) and child.stride == (1,) and child.groups == 1:
                setattr(module, name, PackedConv1d(child))


class PackedConv1d(nn.Module):
    """`[B, C, T]` -> `[B, D, T]` as the convolution it is made of; for inference on a CPU."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        assert isinstance(conv.padding, tuple)
        self.padding, self.dilation, self.kernel_size = conv.padding[0], conv.dilation[0], conv.kernel_size[0]
        weight = conv.weight.detach().transpose(1, 2).flatten(1).contiguous()  # [D, kernel · C]
        packed = _packed(weight)
        self.is_packed = packed is not None
        self.register_buffer("weight", weight if packed is None else packed)
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        rows = self._rows(x.transpose(1, 2))  # [B, T, kernel · C]
        if self.is_packed:
            y: Tensor = torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")
        else:
            y = F.linear(rows, self.weight, self.bias)
        return y.transpose(1, 2)

    def _rows(self, x: Tensor) -> Tensor:
        """Each position of `[B, T, C]` beside those that the kernel sees with it."""
        if self.kernel_size == 1:
            return x.contiguous()
        x = F.pad(x, (0, 0, self.padding, self.padding))
        b, t, c = x.shape
        n = t - (self.kernel_size - 1) * self.dilation
        shape, strides = (b, n, self.kernel_size, c), (t * c, c, self.dilation * c, 1)
        return x.contiguous().as_strided(shape, strides).reshape(b, n, self.kernel_size * c)


def _packed(weight: Tensor) -> Tensor | None:
    """A weight `[N, K]` in oneDNN's own layout; None where this build of torch has no such thing."""
    if not torch.backends.mkldnn.is_available() or weight.dtype is not torch.float32:
        return None
    try:
        packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight)
        torch.ops.mkldnn._linear_pointwise(weight[:1], packed, None, "none", [], "")
    except (AttributeError, RuntimeError, NotImplementedError):
        return None
    return packed
