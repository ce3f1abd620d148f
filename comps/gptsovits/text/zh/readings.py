"""How each character of a sentence is read, before tones act on each other."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol

from comps.gptsovits.text.zh.syllables import Syllable, parse_syllable
from comps.gptsovits.text.zh.words import Word

Reading = tuple[Syllable, ...]


class Reader(Protocol):
    """Where there are two ways to read 行, this decides."""

    def read(self, sentence: str, words: Sequence[Word]) -> Iterable[Reading]:
        """The syllables of each word of a sentence, one a character."""


class DictionaryReader:
    """Reads word by word, by pypinyin's dictionary of phrases and of characters."""

    def __init__(self) -> None:
        from pypinyin import Style, lazy_pinyin

        self._pinyin = lambda word: lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
        self.reading = lru_cache(maxsize=65536)(self.read_text)

    def read(self, sentence: str, words: Sequence[Word]) -> Iterable[Reading]:
        return map(self.reading, (word.text for word in words))

    def tones(self, word: str) -> list[int]:
        return [syllable.tone for syllable in self.reading(word)]

    def read_text(self, word: str) -> Reading:
        """A syllable a character; phrases that the dictionary has in the text are read as phrases."""
        pinyin = self._pinyin(word)
        if len(pinyin) != len(word):
            pinyin = [self._pinyin(char)[0] for char in word]
        return tuple(syllable_of(char, text) for char, text in zip(word, pinyin, strict=True))


def syllable_of(char: str, pinyin: str) -> Syllable:
    """The syllable of one character; a character that has no pinyin stands for itself, without a tone."""
    return parse_syllable(pinyin) or Syllable(char, 0)
