"""What a pickle of a checkpoint may be made of: plain data, references to tensors, a few known names."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from comps.cores.errors import CorruptCheckpoint, UnsafeCheckpoint

_MAX_SIZE = 2**62


@dataclass(frozen=True)
class Name:
    """`module.name`, as the pickle spells it. Never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"[:120]


@dataclass(frozen=True)
class Storage:
    """A run of `numel` numbers that lies elsewhere in the file under `key`."""

    key: str
    dtype: str
    numel: int


@dataclass(frozen=True)
class TensorRef:
    """A view of a storage; checked to lie inside it and to be no larger than it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def dtype(self) -> str:
        return self.storage.dtype

    @property
    def numel(self) -> int:
        return math.prod(self.shape)


class Attributes(dict[str, Any]):
    """An object reduced to its attributes: what a pickled `HParams` becomes."""


STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
TORCH_DTYPES = {
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
}
_PATHS = {"Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"}
_ATTRIBUTE_OBJECTS = {"HParams", "Namespace", "SimpleNamespace", "AttrDict"}


def corrupt(why: str) -> CorruptCheckpoint:
    return CorruptCheckpoint(f"the pickle inside is damaged: {why}")


def is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < _MAX_SIZE


def _sizes(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or not all(is_size(v) for v in value) or len(value) > 16:
        raise corrupt("a tensor's shape is not a row of sizes")
    return tuple(value)


def _tensor(args: tuple[Any, ...]) -> TensorRef:
    if len(args) < 4 or not isinstance(args[0], Storage) or not is_size(args[1]):
        raise corrupt("a tensor without storage")
    tensor = TensorRef(args[0], args[1], _sizes(args[2]), _sizes(args[3]))
    if len(tensor.shape) != len(tensor.stride):
        raise corrupt("a tensor's shape and strides differ in length")
    if tensor.numel:
        last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride, strict=True))
        # Zero strides make a billion values out of one: no parameter is stored so.
        if last >= tensor.storage.numel or tensor.numel > tensor.storage.numel:
            raise corrupt("a tensor is larger than its storage")
    return tensor


def _first_tensor(args: tuple[Any, ...]) -> TensorRef:
    if not args or not isinstance(args[0], TensorRef):
        raise corrupt("a parameter without tensor")
    return args[0]


def _mapping(args: tuple[Any, ...]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for pair in args[0] if args and isinstance(args[0], list | tuple) else ():
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise corrupt("a dictionary's item is no pair")
        result[plain_key(pair[0])] = pair[1]
    return result


def _text(args: tuple[Any, ...]) -> str:
    return "/".join(str(a) for a in args if isinstance(a, str))


def _encoded(args: tuple[Any, ...]) -> bytes:
    if not args or not isinstance(args[0], str):
        raise corrupt("bytes without text")
    return args[0].encode("latin-1", "replace")


def _items(args: tuple[Any, ...]) -> list[Any]:
    return list(args[0]) if args and isinstance(args[0], list | tuple) else []


def _attributes(args: tuple[Any, ...]) -> Attributes:
    return Attributes()


# What may be called, in the sense that it is known what would come of it.
_CALLS: dict[tuple[str, str], Callable[[tuple[Any, ...]], Any]] = {
    ("collections", "OrderedDict"): _mapping,
    ("collections", "defaultdict"): lambda args: {},
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _first_tensor,
    ("torch._utils", "_rebuild_parameter_with_state"): _first_tensor,
    ("torch", "Size"): lambda args: tuple(_items(args)),
    ("torch", "device"): _text,
    ("_codecs", "encode"): _encoded,
    ("copyreg", "_reconstructor"): lambda args: new_object(args[0] if args else None),
    ("copy_reg", "_reconstructor"): lambda args: new_object(args[0] if args else None),
    ("builtins", "set"): _items,
    ("__builtin__", "set"): _items,
}
KNOWN_AS_DATA = {
    ("builtins", "object"),
    ("__builtin__", "object"),
    ("builtins", "dict"),
    ("__builtin__", "dict"),
}


def call_for(name: Name) -> Callable[[tuple[Any, ...]], Any] | None:
    if call := _CALLS.get((name.module, name.name)):
        return call
    if name.module.partition(".")[0] == "pathlib" and name.name in _PATHS:
        return _text
    # A bag of attributes of whatever module: the reference project pickles `utils.HParams`.
    return _attributes if name.name in _ATTRIBUTE_OBJECTS else None


def new_object(cls: object) -> Any:
    call = call_for(cls) if isinstance(cls, Name) else None
    if call not in (_attributes, _mapping, _text):
        raise UnsafeCheckpoint(f"the file asks for an object of {cls}, which no checkpoint needs")
    return call(()) if call is not None else None


def plain_key(value: object) -> Any:
    if value is None or type(value) in (str, int, float, bool, bytes):
        return value
    raise corrupt("a dictionary's key is neither text nor number")
