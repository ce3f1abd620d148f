"""Korean text → phones. Matches the reference implementation (tests/text/ko/test_reference.py)."""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files

from comps.gptsovits.text.ko.jamo import Syllable, compose, is_syllable, letters, syllable
from comps.gptsovits.text.ko.morphology import COUNTER, MARKS, Morphology
from comps.gptsovits.text.ko.numbers import read_numbers
from comps.gptsovits.text.ko.reading import ReadNumber, latin_to_hangul, numbers_to_hangul, read_number
from comps.gptsovits.text.ko.rules import pronounce
from comps.gptsovits.text.ko.sandhi import Meet, meet
from comps.gptsovits.text.language import Inventory
from comps.gptsovits.text.symbols import symbol_table

_SPACE = "空"
_PAUSE = "停"  # what the models were given for every character that they have no phone for
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
    " ": _SPACE,
}

# A second ㄹ after 을/를 and a space is spoken ㄴ (을 라면 → 을 나면): a repair of the reference's phonemes.
_SECOND_LIQUID = re.compile("([ㅇㄹ]ㅡㄹ )ㄹ")
_OPEN_END = re.compile(r"([ㄱ-ㅣ])$")
_SPELLED = re.compile("[가-힣ㄱ-ㅣ ,.!?…-]+")
_HANGUL = re.compile("[가-힣ㄱ-ㅣ]")


class KoreanFrontEnd:
    code = "ko"

    def __init__(self, *, meet: Meet = meet, read_number: ReadNumber = read_number) -> None:
        self._meet = meet
        self._read_number = read_number
        self._morphology = Morphology()
        self._irregular = _read_irregular()

    def normalize(self, text: str) -> str:
        """The text itself: what a number is read as depends on the morphemes around it, see `phonemize`."""
        return text

    def read_numbers(self, text: str) -> str:
        """The text with its numbers as they are spoken; to be called before `normalize`."""
        return read_numbers(text)

    def phonemize(self, norm: str, *, inventory: Inventory) -> tuple[list[str], None]:
        """Single letters (only v2 has them), `空` for a space, `停` for what has no phone.

        A text that ends in a letter gets a full stop, as in training.
        """
        text = latin_to_hangul(compose(norm))
        for word, respelled in self._irregular:
            text = text.replace(word, respelled)
        text = numbers_to_hangul(
            self._morphology.marked(text), counter_mark=COUNTER, read_number=self._read_number
        )
        units = list(_units(text))
        pronounce(units, meet=self._meet)
        spoken = _OPEN_END.sub(r"\1.", _SECOND_LIQUID.sub(r"\1ㄴ", letters(units)))
        return _phones(spoken), None

    def spell(self, pronunciation: str, *, inventory: Inventory) -> Sequence[Sequence[str]] | None:
        """The phones of hangul taken literally, without rules: `가치` for 같이."""
        text = compose(pronunciation).strip()
        if not _SPELLED.fullmatch(text) or not _HANGUL.search(text):
            return None
        return [_phones(letters(_units(text)))]


def _units(text: str) -> Iterator[Syllable | str]:
    """Syllables, each with the mark that follows it, and other characters."""
    for character, mark in re.findall(f"([^{MARKS}])([{MARKS}]?)", text, re.DOTALL):
        if is_syllable(character):
            unit = syllable(character)
            unit.mark = mark
            yield unit
        else:
            yield character


def _phones(spoken: str) -> list[str]:
    table = symbol_table("v2")
    phones = (_MARKS.get(character, character) for character in spoken)
    return [phone if phone in table else _PAUSE for phone in phones]


def _read_irregular() -> tuple[tuple[str, str], ...]:
    lines = files(__package__).joinpath("data", "irregular.tsv").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines)
    return tuple((word, respelled) for word, respelled in pairs)
