"""Cantonese: text → jyutping phones, with the number of phones of every character."""

from collections.abc import Sequence

from comps.gptsovits.text.language import Inventory
from comps.gptsovits.text.yue.jyutping import phones_of
from comps.gptsovits.text.zh.normalization import normalize_cantonese
from comps.gptsovits.text.zh.syllables import MARKS
from comps.gptsovits.text.zh.written_numbers import read_numbers


class CantoneseFrontEnd:
    """The front end of `yue`. Its phones are in the v2 inventory only."""

    code = "yue"

    def __init__(self) -> None:
        from ToJyutping import get_jyutping_list

        self._read = get_jyutping_list

    def normalize(self, text: str) -> str:
        return normalize_cantonese(text)

    def read_numbers(self, text: str) -> str:
        """The text with those numbers in words that the official models heard garbled."""
        return read_numbers(text)

    def phonemize(self, norm: str, *, inventory: Inventory) -> tuple[list[str], list[int] | None]:
        """Two phones a syllable, one a punctuation mark, none for a character that the dictionary lacks."""
        groups = [
            (char,) if char in MARKS else phones_of(jyutping or "") or ()
            for char, jyutping in self._read(norm)
        ]
        return [phone for group in groups for phone in group], [len(group) for group in groups]

    def spell(self, pronunciation: str, *, inventory: Inventory) -> Sequence[Sequence[str]] | None:
        """The phones of jyutping: `hoeng1 gong2`. A syllable a group."""
        syllables = [phones_of(syllable) for syllable in pronunciation.lower().split()]
        known = [syllable for syllable in syllables if syllable]
        return known if known and len(known) == len(syllables) else None
