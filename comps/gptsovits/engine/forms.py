"""Forms: the ways in which a step can be computed on a CPU, and which of them a precision allows."""

from enum import StrEnum

from torch import nn

from comps.gptsovits import native
from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.linears import Layout, RowStableLinear, is_available
from comps.gptsovits.native.linear import PackedLinear
from comps.gptsovits.networks.t2s import T2S


class Form(StrEnum):
    """By what a step is computed, and how the weights lie."""

    COMPILED_INT8 = "compiled, int8"
    COMPILED_BFLOAT16 = "compiled, bfloat16"
    COMPILED_FLOAT32 = "compiled, float32"
    TORCH_INT8 = "torch, int8"
    TORCH_PREPACKED = "torch, float32 prepacked"
    TORCH_TRANSPOSED = "torch, float32 transposed"

    @property
    def kind(self) -> native.Kind | None:
        """What the compiled step packs; None of torch."""
        return KINDS.get(self)

    @property
    def layout(self) -> Layout | None:
        """What torch multiplies with; None of the compiled step."""
        return LAYOUTS.get(self)


KINDS = {
    Form.COMPILED_INT8: native.Kind.INT8,
    Form.COMPILED_BFLOAT16: native.Kind.BFLOAT16,
    Form.COMPILED_FLOAT32: native.Kind.FLOAT32,
}
LAYOUTS = {
    Form.TORCH_INT8: Layout.INT8,
    Form.TORCH_PREPACKED: Layout.PREPACKED,
    Form.TORCH_TRANSPOSED: Layout.TRANSPOSED,
}
_EXACT_BY_TORCH = (Form.TORCH_PREPACKED, Form.TORCH_TRANSPOSED)
# The first is taken unless another is measured to be much faster. A step reads every weight once, so the
# fewer bytes a weight has, the more steps there are in a second, on any processor; sums are in float32.
# Nothing here is coarser than what was asked for.
ALLOWED = {
    Precision.AUTO: (Form.COMPILED_INT8, Form.COMPILED_BFLOAT16, Form.TORCH_INT8, *_EXACT_BY_TORCH),
    Precision.EXACT: (Form.COMPILED_FLOAT32, *_EXACT_BY_TORCH),
    Precision.BF16: (Form.COMPILED_BFLOAT16, *_EXACT_BY_TORCH),
    Precision.INT8: (Form.COMPILED_INT8, Form.TORCH_INT8, *_EXACT_BY_TORCH),
}


def forms_for(t2s: T2S, precision: Precision, *, has_library: bool) -> tuple[Form, ...]:
    """The forms that a network on a CPU can have, the usual one first.

    A network that was laid out before keeps its form, unless that is compiled and exact.
    """
    layer = t2s.blocks[0].qkv
    if isinstance(layer, RowStableLinear):
        return (next(form for form, layout in LAYOUTS.items() if layout is layer.layout),)
    if isinstance(layer, PackedLinear):
        fixed = [form for form, kind in KINDS.items() if kind is layer.packed.kind]
        if fixed and fixed[0] is not Form.COMPILED_FLOAT32:
            return (fixed[0],)
        return tuple(form for form in ALLOWED[precision] if form.kind is not None)
    compiled = has_library and native.suits(t2s)
    return tuple(
        form
        for form in ALLOWED[precision]
        if (compiled if form.layout is None else is_available(form.layout))
    )


def is_stored_as_half(t2s: T2S) -> bool:
    """Whether exact weights take two bytes each."""
    layer = t2s.blocks[0].qkv
    if isinstance(layer, PackedLinear):
        return layer.packed.kind is native.Kind.FLOAT16
    return isinstance(layer, nn.Linear) and native.fits_half(layer.weight)
