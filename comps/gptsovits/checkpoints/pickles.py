"""A pickle read as data: a small machine that follows the opcodes and never calls anything.

Python's own unpickler calls whatever a file names; that is how a checkpoint can run code. Here a name is
only ever a `Name`, compared with the short list of things that checkpoints are made of. Whatever is not on
the list is `UnsafeCheckpoint`, and nothing of it has happened by then.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from comps.cores.errors import CorruptCheckpoint, UnsafeCheckpoint

# Two million operations take some seconds; the largest official file has thirty thousand.
MAX_OPERATIONS = 2_000_000
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
        count = 1
        for size in self.shape:
            count *= size
        return count


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
_TORCH_DTYPES = {
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


def read_pickle(stream: BinaryIO, *, storages: dict[str, Storage] | None = None) -> Any:
    """The next pickle of `stream` as plain data: dicts, lists, tuples, numbers, text, `TensorRef`.

    Storages that it refers to are noted in `storages`.
    Raises `UnsafeCheckpoint` for anything that would call code, `CorruptCheckpoint` for damage.
    """
    return _Machine({} if storages is None else storages).run(stream)


def _corrupt(why: str) -> CorruptCheckpoint:
    return CorruptCheckpoint(f"the pickle inside is damaged: {why}")


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < _MAX_SIZE


def _sizes(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or not all(_is_size(v) for v in value) or len(value) > 16:
        raise _corrupt("a tensor's shape is not a row of sizes")
    return tuple(value)


def _tensor(args: tuple[Any, ...]) -> TensorRef:
    if len(args) < 4 or not isinstance(args[0], Storage) or not _is_size(args[1]):
        raise _corrupt("a tensor without storage")
    tensor = TensorRef(args[0], args[1], _sizes(args[2]), _sizes(args[3]))
    if len(tensor.shape) != len(tensor.stride):
        raise _corrupt("a tensor's shape and strides differ in length")
    if tensor.numel:
        last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride, strict=True))
        # Zero strides make a billion values out of one: no parameter is stored so.
        if last >= tensor.storage.numel or tensor.numel > tensor.storage.numel:
            raise _corrupt("a tensor is larger than its storage")
    return tensor


def _first_tensor(args: tuple[Any, ...]) -> TensorRef:
    if not args or not isinstance(args[0], TensorRef):
        raise _corrupt("a parameter without tensor")
    return args[0]


def _mapping(args: tuple[Any, ...]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for pair in args[0] if args and isinstance(args[0], list | tuple) else ():
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise _corrupt("a dictionary's item is no pair")
        result[_key(pair[0])] = pair[1]
    return result


def _text(args: tuple[Any, ...]) -> str:
    return "/".join(str(a) for a in args if isinstance(a, str))


def _encoded(args: tuple[Any, ...]) -> bytes:
    if not args or not isinstance(args[0], str):
        raise _corrupt("bytes without text")
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
    ("copyreg", "_reconstructor"): lambda args: _new(args[0] if args else None),
    ("copy_reg", "_reconstructor"): lambda args: _new(args[0] if args else None),
    ("builtins", "set"): _items,
    ("__builtin__", "set"): _items,
}
_KNOWN_AS_DATA = {
    ("builtins", "object"),
    ("__builtin__", "object"),
    ("builtins", "dict"),
    ("__builtin__", "dict"),
}


def _call_for(name: Name) -> Callable[[tuple[Any, ...]], Any] | None:
    if call := _CALLS.get((name.module, name.name)):
        return call
    if name.module.partition(".")[0] == "pathlib" and name.name in _PATHS:
        return _text
    # A bag of attributes of whatever module: the reference project pickles `utils.HParams`.
    return _attributes if name.name in _ATTRIBUTE_OBJECTS else None


def _new(cls: object) -> Any:
    call = _call_for(cls) if isinstance(cls, Name) else None
    if call not in (_attributes, _mapping, _text):
        raise UnsafeCheckpoint(f"the file asks for an object of {cls}, which no checkpoint needs")
    return call(()) if call is not None else None


def _key(value: object) -> Any:
    if value is None or type(value) in (str, int, float, bool, bytes):
        return value
    raise _corrupt("a dictionary's key is neither text nor number")


class _Machine:
    def __init__(self, storages: dict[str, Storage]) -> None:
        self.storages = storages
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks that MARK has put aside
        self.memo: dict[int, Any] = {}
        self.spent = 0

    def run(self, stream: BinaryIO) -> Any:
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                self.spend(1)
                if opcode.name == "STOP":
                    return self.stack.pop()
                self.step(opcode.name, argument)
        except (ValueError, OverflowError, EOFError, IndexError, KeyError, RecursionError) as error:
            raise _corrupt(str(error) or type(error).__name__) from None
        raise _corrupt("it ends in the middle")

    def spend(self, amount: int) -> None:
        """Copies count as well as operations, or a short pickle could copy a long list without end."""
        self.spent += amount
        if self.spent > MAX_OPERATIONS:
            raise UnsafeCheckpoint("the pickle inside has more operations than any checkpoint needs")

    def step(self, op: str, arg: Any) -> None:
        if op in _PUSH_ARGUMENT:
            self.stack.append(arg)
        elif op in _PUSH_NEW:
            self.stack.append(_PUSH_NEW[op]())
        elif op in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[arg] = self.stack[-1]
        elif op in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[arg])
        elif (method := getattr(self, f"op_{op.lower()}", None)) is not None:
            method(arg)
        elif op not in ("PROTO", "FRAME"):
            raise UnsafeCheckpoint(f"the pickle inside uses {op}, which no checkpoint needs")

    def marked(self) -> list[Any]:
        items = self.stack
        self.stack = self.below.pop()
        return items

    def popped(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise IndexError("its stack is empty")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def extend(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(pairs) % 2:
            raise _corrupt("items for something that is no dictionary")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[_key(key)] = value

    def append(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise _corrupt("items for something that is no list")
        self.stack[-1].extend(items)

    def name(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise _corrupt("a name that is no text")
        found = Name(module, name)
        if module in ("torch", "torch.storage") and name in STORAGE_DTYPES:
            self.stack.append(found)
        elif module == "torch" and name in _TORCH_DTYPES:
            self.stack.append(name)
        elif _call_for(found) is not None or (module, name) in _KNOWN_AS_DATA:
            self.stack.append(found)
        else:
            raise UnsafeCheckpoint(
                f"the file refers to {found}, which no checkpoint needs; nothing was executed"
            )

    def op_mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def op_pop(self, _: Any) -> None:
        self.stack.pop() if self.stack else self.marked()

    def op_pop_mark(self, _: Any) -> None:
        self.marked()

    def op_dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def op_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def op_tuple(self, _: Any) -> None:
        items = tuple(self.marked())
        self.stack.append(items)

    def op_tuple1(self, _: Any) -> None:
        self.stack.append(self.popped(1))

    def op_tuple2(self, _: Any) -> None:
        self.stack.append(self.popped(2))

    def op_tuple3(self, _: Any) -> None:
        self.stack.append(self.popped(3))

    def op_list(self, _: Any) -> None:
        items = self.marked()
        self.stack.append(items)

    op_frozenset = op_list

    def op_dict(self, _: Any) -> None:
        items = self.marked()
        self.stack.append({})
        self.extend(items)

    def op_append(self, _: Any) -> None:
        self.append([self.stack.pop()])

    def op_appends(self, _: Any) -> None:
        self.append(self.marked())

    op_additems = op_appends

    def op_setitem(self, _: Any) -> None:
        self.extend(list(self.popped(2)))

    def op_setitems(self, _: Any) -> None:
        self.extend(self.marked())

    def op_global(self, arg: str) -> None:
        self.name(*arg.split(" ", 1))

    def op_stack_global(self, _: Any) -> None:
        self.name(*self.popped(2))

    def op_reduce(self, _: Any) -> None:
        function, args = self.popped(2)
        call = _call_for(function) if isinstance(function, Name) else None
        if call is None or not isinstance(args, tuple):
            raise UnsafeCheckpoint(f"the file calls {_described(function)}, which no checkpoint needs")
        self.spend(sum(len(a) for a in args if isinstance(a, str | list | tuple | dict)))
        self.stack.append(call(args))

    def op_newobj(self, _: Any) -> None:
        cls, _args = self.popped(2)
        self.stack.append(_new(cls))

    def op_build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Attributes) and isinstance(state, dict):
            self.spend(len(state))
            target.update((str(_key(k)), v) for k, v in state.items())
        elif not isinstance(target, dict):
            # An OrderedDict's own attributes (a state dict's `_metadata`) say nothing we need.
            raise UnsafeCheckpoint(
                f"the file sets the state of {_described(target)}, which no checkpoint needs"
            )

    def op_binpersid(self, _: Any) -> None:
        pid = self.stack.pop()
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise _corrupt("a reference to something that is no storage")
        kind, key, numel = pid[1], pid[2], pid[4]
        if not isinstance(kind, Name) or kind.name not in STORAGE_DTYPES or not isinstance(key, str):
            raise _corrupt("a storage of no known type")
        if not _is_size(numel) or (len(pid) > 5 and pid[5] is not None):
            raise _corrupt("a storage of no known size")
        storage = Storage(key, STORAGE_DTYPES[kind.name], numel)
        if self.storages.setdefault(key, storage) != storage:
            raise _corrupt("a storage that has two sizes")
        self.stack.append(storage)


def _described(value: object) -> str:
    return str(value) if isinstance(value, Name) else f"a {type(value).__name__}"


_PUSH_ARGUMENT = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
_PUSH_NEW: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
