"""Which syllables end a stem, an ending or a counter: what some rules of pronunciation depend on."""

import re
import threading
from collections.abc import Iterator

from mecab import MeCab

from comps.gptsovits.text.ko.jamo import coda

# A mark stands after the last syllable of its morpheme. They are private characters, which no text means.
STEM = "\ue000"
"""A verb or adjective stem on a consonant that makes the next one tense: 신-고, 앉-다."""
ENDING = "\ue001"
"""An ending on ㄹ, after which a word begins tense: 할 것."""
COUNTER = "\ue002"
"""A counter or other bound noun: 세 시."""
MARKS = STEM + ENDING + COUNTER

_TENSING_CODAS = frozenset("ㄴㄵㅁㄻㄺㄼㄾ")
_LONGEST = 1000
_NOT_FOR_MECAB = re.compile("[\x00\ud800-\udfff]")


class Morphology:
    """Safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mecab = MeCab()

    def marked(self, text: str) -> str:
        """The text with marks. Marks already in it are taken out first."""
        text = re.sub(f"[{MARKS}]", "\ufffd", text)
        return "".join(self._mark(piece) for piece in _pieces(text))

    def _mark(self, text: str) -> str:
        with self._lock:
            morphemes = self._mecab.parse(_NOT_FOR_MECAB.sub("\ufffd", text))
        parts: list[str] = []
        done = 0
        for morpheme in morphemes:
            end = morpheme.span.end
            if end > done and (mark := _mark_of(text[end - 1], tag=morpheme.pos.rsplit("+", 1)[-1])):
                parts += [text[done:end], mark]
                done = end
        return "".join([*parts, text[done:]])


def _mark_of(last: str, *, tag: str) -> str:
    if tag == "NNBC":
        return COUNTER
    if tag.startswith("E") and coda(last) == "ㄹ":
        return ENDING
    if tag.startswith("V") and coda(last) in _TENSING_CODAS:
        return STEM
    return ""


def _pieces(text: str) -> Iterator[str]:
    """The text in stretches that MeCab analyses in little time, cut at spaces where there are any."""
    start = 0
    while len(text) - start > _LONGEST:
        space = text.rfind(" ", start + _LONGEST // 2, start + _LONGEST)
        end = start + _LONGEST if space < 0 else space
        yield text[start:end]
        start = end
    yield text[start:]
