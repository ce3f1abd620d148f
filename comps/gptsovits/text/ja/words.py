"""The user dictionary of Open JTalk: words in Latin letters, and a few names, with reading and accent.

MeCab reads user dictionaries in a compiled form of 21 MB that belongs to one system dictionary. So we carry
the words (0.8 MB) and compile them when they are first needed: one to two seconds, once per user account.
"""

import hashlib
import logging
import lzma
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import platformdirs

logger = logging.getLogger(__name__)

# 1348: proper nouns, in naist-jdic. 0: the ends of a sentence, which bind to anything.
_NOUN_CLASS = 1348
_CLASS_OF_ODD_WORDS = {"主殿": 0}
_PART_OF_SPEECH = "名詞,固有名詞,一般,*,*,*"
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(ord("a"), ord("z") + 1)}

# In a process of its own: the compiler draws a progress bar on descriptor 1, where our caller's output goes.
_COMPILE = "import sys, pyopenjtalk; pyopenjtalk.mecab_dict_index(sys.argv[1], sys.argv[2])"


def compiled_words(system_version: str) -> Path | None:
    """The compiled user dictionary, made now if this account has none for that version of pyopenjtalk-plus.

    None, with a line in the log, where it cannot be made: Latin words are then spelled letter by letter.
    """
    packed = files(__package__).joinpath("data", "words.tsv.xz").read_bytes()
    digest = hashlib.sha256(packed + system_version.encode()).hexdigest()[:16]
    name = f"ja-words-{digest}.dic"
    made = platformdirs.user_cache_path("sovits-serve") / name
    if made.is_file():  # it serves where it cannot be written, too: in a read-only container
        return made
    try:
        path = _folder() / name
        _compile(lzma.decompress(packed).decode(), path)
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("no readings of Latin words in Japanese: %s", error)
        return None
    return path


def _folder() -> Path:
    folder = platformdirs.user_cache_path("sovits-serve")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    # Nobody else may write here: a dictionary is data that a C library trusts.
    return Path(tempfile.mkdtemp(prefix="sovits-serve-"))


def _compile(words: str, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        source, compiled = Path(scratch, "words.csv"), Path(scratch, "words.dic")
        with source.open("w", encoding="utf-8") as file:
            file.writelines(_entries(words))
        subprocess.run(
            [sys.executable, "-c", _COMPILE, str(source), str(compiled)],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=120,
        )
        compiled.replace(path)  # whole or not at all, whoever compiles beside us


def _entries(words: str) -> Iterator[str]:
    """Lines as Open JTalk's MeCab wants them: surface, classes, cost, part of speech, base form, reading,
    pronunciation, accent, accent rule."""
    for line in words.splitlines():
        surface, cost, reading, accent = line.split("\t")
        surface = surface.translate(_FULL_WIDTH)
        group = _CLASS_OF_ODD_WORDS.get(surface, _NOUN_CLASS)
        yield (
            f"{surface},{group},{group},{cost},{_PART_OF_SPEECH},{reading},{reading},{reading},{accent},*\n"
        )
