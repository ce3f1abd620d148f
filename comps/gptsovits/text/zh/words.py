"""Words and their parts of speech, by jieba's dictionary and tables.

The most probable path through the dictionary's words; stretches that it does not cover are cut by the hidden
Markov model whose states are part-of-speech tags. The results equal `jieba.posseg.lcut`
(tests/text/zh/test_words.py); the code is ours because jieba's takes 6 ms for a rare character, keeps a cache
in the shared temporary folder and needs more than a second to start.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from math import log
from typing import NamedTuple

from comps.gptsovits.text.zh.markov import PlaceModel, TagModel


class Word(NamedTuple):
    text: str
    tag: str
    """jieba's part of speech: n noun, v verb, r pronoun, m number, ul 了, …; x for what it does not know."""


# As jieba has them: what may be inside a word; the full stop counts, for 3.14.
_WORDLIKE = re.compile(r"([一-鿕a-zA-Z0-9+#&\._]+)")
_NUMERAL = re.compile("[.0-9]")  # a lone full stop too
_HAN = re.compile("([一-鿕]+)")


class Segmenter:
    """Cuts text into words. Safe to share between threads."""

    def __init__(self) -> None:
        from jieba import finalseg, posseg

        self._tags: dict[str, str] = posseg.dt.word_tag_tab
        self._model = TagModel(
            start=posseg.start_P,
            transitions=posseg.trans_P,
            emissions=posseg.emit_P,
            states_of=posseg.char_state_tab_P,
        )
        self._places = PlaceModel(
            start=finalseg.start_P, transitions=finalseg.trans_P, emissions=finalseg.emit_P
        )
        fields = files("jieba").joinpath("dict.txt").read_text(encoding="utf-8").split()
        counts = [int(count) for count in fields[1::3]]
        self._log_total = log(sum(counts))
        self._counts = dict(zip(fields[0::3], counts, strict=True))
        self._longest: dict[str, int] = {}
        for word in self._counts:
            if len(word) > self._longest.get(word[0], 0):
                self._longest[word[0]] = len(word)
        self.parts = lru_cache(maxsize=65536)(self._parts)

    def words(self, text: str) -> list[Word]:
        """The words of a text with their tags; joined they are the text again."""
        return [word for block in _WORDLIKE.split(text) if block for word in self._block(block)]

    def _block(self, block: str) -> Iterator[Word]:
        if not _WORDLIKE.match(block):
            yield from (Word(char, "x") for char in block)
            return
        for stretch, is_word in self._stretches(block, longer=True):
            if is_word or len(stretch) == 1:
                yield Word(stretch, self._tags.get(stretch, "x"))
            elif self._counts.get(stretch):
                yield from (Word(char, self._tags.get(char, "x")) for char in stretch)
            else:
                yield from self._unknown(stretch)

    def _unknown(self, stretch: str) -> Iterator[Word]:
        for piece in _HAN.split(stretch):
            if _HAN.match(piece):
                yield from (Word(piece[begin:end], tag) for begin, end, tag in self._model.cut(piece))
            elif piece:
                yield Word(piece, "m" if _NUMERAL.match(piece) else "x")

    def _parts(self, word: str) -> tuple[str, str]:
        """A word as two: its shortest dictionary word, and what is left before or after it.

        One in the middle counts as one at the end, as in the reference: the sizes are right, the text is not.
        """
        shortest = min(self._subwords(word), key=len, default=word)
        if word.startswith(shortest):
            return shortest, word[len(shortest) :]
        return word[: -len(shortest)], shortest

    def _subwords(self, word: str) -> Iterator[str]:
        """The word cut without tags, and the dictionary words of two and three characters in the pieces."""
        for block in filter(None, _WORDLIKE.split(word)):
            for piece in self._untagged(block) if _WORDLIKE.match(block) else block:
                for size in (2, 3):
                    if len(piece) > size:
                        grams = (piece[i : i + size] for i in range(len(piece) - size + 1))
                        yield from (gram for gram in grams if self._counts.get(gram))
                yield piece

    def _untagged(self, block: str) -> Iterator[str]:
        for stretch, is_word in self._stretches(block, longer=False):
            if is_word or len(stretch) == 1:
                yield stretch
            elif self._counts.get(stretch):
                yield from stretch
            else:
                for run in filter(None, _HAN.split(stretch)):
                    yield from self._places.cut(run) if _HAN.match(run) else [run]

    def _stretches(self, block: str, *, longer: bool) -> Iterator[tuple[str, bool]]:
        """The best path: dictionary words of two and more characters (True), what is between them (False)."""
        ends = self._best_path(block, longer=longer)
        begin = loose = 0
        while begin < len(block):
            end = ends[begin]
            if end - begin > 1:
                if loose < begin:
                    yield block[loose:begin], False
                yield block[begin:end], True
                loose = end
            begin = end
        if loose < len(block):
            yield block[loose:], False

    def _best_path(self, block: str, *, longer: bool) -> list[int]:
        """For each position, where the best word that begins there ends. Of equals the longer or the shorter:
        the reference's tagger takes the one, its cutter for search the other."""
        counts, n = self._counts, len(block)
        score = [0.0] * (n + 1)
        ends = [0] * n
        for begin in range(n - 1, -1, -1):
            furthest = min(n, begin + self._longest.get(block[begin], 1))
            candidates = [e for e in range(begin + 1, furthest + 1) if counts.get(block[begin:e])] or [
                begin + 1
            ]
            scores = [
                log(counts.get(block[begin:end]) or 1) - self._log_total + score[end] for end in candidates
            ]
            best = score[begin] = max(scores)
            ends[begin] = candidates[
                len(scores) - 1 - scores[::-1].index(best) if longer else scores.index(best)
            ]
        return ends
