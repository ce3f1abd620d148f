"""The compiled part: a step of the text-to-semantic transformer, and the vocoder, in C++ built where it runs.

Optional. Where there is neither a built library nor a compiler, the engine computes the same with torch.
"""

from comps.gptsovits.native.cache import PackedCache
from comps.gptsovits.native.convs import CompiledConv1d, compile_convs
from comps.gptsovits.native.decoders import DecoderLibrary, load_decoder_library
from comps.gptsovits.native.drawing import Drawing, draw
from comps.gptsovits.native.encoders import compile_prior
from comps.gptsovits.native.flows import CompiledFlow, suits_flow
from comps.gptsovits.native.hifigan import CompiledHifiGan, suits_hifigan
from comps.gptsovits.native.library import Kind, Library, load_library
from comps.gptsovits.native.packing import fits_half
from comps.gptsovits.native.step import LAYERS, CompiledStep, pack, stored_kind, suits
from comps.gptsovits.native.vocos import CompiledVocos, suits_vocos

__all__ = [
    "LAYERS",
    "CompiledConv1d",
    "CompiledFlow",
    "CompiledHifiGan",
    "CompiledStep",
    "CompiledVocos",
    "DecoderLibrary",
    "Drawing",
    "Kind",
    "Library",
    "PackedCache",
    "compile_convs",
    "compile_prior",
    "draw",
    "fits_half",
    "load_decoder_library",
    "load_library",
    "pack",
    "stored_kind",
    "suits",
    "suits_flow",
    "suits_hifigan",
    "suits_vocos",
]
