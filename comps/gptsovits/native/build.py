"""From our C++ to a library that can be loaded: compiled once for a kind of processor, then kept.

A library's name says what it was made of: the sources, the options, the kind of processor. Its last bytes
are the digest of the others, so that one which was cut short is seen before it is loaded, and made again.
The compiler is not part of the name: what is kept stays, so that a request goes on giving the same samples.
"""

import hashlib
import logging
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs
import torch

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).resolve().parent
T2S_SOURCES = ("step.cpp", "attention.h", "linear.h", "pool.h", "registers.h", "sampling.h", "vectors.h")
DECODER_SOURCES = (
    *("decoder.cpp", "convolution.h", "encoder.h", "flow.h", "hifigan.h", "norm.h", "pool.h", "rows.h"),
    *("vectors.h", "vocos.h"),
)
# A library each, so that what fails to build takes nothing else with it.
PARTS = {"t2s": T2S_SOURCES, "decoder": DECODER_SOURCES}
BUNDLED = FOLDER / "built"  # what an image's build put there
COMPILERS = ("c++", "g++", "clang++")
# No contraction: where a compiler may choose to round once instead of twice, it chooses differently for one
# row and for several, and a row would depend on its neighbours. vectors.h says where products are fused.
OPTIONS = ("-std=c++20", "-O3", "-ffp-contract=off", "-fno-math-errno", "-shared", "-fPIC", "-pthread")
# Kinds of processor as torch names them.
LEVELS: dict[str, tuple[str, ...]] = {
    "AVX512": ("-march=x86-64-v4", "-mprefer-vector-width=512"),
    "AVX2": ("-march=x86-64-v3",),
    "DEFAULT": (),
}
COMPILE_SECONDS = 60.0
DIGEST_BYTES = 32


def cache_folder() -> Path:
    """Where this user's libraries and measurements are kept."""
    return Path(platformdirs.user_cache_dir("sovits-serve", appauthor=False))


def this_level() -> str:
    """The kind of processor at hand."""
    level = torch.backends.cpu.get_cpu_capability()
    return level if level in LEVELS else "DEFAULT"


def levels_here() -> tuple[str, ...]:
    """Every kind that this machine's compiler can make."""
    return tuple(LEVELS) if platform.machine().lower() in ("x86_64", "amd64") else ("DEFAULT",)


def library_name(level: str, part: str = "t2s") -> str:
    digest = hashlib.sha256(repr((OPTIONS, LEVELS[level])).encode())
    for source in PARTS[part]:
        digest.update((FOLDER / source).read_bytes())
    return f"{part}-{platform.system()}-{platform.machine()}-{level}-{digest.hexdigest()[:16]}.so".lower()


def find_library(level: str, part: str = "t2s", *, cache: Path | None = None) -> Path | None:
    """A whole library that is there already."""
    for folder in (BUNDLED, cache or cache_folder()):
        file = folder / library_name(level, part)
        if is_whole(file):
            return file
    return None


def is_whole(file: Path) -> bool:
    """Whether the file is there, with every byte as it was written."""
    try:
        data = file.read_bytes()
    except OSError:
        return False
    body, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    return len(body) > 0 and hashlib.sha256(body).digest() == digest


def find_compiler() -> str | None:
    return next(filter(None, map(shutil.which, COMPILERS)), None)


def build_library(level: str, folder: Path, part: str = "t2s") -> Path:
    """Compiles into `folder`; processes that do so at once do not disturb each other.

    Raises `OSError` where the folder can't be written or there is no compiler, and
    `subprocess.SubprocessError` where it fails or takes longer than `COMPILE_SECONDS`.
    """
    compiler = find_compiler()
    if compiler is None:
        raise FileNotFoundError(f"no compiler is called {', '.join(COMPILERS)}")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / library_name(level, part)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as temporary:
        made = Path(temporary) / target.name
        source = FOLDER / PARTS[part][0]
        command = [compiler, *OPTIONS, *LEVELS[level], str(source), "-o", str(made)]
        subprocess.run(command, check=True, capture_output=True, timeout=COMPILE_SECONDS)
        body = made.read_bytes()
        made.write_bytes(body + hashlib.sha256(body).digest())
        made.replace(target)
    return target
