"""Mandarin: text → pinyin phones, with the number of phones of every character for BERT."""

import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from comps.gptsovits.text.language import Inventory
from comps.gptsovits.text.zh.erhua import with_erhua
from comps.gptsovits.text.zh.merging import join_words
from comps.gptsovits.text.zh.normalization import SPEAKABLE, normalize_mandarin
from comps.gptsovits.text.zh.readings import DictionaryReader, Reader, Reading
from comps.gptsovits.text.zh.sandhi import spoken_tones
from comps.gptsovits.text.zh.syllables import MARKS, Syllable, parse_syllable
from comps.gptsovits.text.zh.words import Segmenter, Word
from comps.gptsovits.text.zh.written_numbers import read_numbers

logger = logging.getLogger(__name__)

_SENTENCE = re.compile(f"[^{MARKS}]*[{MARKS}]|[^{MARKS}]+")
_UNSPEAKABLE = re.compile(f"[^{SPEAKABLE}]")


class MandarinFrontEnd:
    """The front end of `zh`.

    `polyphones` reads characters that have several readings, for the v2 inventory; without it, and for v1
    (whose models never saw it), pypinyin's dictionary does.
    """

    code = "zh"

    def __init__(
        self, polyphones: Reader | None = None, *, dictionary: DictionaryReader | None = None
    ) -> None:
        self._segmenter = Segmenter()
        self._dictionary = dictionary or DictionaryReader()
        self._readers: dict[Inventory, Reader] = {
            "v1": self._dictionary,
            "v2": polyphones or self._dictionary,
        }
        self._spoken = lru_cache(maxsize=65536)(self._speak)

    @classmethod
    def with_models(cls, models: Path | None) -> "MandarinFrontEnd":
        """With g2pW if it is in the folder `models` or its parent and can be run; without it otherwise."""
        from comps.gptsovits.text.zh.g2pw import G2pwReader, find_model

        found = models and (find_model(models) or find_model(models.parent))
        if not found:
            return cls()
        if not (find_spec("onnxruntime") and find_spec("opencc")):
            logger.warning("%s is not used: the extra g2pw is not installed", found[0].name)
            return cls()
        dictionary = DictionaryReader()
        folder, vocabulary = found
        return cls(G2pwReader(folder, vocabulary=vocabulary, dictionary=dictionary), dictionary=dictionary)

    def normalize(self, text: str) -> str:
        return normalize_mandarin(text)

    def read_numbers(self, text: str) -> str:
        """The text with those numbers in words that the official models heard garbled."""
        return read_numbers(text)

    def phonemize(self, norm: str, *, inventory: Inventory) -> tuple[list[str], list[int] | None]:
        """Two phones a Han character, one a punctuation mark, none for anything else."""
        said = _UNSPEAKABLE.sub("", norm)
        groups = [
            group for sentence in _SENTENCE.findall(said) for group in self._phones(sentence, inventory)
        ]
        word2ph = [len(group) for group in groups]
        if said != norm:
            counts = iter(word2ph)
            word2ph = [0 if _UNSPEAKABLE.match(char) else next(counts) for char in norm]
        return [phone for group in groups for phone in group], word2ph

    def spell(self, pronunciation: str, *, inventory: Inventory) -> Sequence[Sequence[str]] | None:
        """The phones of pinyin with tone numbers or marks: `yin2 hang2`, `xíng`. A syllable a group."""
        syllables = [parse_syllable(syllable) for syllable in pronunciation.split()]
        known = [syllable for syllable in syllables if syllable]
        marked = any(char.isdigit() or not char.isascii() for char in pronunciation)
        if not known or len(known) < len(syllables) or not marked:
            return None
        return [syllable.phones for syllable in known]

    def _phones(self, sentence: str, inventory: Inventory) -> list[tuple[str, ...]]:
        words = join_words(self._segmenter.words(sentence), self._dictionary.tones)
        readings = self._readers[inventory].read(sentence, words)
        erhua = inventory == "v2"
        return [
            phones
            for word, reading in zip(words, readings, strict=True)
            for phones in self._spoken(word, reading, erhua)
        ]

    def _speak(self, word: Word, reading: Reading, erhua: bool) -> list[tuple[str, ...]]:
        tones = spoken_tones(word, [syllable.tone for syllable in reading], self._segmenter.parts)
        spoken = [Syllable(syllable.sound, tone) for syllable, tone in zip(reading, tones, strict=True)]
        return [s.phones for s in (with_erhua(word, spoken) if erhua else spoken)]
