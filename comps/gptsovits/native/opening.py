"""Opening a compiled library: the one that is kept, or one that is compiled now."""

import logging
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from comps.gptsovits.native import build

logger = logging.getLogger(__name__)

L = TypeVar("L")


def opened(part: str, load: Callable[[Path], L], folder: Path | None, *, otherwise: str) -> L | None:
    """What `load` makes of the part's library; None, and `otherwise` in the log, where there is none.

    `load` raises `OSError` for a file that is no such library.
    """
    level, folder = build.this_level(), folder or build.cache_folder()
    try:
        file = build.find_library(level, part, cache=folder)
        if file is not None:
            return load(file)
        try:
            return load(build.build_library(level, folder, part))
        except PermissionError:  # not kept, but usable
            with tempfile.TemporaryDirectory() as temporary:
                return load(build.build_library(level, Path(temporary), part))
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("%s: %s", otherwise, error)
        return None
