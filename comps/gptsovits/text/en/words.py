"""One word → phones: dictionary, names, endings, compounds, spelling; in this order."""

from functools import lru_cache

import wordsegment

from comps.gptsovits.text.en.fallback import SpellingModel
from comps.gptsovits.text.en.lexicon import LETTERS, Lexicon

_VOICELESS = frozenset({"P", "T", "K", "F", "TH", "HH"})
_SIBILANTS = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})
_CONTRACTIONS = {
    "'ll": ("AH0", "L"),
    "'d": ("D",),
    "'ve": ("V",),
    "'re": ("ER0",),
    "'m": ("M",),
    "n't": ("AH0", "N", "T"),
}
_SUFFIXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ness", ("N", "AH0", "S")),
    ("less", ("L", "AH0", "S")),
    ("ful", ("F", "AH0", "L")),
    ("like", ("L", "AY2", "K")),
    ("ly", ("L", "IY0")),
    ("ing", ("IH0", "NG")),
    ("ers", ("ER0", "Z")),
    ("er", ("ER0",)),
)
_SHORT_PARTS = frozenset("up in on of by my be it is at to go we no so do he me us or if an as".split())
_LONGEST_WORD = 24
"""Letters beyond which a word is cut into words it is made of, or into pieces."""


class WordReader:
    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._names = Lexicon("names.txt.gz")
        self._spelling = SpellingModel()
        if not wordsegment.UNIGRAMS:
            wordsegment.load()
        self._read_unknown = lru_cache(maxsize=8192)(self._unknown)

    def phones(self, word: str) -> list[str]:
        """Phones of a word of letters, apostrophes and hyphens; its case tells names and initials."""
        known = self._lexicon.get(word.lower()) if len(word) > 1 else None
        return known if known is not None else list(self._read_unknown(word))

    def _unknown(self, word: str) -> tuple[str, ...]:
        lower = word.lower()
        if len(word) == 1:
            return LETTERS.get(lower, ())
        if word.istitle() and (name := self._names.get(lower)) is not None:
            return tuple(name)
        if "-" in word:
            return tuple(phone for part in word.split("-") if part for phone in self.phones(part))
        if "'" in word:
            return self._with_apostrophe(word)
        if len(word) <= 3 and (word.isupper() or not set(lower) & set("aeiouy")):
            return tuple(phone for letter in lower for phone in LETTERS[letter])
        return self._plain(lower)

    def _with_apostrophe(self, word: str) -> tuple[str, ...]:
        """Possessives and contractions that the dictionary lacks; other apostrophes are silent."""
        lower = word.lower()
        if lower.endswith("'s"):
            return with_s(self.phones(word[:-2]))
        for ending, phones in _CONTRACTIONS.items():
            if lower.endswith(ending) and len(lower) > len(ending):
                stem = self.phones(word[: -len(ending)])
                needs_vowel = ending == "'d" and stem[-1:] and stem[-1] in ("T", "D")
                return (*stem, *(("AH0",) if needs_vowel else ()), *phones)
        bare = lower.replace("'", "")
        return tuple(self.phones(bare)) if bare else ()

    def _plain(self, word: str) -> tuple[str, ...]:
        if len(word) <= _LONGEST_WORD:
            return self._inflected(word) or self._compound(word) or tuple(self._spelling.phones(word))
        parts = wordsegment.segment(word)
        pieces = (part[i : i + _LONGEST_WORD] for part in parts for i in range(0, len(part), _LONGEST_WORD))
        return tuple(phone for piece in pieces for phone in self.phones(piece))

    def _inflected(self, word: str) -> tuple[str, ...] | None:
        if word.endswith("s") and not word.endswith("ss"):
            stem = self._stem(word[:-1]) or (self._stem(word[:-3] + "y") if word.endswith("ies") else None)
            if stem is None and word.endswith("es"):
                stem = self._stem(word[:-2])
                stem = stem if stem and stem[-1] in _SIBILANTS else None
            if stem:
                return with_s(stem)
        if word.endswith("ed"):
            stem = self._stem(word[:-1]) or self._stem(word[:-2]) or self._undoubled(word[:-2])
            if stem:
                return with_ed(stem)
        for suffix, phones in _SUFFIXES:
            if word.endswith(suffix):
                base = word[: -len(suffix)]
                stem = self._stem(base)
                if stem is None and suffix in ("ing", "er", "ers"):
                    stem = self._stem(base + "e") or self._undoubled(base)
                if stem:
                    return (*stem, *phones)
        return None

    def _stem(self, stem: str) -> list[str] | None:
        return self._lexicon.get(stem) if len(stem) >= 3 else None

    def _undoubled(self, base: str) -> list[str] | None:
        return self._stem(base[:-1]) if len(base) >= 4 and base[-1] == base[-2] else None

    def _compound(self, word: str) -> tuple[str, ...] | None:
        """A word made of dictionary words ("smartwatch"); None when any part would be a guess."""
        if len(word) < 6:
            return None
        parts = wordsegment.segment(word)
        whole = len(parts) > 1 and all(
            part in self._lexicon and (len(part) >= 3 or part in _SHORT_PARTS) for part in parts
        )
        return tuple(phone for part in parts for phone in self.phones(part)) if whole else None


def with_s(stem: list[str]) -> tuple[str, ...]:
    """The plural or possessive: S after voiceless sounds, a vowel more after hissing ones."""
    if not stem:
        return ()
    if stem[-1] in _SIBILANTS:
        return (*stem, "IH0", "Z")
    return (*stem, "S" if stem[-1] in _VOICELESS else "Z")


def with_ed(stem: list[str]) -> tuple[str, ...]:
    if stem[-1] in ("T", "D"):
        return (*stem, "IH0", "D")
    return (*stem, "T" if stem[-1] in _VOICELESS | {"S", "SH", "CH"} else "D")
