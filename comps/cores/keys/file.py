"""The file of hashed keys: JSON, readable by its owner alone, replaced as a whole."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from comps.cores.errors import CorruptKeys
from comps.cores.keys.key import ApiKey, ApiKeys


def parse_keys(text: str | bytes, source: str) -> tuple[ApiKey, ...]:
    """The keys in a JSON list. Raises `CorruptKeys`, which tells the place and not the content."""
    try:
        keys = ApiKeys.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise CorruptKeys(f"{source} does not hold a JSON list of keys: {place}: {first['msg']}") from None
    if len({key.name for key in keys}) < len(keys):
        raise CorruptKeys(f"{source} holds two keys of one name")
    return keys


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys in the file, none if it does not exist. Raises `CorruptKeys`."""
    try:
        return parse_keys(path.read_bytes(), str(path))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise CorruptKeys(f"{path} cannot be read: {error.strerror}") from error


def change_keys(path: Path, change: Callable[[tuple[ApiKey, ...]], tuple[ApiKey, ...]]) -> None:
    """Replace the keys by what `change` makes of them; two commands at once wait for each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = ApiKeys.dump_json(change(read_keys(path)), indent=2, exclude_none=True)
        part = path.with_name(f".{path.name}.{uuid4().hex}.part")
        file = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(file, "wb") as out:
                out.write(text + b"\n")
                out.flush()
                os.fsync(out.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    finally:
        os.close(lock)
