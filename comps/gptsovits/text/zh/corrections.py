"""Words that the dictionary reads better than the polyphone model."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from comps.gptsovits.text.zh.readings import DictionaryReader, Reading
from comps.gptsovits.text.zh.syllables import Syllable, parse_syllable


class Corrections:
    """Phrases of the dictionary are read as it has them, except those left to the model; some are fixed.

    The sum of the three equals the reference implementation's list of 45,047 words.
    """

    def __init__(self, dictionary: DictionaryReader) -> None:
        from pypinyin.constants import PHRASES_DICT

        self._dictionary = dictionary
        self._phrases = frozenset(PHRASES_DICT) - frozenset(_read("read_by_model.txt").split())
        self._fixed = _fixed_readings()

    def apply(self, word: str, syllables: Sequence[Syllable]) -> Reading:
        """The reading of a word for which the model has `syllables`."""
        if fixed := self._fixed.get(word):
            return fixed
        if word in self._phrases:
            return self._dictionary.reading(word)
        return tuple(
            self._fixed.get(char, (syllable,))[0] for char, syllable in zip(word, syllables, strict=True)
        )


@cache
def _fixed_readings() -> dict[str, Reading]:
    readings = {}
    for line in _read("fixed_readings.txt").splitlines():
        word, *pinyin = line.split()
        readings[word] = tuple(filter(None, map(parse_syllable, pinyin)))
    return readings


def _read(name: str) -> str:
    return files(__package__).joinpath("data", name).read_text(encoding="utf-8")
