"""Japanese text → phones. Matches the reference implementation (tests/text/ja/test_reference.py)."""

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pyopenjtalk
from pyopenjtalk.openjtalk import OpenJTalk

from comps.gptsovits.text.ja.kana import phones_as_written, phrases_as_written
from comps.gptsovits.text.ja.numbers import read_numbers
from comps.gptsovits.text.ja.prosody import PAUSE, phones_with_pitch
from comps.gptsovits.text.ja.words import compiled_words
from comps.gptsovits.text.language import Inventory
from comps.gptsovits.text.symbols import UNKNOWN, symbol_table

logger = logging.getLogger(__name__)

# What Open JTalk reads, digits of every script among it; all else is a mark that stands for itself.
_SPOKEN = r"A-Za-z\d々\u3040-\u30ff\u4e00-\u9fff１-９Ａ-Ｚａ-ｚｦ-ﾝ"
_PIECES = re.compile(rf"(?P<spoken>[{_SPOKEN}]+)|(?P<mark>.)", re.DOTALL)

_PUNCTUATION_RUN = re.compile(r"([!?….,\-])[!?….,\-]+")
_MARKS = {
    "：": ",",
    "；": ",",
    "，": ",",
    "、": ",",
    "·": ",",
    "。": ".",
    "\n": ".",
    "！": "!",
    "？": "?",
}

# Labels cost the square of an utterance's length, and the C library's buffers are finite. Nobody speaks this
# long without a mark; where a text does, cut where a word is likeliest to end: hiragana before other letters.
_LONGEST = 240
_LIKELY_END = re.compile(r"[\u3041-\u3096](?=[^\u3041-\u3096ー])")


class JapaneseFrontEnd:
    code = "ja"

    def __init__(self) -> None:
        self._lock = threading.Lock()  # Open JTalk and Sudachi keep state between calls
        self._open_jtalk = _open_jtalk()
        self._utter("風は何")  # readings by context load their model at the first such word

    def normalize(self, text: str) -> str:
        """The text, each run of ASCII punctuation shortened to its first mark (runs make the models repeat
        the reference). Numbers and letters are left to Open JTalk."""
        return _PUNCTUATION_RUN.sub(r"\1", text)

    def read_numbers(self, text: str) -> str:
        """The text with its numbers as they are spoken; to be called before `normalize`."""
        return read_numbers(text)

    def phonemize(self, norm: str, *, inventory: Inventory) -> tuple[list[str], None]:
        """Phones with pitch marks; `UNK` for accent phrase borders and, in v1, for pitch, as in training."""
        table = symbol_table(inventory)
        phones: list[str] = []
        for piece in _PIECES.finditer(norm.replace("％", "パーセント").lower()):
            if piece["spoken"]:
                uttered = (phone for part in _portions(piece["spoken"]) for phone in self._utter(part))
                phones += (phone if phone in table else UNKNOWN for phone in uttered)
            elif (mark := piece["mark"]) != " ":
                phones.append(_MARKS.get(mark, mark))
        return phones, None

    def spell(self, pronunciation: str, *, inventory: Inventory) -> Sequence[Sequence[str]] | None:
        """The phones of kana (`ト'ーキョー`, see `kana`) or of phones (`t o o ky o o`)."""
        if (phones := phones_as_written(pronunciation)) is None:
            if (features := phrases_as_written(pronunciation)) is None:
                return None
            with self._lock:
                phones = phones_with_pitch(self._open_jtalk.make_label(cast(list[Any], features)))
        known = symbol_table(inventory).known("," if phone == PAUSE else phone for phone in phones)
        return [known] if known else None

    def _utter(self, spoken: str) -> list[str]:
        with self._lock:
            features = pyopenjtalk.run_frontend(spoken, jtalk=self._open_jtalk)
            labels = self._open_jtalk.make_label(features)
        return phones_with_pitch(labels)


def _open_jtalk() -> OpenJTalk:
    release = version("pyopenjtalk-plus")
    words = compiled_words(release)
    try:
        return _with_words(words)
    except RuntimeError:
        if words is None:
            raise
        logger.warning("%s is damaged: compiling it anew", words.name)
        words.unlink(missing_ok=True)
        return _with_words(compiled_words(release))


def _with_words(words: Path | None) -> OpenJTalk:
    return OpenJTalk(
        dn_mecab=pyopenjtalk.OPEN_JTALK_DICT_DIR, userdic=b"" if words is None else str(words).encode()
    )


def _portions(spoken: str) -> Iterator[str]:
    """The text in stretches of at most `_LONGEST` characters."""
    start = 0
    while len(spoken) - start > _LONGEST:
        end = start + _LONGEST
        for likely in _LIKELY_END.finditer(spoken, start + _LONGEST // 2, end):
            end = likely.end()
        yield spoken[start:end]
        start = end
    yield spoken[start:]
