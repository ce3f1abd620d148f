"""The reference API's six ways to cut a text (`cut0` … `cut5`), piece for piece.

Kept faithfully, oddities included: clients that ask for them by name expect those pieces (compared with the
reference's in tests/text/test_cutting.py). Our own way is `cutting`.
"""

import re
from collections.abc import Callable, Iterable, Mapping

_STOPS = frozenset("，。？！,.?!~:：—…")
_BLANK = frozenset("!?…,.- ")
_BLANK_OF_CUT5 = frozenset(",.;?!、，。？！;：…")
_CLAUSE = re.compile(r"[^，。？！,.?!~:：—…]*[，。？！,.?!~:：—…]")
_CUT5_PIECE = re.compile(r"(?:[^,.;?!、，。？！：…]|(?<=\d)\.(?=\d))*(?:[,.;?!、，。？！：…]|$)")
_LONGEST = 510
_SHORTEST = 5


def cut(text: str, method: str, *, english: bool) -> list[str]:
    """The pieces of a text by `cut0` … `cut5`, completed and merged as the reference hands them to its model;
    empty when nothing but marks is there. `english` decides between "." and "。" for marks that are added."""
    stop = "." if english else "。"
    text = text.strip("\n")
    if not text:
        return []
    # A very short opening is often swallowed by the model: a stop before it gives it a run-up.
    if text[0] not in _STOPS and len(_opening(text)) < 4:
        text = stop + text
    lines = "\n".join(CUTS[method](text)).split("\n")
    pieces = []
    for piece in _merge_short([line for line in lines if line not in ("", " ")]):
        if not re.search(r"\w", piece):
            continue
        whole = piece if piece[-1] in _STOPS else piece + stop
        pieces += _split_long(whole) if len(whole) > _LONGEST else [whole]
    return pieces


def _opening(text: str) -> str:
    return re.split("[，。？！,.?!~:：—…]", text, maxsplit=1)[0].strip()


def _merge_short(pieces: Iterable[str]) -> list[str]:
    pieces = list(pieces)
    if len(pieces) < 2:
        return pieces
    merged: list[str] = []
    waiting: list[str] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= _SHORTEST:
            merged.append("".join(waiting))
            waiting = []
    if waiting:
        rest = "".join(waiting)
        if merged:
            merged[-1] += rest
        else:
            merged.append(rest)
    return merged


def _split_long(text: str) -> list[str]:
    """Pieces of at most 510 characters where there are marks to cut at; marks may begin a piece."""
    pieces: list[str] = []
    length = 0
    current: list[str] = []
    for part in re.split("([，。？！,.?!~:：—…])", text):
        if length + len(part) > _LONGEST:
            pieces.append("".join(current))
            current, length = [], 0
        current.append(part)
        length += len(part)
    return pieces + (["".join(current)] if length else [])


def _clauses(text: str) -> list[str]:
    text = text.replace("……", "。").replace("——", "，")
    return _CLAUSE.findall(text if text[-1] in _STOPS else text + "。")


def _speakable(pieces: Iterable[str], blank: frozenset[str] = _BLANK) -> list[str]:
    return [piece for piece in pieces if not blank.issuperset(piece)]


def _whole(text: str) -> list[str]:
    return _speakable([text])


def _four_clauses(text: str) -> list[str]:
    clauses = _clauses(text)
    starts = list(range(0, len(clauses), 4))[:-1]  # the last group joins the one before it
    if not starts:
        return _speakable([text])
    ends = [*starts[1:], len(clauses)]
    return _speakable("".join(clauses[start:end]) for start, end in zip(starts, ends, strict=True))


def _fifty_characters(text: str) -> list[str]:
    clauses = _clauses(text)
    if len(clauses) < 2:
        return [text]
    pieces: list[str] = []
    current: list[str] = []
    length = 0
    for clause in clauses:
        current.append(clause)
        length += len(clause)
        if length > 50:
            pieces.append("".join(current))
            current, length = [], 0
    if current:
        pieces.append("".join(current))
    if len(pieces) > 1 and len(pieces[-1]) < 50:
        last = pieces.pop()
        pieces[-1] += last
    return _speakable(pieces)


def _chinese_stops(text: str) -> list[str]:
    return _speakable(text.strip("。").split("。"))


def _english_stops(text: str) -> list[str]:
    return _speakable(re.split(r"(?<!\d)\.(?!\d)", text.strip(".")))


def _every_mark(text: str) -> list[str]:
    return _speakable(filter(None, _CUT5_PIECE.findall(text)), _BLANK_OF_CUT5)


CUTS: Mapping[str, Callable[[str], list[str]]] = {
    "cut0": _whole,
    "cut1": _four_clauses,
    "cut2": _fifty_characters,
    "cut3": _chinese_stops,
    "cut4": _english_stops,
    "cut5": _every_mark,
}
