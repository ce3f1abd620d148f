"""Files that mean harm, and the means to see that reading them stays cheap."""

import io
import pickle
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def torch_zip(path: Path, data: bytes, storages: dict[str, bytes] | None = None, **options: Any) -> Path:
    """A zip of torch.save's layout around any pickle. `names` adds entries, `packed` deflates all."""
    packed = zipfile.ZIP_DEFLATED if options.get("packed") else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", b"3\n")
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
        for name, content in options.get("names", {}).items():
            archive.writestr(name, content)
    return path


def bomb(path: Path, name: str, mebibytes: int, entries: dict[str, bytes]) -> Path:
    """A zip whose entry `name` holds so many zeros, deflated; made without deflating them all."""
    block = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = block.compress(bytes(1 << 20)) + block.flush(zlib.Z_FULL_FLUSH)
    packed = packed * mebibytes + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    crc = 0
    for _ in range(mebibytes):
        crc = zlib.crc32(_MEBIBYTE, crc)
    contents = [(key, data, 0, len(data), zlib.crc32(data)) for key, data in entries.items()]
    contents.append((name, packed, 8, mebibytes << 20, crc))
    body, directory = bytearray(), bytearray()
    for key, data, method, size, check in contents:
        common = struct.pack("<HHHHHIIIHH", 20, 0, method, 0, 0x21, check, len(data), size, len(key), 0)
        directory += (
            b"PK\x01\x02\x14\x00" + common + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + key.encode()
        )
        body += b"PK\x03\x04" + common + key.encode() + data
    end = struct.pack("<HHHHIIH", 0, 0, len(contents), len(contents), len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\x05\x06" + end)
    return path


_MEBIBYTE = bytes(1 << 20)


class Calling:
    """Pickles as a call of `function` with `args`."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self._reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> Any:
        return self._reduced


def pickled(value: Any) -> bytes:
    return pickle.dumps(value, protocol=2)


def one_tensor(
    shape: tuple[int, ...], stride: tuple[int, ...], *, numel: int, offset: int = 0, times: int = 1
) -> bytes:
    """The pickle of `{"weight": {…}}` with a tensor of float32 in storage "0", written `times` times."""
    body = io.BytesIO()
    body.write(b"\x80\x02}X\x06\x00\x00\x00weight}(")
    for i in range(times):
        name = f"w{i}".encode()
        body.write(b"X" + struct.pack("<I", len(name)) + name)
        body.write(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage")
        body.write(b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu")
        body.write(_integer(numel) + b"tQ" + _integer(offset))
        for sizes in (shape, stride):
            body.write(b"(" + b"".join(map(_integer, sizes)) + b"t")
        body.write(b"\x89ccollections\nOrderedDict\n)RtR")
    body.write(b"us.")
    return body.getvalue()


def _integer(value: int) -> bytes:
    data = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


@contextmanager
def bounded(*, seconds: float = 10.0, mebibytes: float = 160.0) -> Iterator[None]:
    """Fails when what happens inside takes longer or more memory than so much."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.monotonic() - began < seconds
    assert peak < mebibytes * (1 << 20)
