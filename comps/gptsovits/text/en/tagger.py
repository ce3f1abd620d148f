"""Parts of speech: an averaged perceptron over a word and its neighbours (Penn Treebank tags).

Algorithm: Collins 2002, greedy left to right. The weights are textblob-aptagger's (MIT), trained on to agree
with NLTK's `pos_tag`, which the reference implementation asks; see data/README.md.
"""

from collections.abc import Sequence
from importlib.resources import as_file

import numpy as np

from comps.gptsovits.text.en.lexicon import DATA

_BEFORE = ("-START-", "-START2-")
_AFTER = ("-END-", "-END2-")


class PosTagger:
    def __init__(self) -> None:
        with as_file(DATA.joinpath("tagger.npz")) as path, np.load(path) as archive:
            self._tags: list[str] = archive["tags"].tolist()  # ascending
            self._bounds: list[int] = archive["rows"].tolist()
            self._classes = archive["classes"].astype(np.int64)
            self._weights = archive["thousandths"].astype(np.int64)
            names = archive["features"].tobytes().decode().split("\n")
            fixed = archive["fixed"].tobytes().decode().split("\n")
        self._rows = {name: row for row, name in enumerate(names)}
        self._fixed = dict(line.split(" ") for line in fixed)
        """Words that have the same tag wherever they stand."""

    def tag(self, words: Sequence[str]) -> list[str]:
        """One tag a word; the words are a sentence's, in order, punctuation marks included."""
        around = [*_BEFORE, *map(_shape, words), *_AFTER]
        previous, before_that = _BEFORE
        tags = []
        for index, word in enumerate(words):
            tag = self._fixed.get(word) or self._best(word, around[index : index + 5], previous, before_that)
            tags.append(tag)
            previous, before_that = tag, previous
        return tags

    def _best(self, word: str, around: Sequence[str], previous: str, before_that: str) -> str:
        two_left, left, here, right, two_right = around
        features = (
            "bias",
            f"i suffix {word[-3:]}",
            f"i pref1 {word[0]}",
            f"i-1 tag {previous}",
            f"i-2 tag {before_that}",
            f"i tag+i-2 tag {previous} {before_that}",
            f"i word {here}",
            f"i-1 tag+i word {previous} {here}",
            f"i-1 word {left}",
            f"i-1 suffix {left[-3:]}",
            f"i-2 word {two_left}",
            f"i+1 word {right}",
            f"i+1 suffix {right[-3:]}",
            f"i+2 word {two_right}",
        )
        scores = np.zeros(len(self._tags), np.int64)
        for feature in features:
            row = self._rows.get(feature)
            if row is not None:
                span = slice(self._bounds[row], self._bounds[row + 1])
                scores[self._classes[span]] += self._weights[span]
        # Of equal scores the alphabetically last tag wins, as in training.
        return self._tags[len(scores) - 1 - int(scores[::-1].argmax())]


def _shape(word: str) -> str:
    """What the model sees of a neighbour: numbers and hyphenated words are each as good as one another."""
    if "-" in word and word[0] != "-":
        return "!HYPHEN"
    if word.isdigit() and len(word) == 4:
        return "!YEAR"
    return "!DIGITS" if word[0].isdigit() else word.lower()
