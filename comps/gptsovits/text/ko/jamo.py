"""Hangul syllables as three letters, and single letters as the models know them.

All letters here are of the compatibility block (ㄱ U+3131 … ㅣ U+3163), in onsets and codas alike.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_FIRST = 0xAC00  # 가

# The models have eight vowels; the rest are heard as two of them.
_SPLIT_VOWELS = {
    "ㅘ": "ㅗㅏ",
    "ㅙ": "ㅗㅐ",
    "ㅚ": "ㅗㅣ",
    "ㅝ": "ㅜㅓ",
    "ㅞ": "ㅜㅔ",
    "ㅟ": "ㅜㅣ",
    "ㅢ": "ㅡㅣ",
    "ㅑ": "ㅣㅏ",
    "ㅒ": "ㅣㅐ",
    "ㅕ": "ㅣㅓ",
    "ㅖ": "ㅣㅔ",
    "ㅛ": "ㅣㅗ",
    "ㅠ": "ㅣㅜ",
}
_TO_PHONES = str.maketrans(_SPLIT_VOWELS)

_CONJOINING = {0x1100 + index: letter for index, letter in enumerate(ONSETS)}
_CONJOINING |= {0x1161 + index: letter for index, letter in enumerate(VOWELS)}
_CONJOINING |= {0x11A7 + index: letter for index, letter in enumerate(CODAS) if letter}
_HAS_CONJOINING = re.compile("[\u1100-\u11ff]")


@dataclass(slots=True)
class Syllable:
    """A syllable as it is pronounced so far. The rules change it in place."""

    onset: str
    vowel: str
    coda: str
    mark: str = ""
    """What its morpheme lets the rules do, see `morphology`."""

    def letters(self) -> str:
        return f"{self.onset}{self.vowel}{self.coda}"


def is_syllable(character: str) -> bool:
    return "가" <= character <= "힣"


def syllable(character: str) -> Syllable:
    index = ord(character) - _FIRST
    return Syllable(ONSETS[index // 588], VOWELS[index // 28 % 21], CODAS[index % 28])


def coda(character: str) -> str:
    """The last consonant of a syllable, or nothing."""
    return CODAS[(ord(character) - _FIRST) % 28] if is_syllable(character) else ""


def compose(text: str) -> str:
    """The text with conjoining letters (as macOS writes file names) put together into syllables."""
    if not _HAS_CONJOINING.search(text):
        return text
    return unicodedata.normalize("NFC", text).translate(_CONJOINING)


def letters(units: Iterable[Syllable | str]) -> str:
    """Syllables and other characters as single letters of the models' inventory."""

    def each() -> Iterator[str]:
        for unit in units:
            yield unit.letters() if isinstance(unit, Syllable) else unit

    return "".join(each()).translate(_TO_PHONES)
