"""What was said against what was heard, word by word. Alignments by jiwer (extra `eval`)."""

import re
from dataclasses import dataclass
from itertools import groupby

import jiwer

_SPELLED = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "ok": "okay"}


@dataclass(frozen=True)
class Comparison:
    """How one sentence came out. All are counts of words."""

    said: int
    wrong: int  # substitutions, deletions and insertions together
    dropped: int  # said, and nothing was heard in their place
    repeated: int  # heard again right beside themselves
    cut_short: int  # of the dropped: those at the very end


def words(text: str) -> list[str]:
    """The words of `text` as they are compared: lower case, no punctuation, numbers spelled."""
    plain = re.sub(r"[’']", "", text.lower())
    plain = re.sub(r"\d+", lambda number: f" {_spoken(int(number.group()))} ", plain)
    return [_SPELLED.get(word, word) for word in re.findall(r"[a-z]+", plain)]


def compare(said: str, heard: str) -> Comparison:
    """Align two sentences.

    A word heard as two, or two as one, is no error of the voice ("every day", "everyday"): what differs only
    in its spaces counts as equal.
    """
    reference, found = words(said), words(heard)
    if "".join(reference) == "".join(found) or not reference:
        return Comparison(len(reference), len(found) if not reference else 0, 0, 0, 0)
    if not found:
        n = len(reference)
        return Comparison(n, n, n, 0, n)
    wrong = dropped = repeated = cut_short = 0
    for pieces in _differences(reference, found):
        for piece in pieces:
            n_said = piece.ref_end_idx - piece.ref_start_idx
            wrong += max(n_said, piece.hyp_end_idx - piece.hyp_start_idx)
            if piece.type == "delete":
                dropped += n_said
                cut_short += n_said if piece.ref_end_idx == len(reference) else 0
            elif piece.type == "insert":
                repeated += sum(
                    found[i] in (*found[i - 1 : i], *found[i + 1 : i + 2])
                    for i in range(piece.hyp_start_idx, piece.hyp_end_idx)
                )
    return Comparison(len(reference), wrong, dropped, repeated, cut_short)


def _differences(reference: list[str], found: list[str]) -> list[list[jiwer.AlignmentChunk]]:
    """Pieces of the alignment that differ, those beside each other together; not where only spaces do."""
    alignment = jiwer.process_words(" ".join(reference), " ".join(found)).alignments[0]
    differing = []
    for is_same, run in groupby(alignment, key=lambda piece: piece.type == "equal"):
        pieces = list(run)
        first, last = pieces[0], pieces[-1]
        said = reference[first.ref_start_idx : last.ref_end_idx]
        heard = found[first.hyp_start_idx : last.hyp_end_idx]
        if not is_same and "".join(said) != "".join(heard):
            differing.append(pieces)
    return differing


def wer(said: list[str], heard: list[str]) -> float:
    """Word error rate over all pairs together (may exceed 1)."""
    return error_rate([compare(s, h) for s, h in zip(said, heard, strict=True)])


def error_rate(compared: list[Comparison]) -> float:
    """Word error rate over all of them together."""
    return sum(c.wrong for c in compared) / max(1, sum(c.said for c in compared))


_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = ". . twenty thirty forty fifty sixty seventy eighty ninety".split()


def _spoken(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + ("" if number % 10 == 0 else " " + _ONES[number % 10])
    if number < 1_000:
        rest = number % 100
        return f"{_ONES[number // 100]} hundred" + ("" if rest == 0 else " " + _spoken(rest))
    if 1_100 <= number < 2_100 and number % 1_000 >= 100:
        rest = number % 100
        return f"{_spoken(number // 100)} " + ("hundred" if rest == 0 else _spoken(rest))
    if number < 1_000_000:
        rest = number % 1_000
        return f"{_spoken(number // 1_000)} thousand" + ("" if rest == 0 else " " + _spoken(rest))
    return " ".join(_ONES[int(digit)] for digit in str(number))
