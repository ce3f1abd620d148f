"""A pickle read as data: a small machine that follows the opcodes and never calls anything.

Python's own unpickler calls whatever a file names; that is how a checkpoint can run code. Here a name is
only ever a `Name`, compared with the short list of things that checkpoints are made of. Whatever is not on
the list is `UnsafeCheckpoint`, and nothing of it has happened by then.
"""

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO

from comps.cores.errors import UnsafeCheckpoint
from comps.gptsovits.checkpoints.pickled import (
    KNOWN_AS_DATA,
    STORAGE_DTYPES,
    TORCH_DTYPES,
    Attributes,
    Name,
    Storage,
    call_for,
    corrupt,
    is_size,
    new_object,
    plain_key,
)

# Two million operations take some seconds; the largest official file has thirty thousand.
MAX_OPERATIONS = 2_000_000


def read_pickle(stream: BinaryIO, *, storages: dict[str, Storage] | None = None) -> Any:
    """The next pickle of `stream` as plain data: dicts, lists, tuples, numbers, text, `TensorRef`.

    Storages that it refers to are noted in `storages`.
    Raises `UnsafeCheckpoint` for anything that would call code, `CorruptCheckpoint` for damage.
    """
    return _Machine({} if storages is None else storages).run(stream)


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
            raise corrupt(str(error) or type(error).__name__) from None
        raise corrupt("it ends in the middle")

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
            raise corrupt("items for something that is no dictionary")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[plain_key(key)] = value

    def append(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise corrupt("items for something that is no list")
        self.stack[-1].extend(items)

    def name(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise corrupt("a name that is no text")
        found = Name(module, name)
        if module in ("torch", "torch.storage") and name in STORAGE_DTYPES:
            self.stack.append(found)
        elif module == "torch" and name in TORCH_DTYPES:
            self.stack.append(name)
        elif call_for(found) is not None or (module, name) in KNOWN_AS_DATA:
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
        call = call_for(function) if isinstance(function, Name) else None
        if call is None or not isinstance(args, tuple):
            raise UnsafeCheckpoint(f"the file calls {_described(function)}, which no checkpoint needs")
        self.spend(sum(len(a) for a in args if isinstance(a, str | list | tuple | dict)))
        self.stack.append(call(args))

    def op_newobj(self, _: Any) -> None:
        cls, _args = self.popped(2)
        self.stack.append(new_object(cls))

    def op_build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Attributes) and isinstance(state, dict):
            self.spend(len(state))
            target.update((str(plain_key(k)), v) for k, v in state.items())
        elif not isinstance(target, dict):
            # An OrderedDict's own attributes (a state dict's `_metadata`) say nothing we need.
            raise UnsafeCheckpoint(
                f"the file sets the state of {_described(target)}, which no checkpoint needs"
            )

    def op_binpersid(self, _: Any) -> None:
        pid = self.stack.pop()
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise corrupt("a reference to something that is no storage")
        kind, key, numel = pid[1], pid[2], pid[4]
        if not isinstance(kind, Name) or kind.name not in STORAGE_DTYPES or not isinstance(key, str):
            raise corrupt("a storage of no known type")
        if not is_size(numel) or (len(pid) > 5 and pid[5] is not None):
            raise corrupt("a storage of no known size")
        storage = Storage(key, STORAGE_DTYPES[kind.name], numel)
        if self.storages.setdefault(key, storage) != storage:
            raise corrupt("a storage that has two sizes")
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
