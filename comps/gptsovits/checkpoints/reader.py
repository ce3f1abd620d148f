"""Any checkpoint file as named tensors and a config, opened without executing anything in it.

Tensors are read one by one when asked for, so that a file can be explained in milliseconds and loaded with no
more memory than the network takes.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from comps.cores.errors import CorruptCheckpoint, FileMissing, UnknownCheckpoint, UnsafeCheckpoint
from comps.gptsovits.checkpoints.archive import (
    ITEM_BYTES,
    LEGACY_MAGIC,
    ZIP_MAGIC,
    Extent,
    open_legacy,
    open_zip,
    read_extent,
)
from comps.gptsovits.checkpoints.pickled import TensorRef

# Where the tensors lie in the files of this field: T2S and decoders, BigVGAN, lightning, trainers.
SECTIONS = ("weight", "generator", "state_dict", "model")
MAX_CONFIG_NODES = 20_000


@dataclass(frozen=True)
class TensorInfo:
    shape: tuple[int, ...]
    dtype: str

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        return self.numel * ITEM_BYTES.get(self.dtype, 4)


@dataclass
class Checkpoint:
    """One file: `tensors` says what is in it, `read` fetches one. Use as a context manager."""

    path: Path
    container: str
    tensors: dict[str, TensorInfo]
    section: str = ""  # the key under which the tensors lay
    header: bytes | None = None
    config: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)  # info, lora_rank, …
    metadata: dict[str, str] = field(default_factory=dict)  # of safetensors
    _source: Any = None

    def read(self, name: str) -> Tensor:
        """The tensor as stored: its own dtype, contiguous, on the CPU, sharing memory with no other."""
        return self._source.read(name)

    @property
    def n_bytes(self) -> int:
        return sum(info.n_bytes for info in self.tensors.values())

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_checkpoint(path: Path) -> Checkpoint:
    """Opens a `.ckpt`, `.pth`, `.pt`, `.bin` or `.safetensors`, whatever it is called.

    Raises `FileMissing`, `UnsafeCheckpoint`, `CorruptCheckpoint` or `UnknownCheckpoint`.
    """
    path = Path(path)
    try:
        file = path.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise FileMissing(f"no file {path.name!r} in {path.parent}") from None
    try:
        return _open(file, path)
    except BaseException:
        file.close()
        raise


def _open(file: BinaryIO, path: Path) -> Checkpoint:
    head = file.read(64)
    if head[8:9] == b"{" and head[6:8] == b"\0\0":
        file.close()
        return _open_safetensors(path)
    if head[2:4] == ZIP_MAGIC[2:]:
        archive = open_zip(file, path)
    elif head.startswith(LEGACY_MAGIC):
        archive = open_legacy(file, path)
    else:
        raise _not_a_checkpoint(head, path)
    section, found = _find_tensors(archive.root, path)
    refs = {name: ref for name, ref in found.items() if isinstance(ref, TensorRef)}
    _check_sizes(refs, archive.extents, path)
    root = archive.root if section else {}
    return Checkpoint(
        path=path,
        container=archive.container,
        tensors={name: TensorInfo(ref.shape, ref.dtype) for name, ref in refs.items()},
        section=section,
        header=archive.header,
        config=plain_config(root.get("config")),
        extras={
            key: value
            for key, value in root.items()
            if key not in (section, "config") and isinstance(value, str | int | float)
        },
        _source=_TorchSource(file, path, refs, archive.extents),
    )


def _find_tensors(root: Any, path: Path) -> tuple[str, dict[str, Any]]:
    if isinstance(root, dict):
        for section in SECTIONS:
            inner = root.get(section)
            if isinstance(inner, dict) and any(isinstance(v, TensorRef) for v in inner.values()):
                return section, {str(k): v for k, v in inner.items()}
        if any(isinstance(v, TensorRef) for v in root.values()):
            return "", {str(k): v for k, v in root.items()}
    raise UnknownCheckpoint(f"{path.name} holds no tensors by name")


def _check_sizes(refs: Mapping[str, TensorRef], extents: Mapping[str, Extent], path: Path) -> None:
    total, stored = 0, 0
    seen: set[str] = set()
    for name, ref in refs.items():
        key, n_bytes = ref.storage.key, ref.storage.numel * ITEM_BYTES[ref.dtype]
        extent = extents.get(key)
        if extent is None or extent.size != n_bytes:
            raise CorruptCheckpoint(f"{path.name}: the numbers of {name} are missing or of another size")
        total += ref.numel * ITEM_BYTES[ref.dtype]
        stored += n_bytes if key not in seen else 0
        seen.add(key)
    # Tied weights share a storage. A thousand tensors that share one are a trap.
    if total > 4 * stored:
        raise UnsafeCheckpoint(f"{path.name} names the same numbers over and over")


class _TorchSource:
    def __init__(
        self, file: BinaryIO, path: Path, refs: Mapping[str, TensorRef], extents: Mapping[str, Extent]
    ) -> None:
        self._file, self._path, self._refs, self._extents = file, path, refs, extents

    def read(self, name: str) -> Tensor:
        ref = self._refs[name]
        dtype = getattr(torch, ref.dtype)
        if not ref.numel:
            return torch.empty(ref.shape, dtype=dtype)
        data = read_extent(self._file, self._extents[ref.storage.key], self._path)
        flat = torch.frombuffer(data, dtype=dtype)
        view = flat.as_strided(ref.shape, ref.stride, ref.offset)
        return view if view.is_contiguous() and view.numel() == flat.numel() else view.clone()

    def close(self) -> None:
        self._file.close()


class _SafetensorsSource:
    def __init__(self, handle: Any, path: Path) -> None:
        self._handle, self._path = handle, path

    def read(self, name: str) -> Tensor:
        try:
            tensor: Tensor = self._handle.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise CorruptCheckpoint(f"{self._path.name} is damaged: {error}") from None
        return tensor

    def close(self) -> None:
        self._handle = None


_SAFETENSORS_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def _open_safetensors(path: Path) -> Checkpoint:
    try:
        handle = safe_open(path, framework="pt")
        names = list(handle.keys())
        infos = {}
        for name in names:
            piece = handle.get_slice(name)
            dtype = _SAFETENSORS_DTYPES.get(piece.get_dtype(), piece.get_dtype())
            infos[name] = TensorInfo(tuple(piece.get_shape()), dtype)
        metadata = dict(handle.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise CorruptCheckpoint(f"{path.name} is a damaged or incomplete safetensors file: {error}") from None
    config: dict[str, Any] = {}
    if "config" in metadata:
        try:
            config = plain_config(json.loads(metadata["config"]))
        except (ValueError, RecursionError):
            raise CorruptCheckpoint(f"{path.name}: the config in it is not JSON") from None
    return Checkpoint(
        path=path,
        container="safetensors",
        tensors=infos,
        config=config,
        metadata=metadata,
        _source=_SafetensorsSource(handle, path),
    )


def _not_a_checkpoint(head: bytes, path: Path) -> UnknownCheckpoint | CorruptCheckpoint:
    if not head:
        return CorruptCheckpoint(f"{path.name} is empty")
    text = head.lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return UnknownCheckpoint(f"{path.name} is a Git LFS pointer; the weights were not downloaded")
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b'{"error')):
        return UnknownCheckpoint(f"{path.name} is a web page, not weights: the download went wrong")
    if not head.strip(b"\0"):
        return CorruptCheckpoint(f"{path.name} begins with zeros: the download was interrupted")
    if head[:1] == b"\x80":
        return UnknownCheckpoint(f"{path.name} is a bare pickle; only files of torch.save are read")
    return UnknownCheckpoint(f"{path.name} is neither a torch.save nor a safetensors file")


def plain_config(value: Any) -> dict[str, Any]:
    """A config as JSON would hold it: nested dicts, lists, text and numbers; anything else is left out."""
    budget = iter(range(MAX_CONFIG_NODES))
    with suppress(RecursionError):
        plain = _plain(value, budget)
        return plain if isinstance(plain, dict) else {}
    raise CorruptCheckpoint("the config in the file is nested without end")


def _plain(value: Any, budget: Iterator[int]) -> Any:
    if next(budget, None) is None:
        raise CorruptCheckpoint("the config in the file is too large to be one")
    if isinstance(value, Mapping):
        return {str(k): _plain(v, budget) for k, v in value.items() if not isinstance(v, TensorRef)}
    if isinstance(value, list | tuple):
        return [_plain(v, budget) for v in value if not isinstance(v, TensorRef)]
    return value if value is None or isinstance(value, str | bool | int | float) else None
