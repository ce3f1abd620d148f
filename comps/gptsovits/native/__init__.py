"""The compiled part: a step of the text-to-semantic transformer, and the vocoder, in C++ built where it runs.

Optional. Where there is neither a built library nor a compiler, the engine computes the same with torch.
"""

from comps.gptsovits.native.cache import PackedCache
from comps.gptsovits.native.convs import CompiledConv1d, compile_convs
from comps.gptsovits.native.drawing import Drawing, draw
from comps.gptsovits.native.library import Kind, Library, load_library
from comps.gptsovits.native.packing import fits_half
from comps.gptsovits.native.step import LAYERS, CompiledStep, pack, stored_kind, suits
from comps.gptsovits.native.vocoder import (
    CompiledHifiGan,
    VocoderLibrary,
    load_vocoder_library,
    suits_vocoder,
)
from comps.gptsovits.native.vocos import CompiledVocos, suits_vocos

__all__ = [
    "LAYERS",
    "CompiledConv1d",
    "CompiledHifiGan",
    "CompiledStep",
    "CompiledVocos",
    "Drawing",
    "Kind",
    "Library",
    "PackedCache",
    "VocoderLibrary",
    "compile_convs",
    "draw",
    "fits_half",
    "load_library",
    "load_vocoder_library",
    "pack",
    "stored_kind",
    "suits",
    "suits_vocoder",
    "suits_vocos",
]
