"""Frozen configs to JSON and back, strictly: an unknown or missing field is `CorruptCheckpoint`."""

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from comps.cores.errors import CorruptCheckpoint

T = TypeVar("T")


def from_json(cls: type[T], data: Any, where: str = "config") -> T:
    """A dataclass from nested dicts and lists, as `dataclasses.asdict` and JSON leave them."""
    value = _decoded(cls, data, where)
    assert isinstance(value, cls)
    return value


def _decoded(hint: Any, data: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(hint), data, where)
    if origin is tuple:
        return _tuple(get_args(hint), data, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint, data, where)
    if hint is float and type(data) is int:
        return float(data)
    if isinstance(hint, type) and type(data) is hint:
        return data
    raise CorruptCheckpoint(f"{where} is {data!r:.60}, not {getattr(hint, '__name__', hint)}")


def _one_of(hints: tuple[Any, ...], data: Any, where: str) -> Any:
    failures = []
    for hint in hints:
        if hint is type(None):
            if data is None:
                return None
            continue
        try:
            return _decoded(hint, data, where)
        except CorruptCheckpoint as error:
            failures.append(str(error))
    raise CorruptCheckpoint("; or ".join(failures) or f"{where} is {data!r:.60}")


def _tuple(hints: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise CorruptCheckpoint(f"{where} is {data!r:.60}, not a list")
    if hints[-1] is Ellipsis:
        hints = (hints[0],) * len(data)
    if len(hints) != len(data):
        raise CorruptCheckpoint(f"{where} has {len(data)} values instead of {len(hints)}")
    return tuple(_decoded(h, v, f"{where}[{i}]") for i, (h, v) in enumerate(zip(hints, data, strict=True)))


def _dataclass(cls: type, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise CorruptCheckpoint(f"{where} is {data!r:.60}, not an object")
    hints = get_type_hints(cls)
    known = {f.name: f for f in fields(cls)}
    if unknown := sorted(set(data) - set(known)):
        raise CorruptCheckpoint(f"{where} has fields of no meaning: {', '.join(unknown)}")
    missing = [n for n, f in known.items() if n not in data and f.default is f.default_factory is MISSING]
    if missing:
        raise CorruptCheckpoint(f"{where} lacks {', '.join(missing)}")
    return cls(**{name: _decoded(hints[name], value, f"{where}.{name}") for name, value in data.items()})
