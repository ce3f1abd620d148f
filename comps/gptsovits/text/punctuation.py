"""Marks: where sentences and clauses end, and a text without its marks that can be put together again."""

import re
from dataclasses import dataclass

SENTENCE_MARKS = ".!?。！？…．｡؟।"
CLAUSE_MARKS = ",;:，、；：､—"
CLOSING = "\"'”’»」』）)]】》〉"

_MARK = re.compile(rf"([{re.escape(SENTENCE_MARKS + CLAUSE_MARKS)}]+[{re.escape(CLOSING)}]*\s*)")


@dataclass(frozen=True)
class Preserved:
    """`chunks[0] marks[0] chunks[1] … chunks[-1]` is the text; chunks may be empty."""

    chunks: tuple[str, ...]
    marks: tuple[str, ...]


def preserve(text: str) -> Preserved:
    """A text taken apart at its marks; each mark keeps the closing quotes and the white space after it."""
    parts = _MARK.split(text)
    return Preserved(tuple(parts[::2]), tuple(parts[1::2]))


def restore(preserved: Preserved) -> str:
    """The text again: `restore(preserve(text)) == text` for every text."""
    marks = (*preserved.marks, "")
    return "".join(chunk + mark for chunk, mark in zip(preserved.chunks, marks, strict=True))
