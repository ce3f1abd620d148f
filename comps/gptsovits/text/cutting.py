"""Long text → segments that the model speaks one at a time.

Our own way, `punctuation`: sentences, short ones joined, overlong ones divided where a reader breathes.
`cut0` … `cut5` are the reference API's.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from comps.cores.errors import InvalidOption
from comps.gptsovits.text.cuts import CUTS, cut
from comps.gptsovits.text.markup import MARKUP, split_at_pauses
from comps.gptsovits.text.punctuation import CLAUSE_MARKS, CLOSING, SENTENCE_MARKS

METHODS = ("punctuation", *CUTS)

# Lengths in Latin letters, about 15 a second; a character of Chinese, Japanese or Korean takes three.
_LONGEST = 150.0
_SHORTEST = 24.0
_WIDE_CHARACTER = 3.2
_DIGIT = 3.0

_CLOSERS = re.escape(CLOSING)
_END = re.compile(
    rf"[{SENTENCE_MARKS}]+[{_CLOSERS}]*(?:(?=\s)|$)|[。！？｡．]+[{_CLOSERS}]*"
    rf"|(?<![A-Za-z0-9.])[.!?…]+[{_CLOSERS}]*(?=\S)"
)
_ABBREVIATED = re.compile(
    r"(?:^|[\s(\"'“‘])(?:Mr|Mrs|Ms|Dr|Prof|St|Gen|Col|Sgt|Capt|Lt|Gov|Sen|Rep|Rev|Hon|Jr|Sr|vs|etc|e\.g|i\.e|cf|al|No|"
    r"Nos|Fig|figs?|Vol|pp?|approx|Inc|Ltd|Corp|Co|Bros|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mt|Ave|"
    r"Blvd|Rd|[A-Za-z]|(?:[A-Za-z]\.)+[A-Za-z]|\d{1,3})\.$"
)
_USUALLY_ENDS = re.compile(r"(?:etc|Inc|Ltd|Corp|Co|Jr|Sr|Ave|Blvd|Rd|St|[ap]\.m|[A-Z]\.[A-Z])\.$")
_BREAK = re.compile(rf"[{CLAUSE_MARKS}{SENTENCE_MARKS}]+[{_CLOSERS}]*\s*(?=\S)|\s+(?=\S)")
_SPOKEN = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Passage:
    """What is spoken in one go, and the silence asked for after it: None where the request's default applies.

    `text` is empty for a pause at the very beginning.
    """

    text: str
    pause_seconds: float | None = None


def split_text(text: str, method: str = "punctuation", language: str = "auto") -> list[str]:
    """The segments of a text, in order; none when it holds no letter or digit. In linear time.

    `punctuation` changes nothing but white space at the borders. Raises InvalidOption for a method that is
    none of `METHODS`.
    """
    if method not in METHODS:
        raise InvalidOption(f"split {method!r} is not known; one of {', '.join(METHODS)} is")
    if method != "punctuation":
        return cut(text, method, english=language == "en")
    pieces: list[str] = []
    for paragraph in text.splitlines():
        sentences = _sentences(paragraph.strip())
        pieces += _joined(piece for sentence in sentences for piece in _divided(sentence))
    return pieces


def passages(text: str, method: str = "punctuation", language: str = "auto") -> list[Passage]:
    """`split_text` with the pauses that `[pause:500ms]` asks for; one silence at most between two texts."""
    found: list[Passage] = []
    for part, pause in split_at_pauses(text):
        pieces = [Passage(piece) for piece in split_text(part, method, language)]
        if pause is not None:
            if pieces:
                pieces[-1] = Passage(pieces[-1].text, pause)
            elif found:
                found[-1] = Passage(found[-1].text, (found[-1].pause_seconds or 0.0) + pause)
            else:
                pieces = [Passage("", pause)]
        found += pieces
    return found if any(passage.text for passage in found) else []


def _sentences(paragraph: str) -> Iterator[str]:
    begin = 0
    for match in _END.finditer(paragraph):
        if _ends_sentence(paragraph, match):
            yield paragraph[begin : match.end()].strip()
            begin = match.end()
    if paragraph[begin:].strip():
        yield paragraph[begin:].strip()


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    mark = match[0].rstrip(CLOSING)
    following = text[match.end() : match.end() + 40].lstrip()
    if not following or mark[-1] in "。！？｡．":
        return True
    if following[0].islower() or (mark[-1] == "." and following[0] in CLAUSE_MARKS):
        return False
    if mark != ".":
        return True
    before = text[max(0, match.start() - 15) : match.start() + 1]
    return not _ABBREVIATED.search(before) or bool(_USUALLY_ENDS.search(before) and following[0].isupper())


def _divided(sentence: str) -> Iterable[str]:
    """A sentence in pieces not too long, cut at clause marks, else at spaces, else anywhere."""
    weights = [0.0, *accumulate(map(_weight, sentence))]
    if weights[-1] <= _LONGEST:
        return [sentence]
    atoms = [match.span() for match in MARKUP.finditer(sentence)]
    clauses: list[int] = []
    spaces: list[int] = []
    for match in _BREAK.finditer(sentence):
        if not _is_inside(match.end(), atoms) and not _is_in_number(sentence, match):
            (spaces if match[0].isspace() else clauses).append(match.end())
    pieces = []
    begin = 0
    while weights[-1] - weights[begin] > _LONGEST:
        left = weights[-1] - weights[begin]
        ideal = weights[begin] + left / -(-left // _LONGEST)
        end = _best_cut(weights, begin, ideal, clauses) or _best_cut(weights, begin, ideal, spaces)
        end = end or _anywhere(sentence, weights, begin, atoms)
        pieces.append(sentence[begin:end].strip())
        begin = end
    return [*pieces, sentence[begin:].strip()]


def _best_cut(weights: list[float], begin: int, ideal: float, places: list[int]) -> int | None:
    """Of the places that leave neither a stump nor a piece too long, the one nearest to the ideal."""
    least = bisect_left(weights, weights[begin] + _LONGEST / 4)
    most = bisect_right(weights, weights[begin] + _LONGEST) - 1
    near = places[bisect_left(places, least) : bisect_right(places, most)]
    return min(near, key=lambda place: abs(weights[place] - ideal), default=None)


def _anywhere(text: str, weights: list[float], begin: int, atoms: list[tuple[int, int]]) -> int:
    """The last place within the longest length that parts neither a character from its marks nor markup."""
    end = max(begin + 1, bisect_right(weights, weights[begin] + _LONGEST) - 1)
    cut_at = end
    while cut_at > begin + 1 and end - cut_at < 32 and _is_joined(text, cut_at):
        cut_at -= 1
    for start, stop in atoms[bisect_left(atoms, (cut_at, 0)) - 1 :][:1]:
        if start < cut_at < stop:
            cut_at = start if start > begin else stop
    return cut_at


def _is_joined(text: str, index: int) -> bool:
    after = text[index] if index < len(text) else "a"
    return unicodedata.category(after) in ("Mn", "Me", "Mc", "Cf", "Sk") or text[index - 1] == "\u200d"


def _is_inside(index: int, atoms: list[tuple[int, int]]) -> bool:
    nearest = bisect_left(atoms, (index, 0)) - 1
    return nearest >= 0 and atoms[nearest][0] < index < atoms[nearest][1]


def _is_in_number(text: str, match: re.Match[str]) -> bool:
    return text[match.start() - 1 : match.start()].isdigit() and text[match.end() : match.end() + 1].isdigit()


def _joined(pieces: Iterable[str]) -> list[str]:
    """Pieces too short to be spoken well go with the next, the last with the one before; so do lone marks."""
    joined: list[str] = []
    lengths: list[float] = []
    for piece in pieces:
        length = sum(map(_weight, piece))
        short = not joined or lengths[-1] < _SHORTEST or not _SPOKEN.search(piece)
        if joined and short and lengths[-1] + length <= _LONGEST:
            joined[-1] += _space_between(joined[-1], piece) + piece
            lengths[-1] += length
        else:
            joined.append(piece)
            lengths.append(length)
    if len(joined) > 1 and lengths[-1] < _SHORTEST and lengths[-2] + lengths[-1] <= _LONGEST:
        last = joined.pop()
        joined[-1] += _space_between(joined[-1], last) + last
    return [piece for piece in joined if _SPOKEN.search(piece)]


def _space_between(left: str, right: str) -> str:
    return "" if _is_wide(left[-1]) or _is_wide(right[0]) else " "


def _weight(character: str) -> float:
    if character.isascii():
        return _DIGIT if character.isdigit() else 1.0
    return _WIDE_CHARACTER if _is_wide(character) else 1.0


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F", "H")
