"""What users may write into a text, `{word/pronunciation}` and `[pause:500ms]`, and their dictionary.

{tomato/T AH0 M EY1 T OW0}   phones as the word's language writes them: ARPAbet, pinyin, kana, …
{SQL/sequel}                 anything else is other words to read instead
[pause:500ms]  [pause:1.5s]  silence, at most ten seconds
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

MAX_PAUSE_SECONDS = 10.0

_SAID_SO = re.compile(r"\{([^{}/\n]{1,100})/([^{}\n]{1,200})\}")
_PAUSE = re.compile(r"\[ ?pause ?[: ] ?(\d{1,6}(?:\.\d{1,6})?) ?(ms|s)? ?\]", re.IGNORECASE)
MARKUP = re.compile(f"{_SAID_SO.pattern}|{_PAUSE.pattern}", re.IGNORECASE)
"""A piece of markup: never cut in two, never read out."""


@dataclass(frozen=True)
class Override:
    """Characters `start:end` of the plain text are to be said as `pronunciation` tells."""

    start: int
    end: int
    pronunciation: str


@dataclass(frozen=True)
class Marked:
    """A text without markup, and what the markup said about it."""

    plain: str
    overrides: tuple[Override, ...]


def read_markup(text: str, pronunciations: Mapping[str, str] | None = None) -> Marked:
    """The plain text and its overrides, in order and disjoint: inline ones and a dictionary's words.

    A word of Latin letters or digits counts where it stands alone, in any case; other words wherever they
    occur; of several that fit the longest.
    """
    plain: list[str] = []
    overrides: list[Override] = []
    length = position = 0
    dictionary = _dictionary(frozenset((pronunciations or {}).items()))
    text = _PAUSE.sub(" ", text)
    for match in (*_SAID_SO.finditer(text), None):
        before = text[position : match.start() if match else len(text)]
        overrides += dictionary.find(before, offset=length)
        plain.append(before)
        length += len(before)
        if match:
            word = match[1]
            overrides.append(Override(length, length + len(word), match[2].strip()))
            plain.append(word)
            length += len(word)
            position = match.end()
    return Marked("".join(plain), tuple(overrides))


def split_at_pauses(text: str) -> list[tuple[str, float | None]]:
    """The text between pause marks, each piece with the seconds of silence asked for after it, or None."""
    pieces: list[tuple[str, float | None]] = []
    position = 0
    for match in _PAUSE.finditer(text):
        seconds = float(match[1]) / (1000 if (match[2] or "s").lower() == "ms" else 1)
        pieces.append((text[position : match.start()], min(seconds, MAX_PAUSE_SECONDS)))
        position = match.end()
    return [*pieces, (text[position:], None)]


class _Dictionary:
    def __init__(self, words: Mapping[str, str]) -> None:
        self._said = {word.strip().casefold(): said.strip() for word, said in words.items() if word.strip()}
        longest_first = sorted(self._said, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_bounded, longest_first)), re.IGNORECASE)

    def find(self, text: str, *, offset: int) -> list[Override]:
        if not self._said:
            return []
        return [
            Override(offset + match.start(), offset + match.end(), self._said[key])
            for match in self._pattern.finditer(text)
            if (key := match[0].casefold()) in self._said
        ]


@lru_cache(maxsize=16)
def _dictionary(words: frozenset[tuple[str, str]]) -> _Dictionary:
    """Compiled once for all the segments of a request."""
    return _Dictionary(dict(sorted(words)))


def _bounded(word: str) -> str:
    """A pattern for a word; Latin letters and digits at its ends must not go on."""
    start = r"(?<![A-Za-z0-9])" if word[0].isascii() and word[0].isalnum() else ""
    end = r"(?![A-Za-z0-9])" if word[-1].isascii() and word[-1].isalnum() else ""
    return f"{start}{re.escape(word)}{end}"
