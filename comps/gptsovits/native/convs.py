"""Convolutions of the other networks of a decoder, each in one compiled call."""

import ctypes

import torch
from torch import Tensor, nn

from comps.gptsovits.native.decoders import DecoderLibrary
from comps.gptsovits.native.taps import same_length


def compile_convs(
    network: nn.Module, dtype: torch.dtype, library: DecoderLibrary, *, n_threads: int | None = None
) -> None:
    """Replaces the convolutions in a network, in place: its state dict holds their weights packed."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv1d) and child.stride == (1,) and child.groups == 1:
                setattr(module, name, CompiledConv1d(child, dtype, library, n_threads=n_threads))


class CompiledConv1d(nn.Module):
    """`[B, C, T]` -> `[B, D, T]` as the convolution it is made of; for inference on a CPU.

    Takes and gives float32, and adds up in it; products may be of `dtype`.
    """

    def __init__(
        self, conv: nn.Conv1d, dtype: torch.dtype, library: DecoderLibrary, *, n_threads: int | None = None
    ) -> None:
        super().__init__()
        assert isinstance(conv.padding, tuple)
        self._lost = (conv.kernel_size[0] - 1) * conv.dilation[0] - 2 * conv.padding[0]  # of a row's length
        self._taps = same_length(conv, dtype, library.widest)
        self._n_in, self._is_bfloat16 = conv.in_channels, dtype is torch.bfloat16
        self._library, self.n_threads = library, n_threads

    def forward(self, x: Tensor) -> Tensor:
        if self._n_in != self._taps.n_in:
            x = nn.functional.pad(x, (0, 0, 0, self._taps.n_in - self._n_in))
        rows = x.transpose(1, 2).float().contiguous()  # [B, T, C]
        n, n_out = rows.shape[1], rows.shape[1] - self._lost
        y = torch.empty(len(rows), n_out, len(self._taps.bias))
        view, n_threads = self._taps.view, self.n_threads or torch.get_num_threads()
        for i in range(len(rows)):
            self._library.convolve(
                ctypes.byref(view),
                self._is_bfloat16,
                rows[i].data_ptr(),
                n,
                n_out,
                n_threads,
                y[i].data_ptr(),
            )
        return y[..., : self._taps.n_out].transpose(1, 2)
