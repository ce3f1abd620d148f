"""The two containers of `torch.save`, opened as byte ranges: the zip of today and the older plain sequence.

Nothing is trusted: sizes are compared with the file's, ranges may not overlap, what is deflated may not swell
beyond reason, and names may not lead anywhere.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from comps.cores.errors import CorruptCheckpoint, UnknownCheckpoint, UnsafeCheckpoint
from comps.gptsovits.checkpoints.pickled import Storage
from comps.gptsovits.checkpoints.pickles import read_pickle

MAX_PICKLE_BYTES = 32 << 20
MAX_DIRECTORY_BYTES = 32 << 20
# Trained weights hardly deflate at all; a file that swells twenty-fold is not made of them.
MAX_SWELLING = 20
_SLACK = 16 << 20

ITEM_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
ZIP_MAGIC = b"PK\x03\x04"
# The number that opens the older format, itself a pickle.
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


@dataclass(frozen=True)
class Extent:
    """Where a storage's bytes lie. `size` is what they measure once inflated."""

    offset: int
    packed: int
    size: int
    deflated: bool = False
    crc: int | None = None


@dataclass(frozen=True)
class Archive:
    """The root object of a file, and where the numbers it refers to are."""

    root: Any
    extents: Mapping[str, Extent]
    container: str
    header: bytes | None = None  # the two bytes that the reference project writes over "PK"


class _Restored(io.RawIOBase):
    """A file whose first two bytes read "PK" whatever they are."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        position = self._file.tell()
        data = self._file.read(len(buffer))
        if position < 2:
            data = b"PK"[position : position + len(data)] + data[2 - position :]
        buffer[: len(data)] = data
        return len(data)


def open_zip(file: BinaryIO, path: Path) -> Archive:
    """A zip of `torch.save`. Raises `CorruptCheckpoint`, `UnsafeCheckpoint` or `UnknownCheckpoint`."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    header = file.read(2)
    _check_directory_size(file, size, path)
    try:
        with zipfile.ZipFile(_Restored(file)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError) as error:
        raise CorruptCheckpoint(f"{path.name} is a damaged or incomplete zip: {error}") from None

    _check_names(entries, path)
    extents = {entry.filename: _extent(file, entry, size, path) for entry in entries}
    _check_extents(extents, size, path)

    pickles = [name for name in extents if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise UnknownCheckpoint(f"{path.name} is a zip, but not one that torch.save writes")
    root = pickles[0].removesuffix("data.pkl")
    order = extents.get(f"{root}byteorder")
    if order is not None and bytes(read_extent(file, order, path, limit=16)).strip() not in (b"little", b""):
        raise UnknownCheckpoint(f"{path.name} was written on a big-endian machine")
    data = read_extent(file, extents[pickles[0]], path, limit=MAX_PICKLE_BYTES)
    prefix = f"{root}data/"
    storages = {name.removeprefix(prefix): e for name, e in extents.items() if name.startswith(prefix)}
    obj = read_pickle(io.BytesIO(data))
    return Archive(obj, storages, "torch zip", header if header != b"PK" else None)


def open_legacy(file: BinaryIO, path: Path) -> Archive:
    """The container of torch before 1.6: five pickles, then each storage as a count and its bytes."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    # The pickles come first, so no more than the largest of them needs to be read to find their end.
    head = io.BytesIO(file.read(MAX_PICKLE_BYTES))
    _magic, _protocol, system = (read_pickle(head) for _ in range(3))
    if isinstance(system, dict) and system.get("little_endian") is False:
        raise UnknownCheckpoint(f"{path.name} was written on a big-endian machine")
    seen: dict[str, Storage] = {}
    root = read_pickle(head, storages=seen)
    keys = read_pickle(head)
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in seen for key in keys):
        raise CorruptCheckpoint(f"{path.name}: its list of storages is damaged")
    extents: dict[str, Extent] = {}
    offset = head.tell()
    for key in keys:
        file.seek(offset)
        count = file.read(8)
        n_bytes = seen[key].numel * ITEM_BYTES[seen[key].dtype]
        if count != struct.pack("<q", seen[key].numel) or offset + 8 + n_bytes > size:
            raise CorruptCheckpoint(f"{path.name} ends before its tensors do")
        extents[key] = Extent(offset + 8, n_bytes, n_bytes)
        offset += 8 + n_bytes
    return Archive(root, extents, "torch, before 1.6")


def read_extent(file: BinaryIO, extent: Extent, path: Path, *, limit: int | None = None) -> bytearray:
    """The bytes of one entry, inflated and compared with their checksum."""
    if limit is not None and extent.size > limit:
        raise UnsafeCheckpoint(
            f"{path.name} holds an entry of {extent.size:,} bytes where {limit:,} are plenty"
        )
    result = bytearray(extent.size)
    file.seek(extent.offset)
    if extent.deflated:
        _inflate(file, extent, result, path)
    elif file.readinto(result) != extent.size:  # type: ignore[attr-defined]
        raise CorruptCheckpoint(f"{path.name} ends before its tensors do")
    if extent.crc is not None and zlib.crc32(result) != extent.crc:
        raise CorruptCheckpoint(f"{path.name}: a checksum is wrong; the file is damaged or half downloaded")
    return result


def _inflate(file: BinaryIO, extent: Extent, result: bytearray, path: Path) -> None:
    inflater = zlib.decompressobj(-15)
    done, left = 0, extent.packed
    try:
        while done < extent.size:
            data = inflater.unconsumed_tail
            if not data and left:
                data = file.read(min(left, 1 << 20))
                left -= len(data)
            piece = inflater.decompress(data, extent.size - done)
            if not piece and not data:
                raise CorruptCheckpoint(f"{path.name} ends before its tensors do")
            result[done : done + len(piece)] = piece
            done += len(piece)
    except zlib.error as error:
        raise CorruptCheckpoint(f"{path.name} is damaged: {error}") from None


def _check_directory_size(file: BinaryIO, size: int, path: Path) -> None:
    """The directory is read whole, so its size is looked at first: at the file's end, before a comment."""
    tail_bytes = min(size, 22 + 0xFFFF)
    file.seek(size - tail_bytes)
    tail = file.read(tail_bytes)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise CorruptCheckpoint(
            f"{path.name} is incomplete: its directory, at the end of the file, is missing"
        )
    n_bytes = struct.unpack_from("<I", tail, at + 12)[0]
    record = tail.rfind(b"PK\x06\x06", 0, at)
    if n_bytes == 0xFFFFFFFF and record >= 0 and at - record >= 48:
        n_bytes = struct.unpack_from("<Q", tail, record + 40)[0]
    if n_bytes > MAX_DIRECTORY_BYTES:
        raise UnsafeCheckpoint(f"{path.name} has a directory of {n_bytes:,} bytes, more than any checkpoint")


def _check_names(entries: list[zipfile.ZipInfo], path: Path) -> None:
    for entry in entries:
        name = entry.filename
        if name.startswith("/") or "\\" in name or ":" in name.split("/")[0] or ".." in name.split("/"):
            raise UnsafeCheckpoint(f"{path.name} holds an entry that leads outside: {name[:80]!r}")
    if len({entry.filename for entry in entries}) != len(entries):
        raise UnsafeCheckpoint(f"{path.name} holds two entries of one name")


def _extent(file: BinaryIO, entry: zipfile.ZipInfo, size: int, path: Path) -> Extent:
    if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnknownCheckpoint(f"{path.name} is encrypted or packed in an unusual way")
    file.seek(entry.header_offset)
    local = file.read(30)
    signature = b"PK" + local[2:4] if entry.header_offset == 0 else local[:4]
    if len(local) < 30 or signature != ZIP_MAGIC:
        raise CorruptCheckpoint(f"{path.name} is damaged: an entry is not where the directory says")
    name_bytes, extra_bytes = struct.unpack_from("<HH", local, 26)
    offset = entry.header_offset + 30 + name_bytes + extra_bytes
    deflated = entry.compress_type == zipfile.ZIP_DEFLATED
    if offset + entry.compress_size > size or not (deflated or entry.compress_size == entry.file_size):
        raise CorruptCheckpoint(f"{path.name} ends before its tensors do")
    return Extent(offset, entry.compress_size, entry.file_size, deflated, entry.CRC)


def _check_extents(extents: Mapping[str, Extent], size: int, path: Path) -> None:
    if sum(e.size for e in extents.values()) > MAX_SWELLING * size + _SLACK:
        raise UnsafeCheckpoint(f"{path.name} would swell to more than {MAX_SWELLING} times its size")
    end = 0
    for extent in sorted(extents.values(), key=lambda e: e.offset):
        if extent.packed and extent.offset < end:
            raise UnsafeCheckpoint(f"{path.name} holds entries that overlap")
        end = max(end, extent.offset + extent.packed)
