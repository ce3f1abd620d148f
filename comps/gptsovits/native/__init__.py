"""The compiled part: one step of the text-to-semantic transformer, in C++ that is built where it runs.

Optional. Where there is neither a built library nor a compiler, the engine computes the same with torch.
"""

from comps.gptsovits.native.cache import PackedCache
from comps.gptsovits.native.drawing import Drawing, draw
from comps.gptsovits.native.library import Kind, Library, load_library
from comps.gptsovits.native.step import LAYERS, CompiledStep, pack, stored_kind, suits

__all__ = [
    "LAYERS",
    "CompiledStep",
    "Drawing",
    "Kind",
    "Library",
    "PackedCache",
    "draw",
    "load_library",
    "pack",
    "stored_kind",
    "suits",
]
