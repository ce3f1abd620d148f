"""The compiled functions of a decoder's networks, as Python calls them."""

import ctypes
from collections.abc import Callable
from ctypes import c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import torch

from comps.gptsovits.native import build
from comps.gptsovits.native.opening import opened


class DecoderLibrary:
    """Raises `OSError` for a file that is no library of ours. All arguments are documented in decoder.cpp."""

    def __init__(self, file: Path) -> None:
        self._functions = ctypes.CDLL(str(file))
        net, rows = c_void_p, c_void_p
        n_blocks, is_bfloat16, n_threads, n = c_int32, c_int32, c_int32, c_int64
        try:
            self.hifigan = self._found("hifigan_run", net, rows, n_threads, rows)
            self.convolve = self._found("convolution_run", net, is_bfloat16, rows, n, n, n_threads, rows)
            self.vocos = self._found("vocos_run", net, rows, n_threads, rows)
            self.encoder = self._found("encoder_run", net, n_blocks, is_bfloat16, rows, n, n_threads)
            self.flow = self._found("flow_run", net, n_blocks, is_bfloat16, rows, n, n_threads)
            self.attention = self._found("attention_run", net, n_threads, rows)
            self.widest = int(self._functions.vector_width())
            self.has_bfloat16 = bool(self._functions.has_bfloat16())
        except AttributeError as error:
            raise OSError(f"{file.name} lacks a function: {error}") from error

    def _found(self, name: str, *arguments: type[Any]) -> Callable[..., None]:
        function = getattr(self._functions, name)
        function.argtypes, function.restype = arguments, None
        return function

    def multiplies_in(self, dtype: torch.dtype) -> bool:
        """Whether it does, on this processor."""
        if dtype is torch.bfloat16:
            return self.has_bfloat16 and torch.cpu._is_avx512_bf16_supported()
        return dtype is torch.float32


@cache
def load_decoder_library() -> DecoderLibrary | None:
    """The library for this processor, compiled now if need be; None, and a line in the log, without one.

    None for processors that stock kernels know better: those without AVX2.
    """
    return None if build.this_level() == "DEFAULT" else open_decoder_library()


def open_decoder_library(folder: Path | None = None) -> DecoderLibrary | None:
    """As `load_decoder_library`, with another folder to keep it in, and every time anew."""
    return opened("decoder", DecoderLibrary, folder, otherwise="the decoder runs without its compiled code")
