"""The compiled functions, as Python calls them."""

import ctypes
from ctypes import POINTER, Structure, c_float, c_int32, c_int64, c_uint64, c_void_p
from enum import IntEnum
from functools import cache
from pathlib import Path

from comps.gptsovits.native.opening import opened

# As in linear.h and vectors.h: inputs are padded to groups, outputs to blocks of vectors.
GROUP, LANES = 64, 16


class Kind(IntEnum):
    """How numbers are stored."""

    FLOAT32 = 0
    BFLOAT16 = 1
    INT8 = 2
    FLOAT16 = 3


class LinearView(Structure):
    """`Linear` of linear.h."""

    _fields_ = (
        ("weight", c_void_p),
        ("scale", c_void_p),
        ("bias", c_void_p),
        ("n_in", c_int32),
        ("n_blocks", c_int32),
        ("kind", c_int32),
        ("width", c_int32),
    )


class NormView(Structure):
    _fields_ = (("weight", c_void_p), ("bias", c_void_p))


class BlockView(Structure):
    _fields_ = (
        ("qkv", LinearView),
        ("out", LinearView),
        ("expand", LinearView),
        ("contract", LinearView),
        ("norm1", NormView),
        ("norm2", NormView),
    )


class NetworkView(Structure):
    """`Network` of step.cpp."""

    _fields_ = (
        ("blocks", POINTER(BlockView)),
        ("head", LinearView),
        ("tokens", c_void_p),
        ("positions", c_void_p),
        ("keys", c_void_p),
        ("values", c_void_p),
        ("n_rows", c_int64),
        ("capacity", c_int64),
        ("n_layers", c_int32),
        ("dim", c_int32),
        ("n_heads", c_int32),
        ("ffn_dim", c_int32),
        ("cache_kind", c_int32),
    )


class TurnView(Structure):
    """`Turn` of step.cpp."""

    _fields_ = (("token", c_int64), ("row", c_int64), ("length", c_int64), ("position", c_int64))


class DrawingView(Structure):
    """`Drawing` of sampling.h."""

    _fields_ = (
        ("seen", c_void_p),
        ("seed", c_uint64),
        ("step", c_int64),
        ("min_tokens", c_int32),
        ("top_k", c_int32),
        ("penalty", c_float),
        ("temperature", c_float),
        ("token", c_int32),
        ("best", c_int32),
    )


class Library:
    """Raises `OSError` for a file that is no library of ours."""

    def __init__(self, file: Path) -> None:
        functions = ctypes.CDLL(str(file))
        try:
            self.step = functions.t2s_step
            self.linear = functions.t2s_linear
            self.draw = functions.t2s_draw
            self.read = functions.t2s_read
        except AttributeError as error:
            raise OSError(f"{file.name} lacks a function: {error}") from error
        self.step.argtypes = (POINTER(NetworkView), POINTER(TurnView), c_int32, c_int32, c_void_p)
        self.step.restype = None
        self.linear.argtypes = (POINTER(LinearView), c_void_p, c_int64, c_void_p, c_int32)
        self.linear.restype = None
        self.draw.argtypes = (c_void_p, c_int64, c_int32, POINTER(DrawingView), c_int32)
        self.draw.restype = None
        self.read.argtypes = (c_void_p, c_int64, c_int32)
        self.read.restype = c_float


@cache
def load_library() -> Library | None:
    """The library for this processor, compiled now if need be; None, and a line in the log, without one."""
    return open_library()


def open_library(folder: Path | None = None) -> Library | None:
    """As `load_library`, with another folder to keep it in, and every time anew."""
    return opened("t2s", Library, folder, otherwise="text to semantic tokens runs without its compiled step")
