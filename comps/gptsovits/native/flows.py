"""A coupling flow's inverse in one compiled call."""

import ctypes
from ctypes import POINTER, Structure, c_int32

import torch
from torch import Tensor, nn

from comps.gptsovits.native.decoders import DecoderLibrary
from comps.gptsovits.native.library import LANES
from comps.gptsovits.native.taps import ConvView, Taps, bias_of, same_length
from comps.gptsovits.networks.vits.coupling import Coupling, CouplingFlow


class WaveLayerView(Structure):
    """`WaveLayer` of flow.h."""

    _fields_ = (("gate", ConvView), ("residual", ConvView), ("skip", ConvView))


class CouplingView(Structure):
    """`Coupling` of flow.h."""

    _fields_ = (
        ("pre", ConvView),
        ("post", ConvView),
        ("layers", POINTER(WaveLayerView)),
        ("n_layers", c_int32),
        ("channels", c_int32),
        ("half", c_int32),
    )


def suits_flow(flow: CouplingFlow) -> bool:
    """Whether the compiled code computes it: whole vectors, and layers that know the style."""
    return all(
        isinstance(coupling, Coupling)
        and coupling.net.channels % LANES == 0
        and coupling.net.condition is not None
        for coupling in flow.flows
    )


class CompiledFlow(nn.Module):
    """A `CouplingFlow`'s inverse, for inference on a CPU. A frame's bits depend on those around it alone."""

    def __init__(
        self,
        flow: CouplingFlow,
        dtype: torch.dtype,
        library: DecoderLibrary,
        *,
        n_threads: int | None = None,
    ) -> None:
        """On `n_threads`; None: as many as torch has at the time."""
        super().__init__()
        self.n_threads = n_threads
        self._library, self._is_bfloat16 = library, dtype is torch.bfloat16
        self._couplings = nn.ModuleList(
            _Coupling(coupling, dtype, library.widest)
            for coupling in flow.flows
            if isinstance(coupling, Coupling)
        )

    def inverse(self, z: Tensor, style: Tensor) -> Tensor:
        """`z [B, Z, F]`, `style [B, G, 1]` -> `[B, Z, F]`."""
        z = z.float().clone(memory_format=torch.contiguous_format)
        for row, own in zip(z, style.expand(len(z), -1, -1).split(1), strict=True):
            self._inverse(row, own)
        return z

    def _inverse(self, z: Tensor, style: Tensor) -> None:
        """`z [Z, F]` in place."""
        biases = [coupling.biases(style) for coupling in self._couplings if isinstance(coupling, _Coupling)]
        views = [
            coupling.view(own)
            for coupling, own in zip(self._couplings, biases, strict=True)
            if isinstance(coupling, _Coupling)
        ]
        n_threads = self.n_threads or torch.get_num_threads()
        self._library.flow(
            ctypes.byref((CouplingView * len(views))(*views)),
            *(len(views), self._is_bfloat16, z.data_ptr(), z.shape[-1], n_threads),
        )


class _Coupling(nn.Module):
    """A coupling's packed weights."""

    gate_biases: Tensor

    def __init__(self, coupling: Coupling, dtype: torch.dtype, widest: int) -> None:
        super().__init__()
        net = coupling.net
        assert net.condition is not None
        self.condition, self._channels, self._half = net.condition, net.channels, coupling.n_kept
        self.pre, self.post = (same_length(conv, dtype, widest) for conv in (coupling.pre, coupling.post))
        gates = [same_length(gate, dtype, widest) for gate in net.gates]
        self.gates = nn.ModuleList(gates)
        self.register_buffer("gate_biases", torch.stack([gate.bias for gate in gates]), persistent=False)
        self.residuals, self.skips = nn.ModuleList(), nn.ModuleList()
        for mix in net.mixes:
            assert isinstance(mix, nn.Conv1d)
            # Of the last layer, all is skip.
            *residual, skip = zip(
                mix.weight.split(net.channels), bias_of(mix).split(net.channels), strict=True
            )
            self.skips.append(Taps(*skip, dtype, first=0, widest=widest))
            self.residuals.extend(Taps(*part, dtype, first=0, widest=widest) for part in residual)

    def biases(self, style: Tensor) -> Tensor:
        """Of each layer's gate, in `style [1, G, 1]`: `[L, 2C]`."""
        added: Tensor = self.condition(style)
        return self.gate_biases + added.view(self.gate_biases.shape)

    def view(self, biases: Tensor) -> CouplingView:
        """Valid while this and `biases` live."""
        layers = (WaveLayerView * len(self.gates))()
        for i, (layer, gate, skip) in enumerate(zip(layers, self.gates, self.skips, strict=True)):
            assert isinstance(gate, Taps)
            assert isinstance(skip, Taps)
            layer.gate, layer.skip = gate.view_with(biases[i]), skip.view
            if i < len(self.residuals):
                residual = self.residuals[i]
                assert isinstance(residual, Taps)
                layer.residual = residual.view
        return CouplingView(self.pre.view, self.post.view, layers, len(layers), self._channels, self._half)
