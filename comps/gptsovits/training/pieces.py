"""Training examples of T2S: spans of words cut out of utterances and put together as inference does.

Inference hands T2S the prompt's phonemes and the text's in one row, and the prompt's tokens, which end in
the tokens of appended silence. So does training, with pieces of one voice. Short pieces teach which sounds
belong to which phonemes (there is little room for error in two words), long ones the rest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.training.alignment import is_mark
from comps.gptsovits.training.labels import Alignment
from comps.gptsovits.training.tokenizer import token_centres

STOP = "."
# What the front end makes of marks that the inventory lacks.
MARKS = {";": ",", ":": ",", "—": "-", "…": "…"}
MIN_PHONEMES = 6  # a shorter text gets a stop in front, as at inference


@dataclass(frozen=True)
class Piece:
    """Words and their tokens. `symbol[s]` is the index of the phoneme that token s belongs to."""

    phonemes: NDArray[np.int64]  # [P] ids of inventory v2
    tokens: NDArray[np.int64]  # [S]
    symbol: NDArray[np.int64]  # [S]


@dataclass(frozen=True)
class Example:
    """One row of training. The first `n_given` tokens are the prompt's; `tokens` hold no end."""

    phonemes: NDArray[np.int64]
    tokens: NDArray[np.int64]
    symbol: NDArray[np.int64]
    n_given: int

    @property
    def size(self) -> int:
        return len(self.phonemes) + len(self.tokens)


class TokenUtterance:
    """An utterance as tokens with the place of each word; `factor` is how much faster it was resampled.

    `tokens` cover the utterance and the silence appended to a prompt; the first `n_speech` are the utterance.
    """

    def __init__(
        self,
        phones: tuple[str, ...],
        alignment: Alignment,
        tokens: NDArray[np.int64],
        n_speech: int,
        factor: float,
    ) -> None:
        table = symbol_table("v2")
        self.n_speech = n_speech
        centres = token_centres(n_speech) * factor
        states = alignment.states[alignment.frames_at(centres)]
        self._tokens, self._tail = tokens[:n_speech], tokens[n_speech:]
        self._mark = alignment.chain.mark[states]
        self._word = alignment.chain.word[states]  # -1 in pauses
        self._symbols: list[int] = []
        self._bounds: list[tuple[int, int]] = []  # of each word, in symbols
        for entry in phones:
            if is_mark(entry):
                self._symbols += table.ids([MARKS.get(entry, entry)])
                continue
            ids = table.ids(entry.split())
            self._bounds.append((len(self._symbols), len(self._symbols) + len(ids)))
            self._symbols += ids
        self._stop, self._marks = table.ids([STOP])[0], set(table.ids([".", "!", "?", ",", "…", "-"]))
        spoken = np.flatnonzero(self._word >= 0)
        self._first, self._last = int(spoken[0]), int(spoken[-1]) + 1
        self._begin = np.searchsorted(self._ordered_words(), np.arange(self.n_words), side="left")
        self._end = np.searchsorted(self._ordered_words(), np.arange(self.n_words), side="right")

    def _ordered_words(self) -> NDArray[np.int64]:
        """The word at or before each token: pauses belong to the word before them."""
        return np.maximum.accumulate(self._word)

    @property
    def n_words(self) -> int:
        return len(self._bounds)

    @property
    def tail(self) -> NDArray[np.int64]:
        """Tokens of the silence that follows a prompt."""
        return self._tail

    def piece(self, first: int = 0, last: int | None = None) -> Piece:
        """Words `[first, last)` with the utterance's own silence at both ends."""
        last = self.n_words if last is None else last
        whole_end = last == self.n_words
        begin = self._first if first == 0 else int(self._begin[first])
        speech_end = self._last if whole_end else self._trimmed(int(self._end[last - 1]))
        low = self._bounds[first][0]
        high = len(self._symbols) if whole_end else self._bounds[last - 1][1]
        symbols = list(self._symbols[low:high])
        lead, trail = self._tokens[: self._first], self._tokens[self._last :]
        inner = np.clip(self._mark[begin:speech_end] - low, 0, len(symbols) - 1)
        if symbols[-1] not in self._marks:
            symbols.append(self._stop)
        offset = 0
        if len(symbols) - 1 < MIN_PHONEMES:
            symbols.insert(0, self._stop)
            offset = 1
        return Piece(
            phonemes=np.array(symbols, np.int64),
            tokens=np.concatenate([lead, self._tokens[begin:speech_end], trail]),
            symbol=np.concatenate(
                [np.zeros(len(lead), np.int64), inner + offset, np.full(len(trail), len(symbols) - 1)]
            ),
        )

    def _trimmed(self, end: int) -> int:
        """`end` without the pause before it."""
        while end > 0 and self._word[end - 1] < 0:
            end -= 1
        return end


def joined(pieces: list[Piece], tails: list[NDArray[np.int64]], *, n_prompts: int) -> Example:
    """Pieces in a row, each followed by the tokens in `tails` (empty for none); the first ones are the
    prompt.
    """
    phonemes: list[NDArray[np.int64]] = []
    tokens: list[NDArray[np.int64]] = []
    symbol: list[NDArray[np.int64]] = []
    n_phonemes = n_given = 0
    for k, (piece, tail) in enumerate(zip(pieces, tails, strict=True)):
        phonemes.append(piece.phonemes)
        tokens += [piece.tokens, tail]
        last = n_phonemes + len(piece.phonemes) - 1
        symbol += [piece.symbol + n_phonemes, np.full(len(tail), last, np.int64)]
        n_phonemes += len(piece.phonemes)
        if k < n_prompts:
            n_given += len(piece.tokens) + len(tail)
    return Example(np.concatenate(phonemes), np.concatenate(tokens), np.concatenate(symbol), n_given)


class ExampleMaker:
    """Draws examples from utterances grouped by voice."""

    def __init__(self, voices: dict[str, list[TokenUtterance]]) -> None:
        self._voices = voices
        everyone = [(name, i) for name, utterances in voices.items() for i in range(len(utterances))]
        self._everyone = everyone

    def draw(self, rng: np.random.Generator, *, ease: float) -> Example:
        """One example. `ease` 1: a few words without a prompt; 0: as inference meets them."""
        name, i = self._everyone[int(rng.integers(len(self._everyone)))]
        own = self._voices[name]
        nothing = np.zeros(0, np.int64)
        target = self._cut(own[i], rng, ease)
        if rng.random() < ease or rng.random() < 0.2:
            return joined([target], [nothing], n_prompts=0)
        pieces, tails = [], []
        prompt = own[int(rng.integers(len(own)))]
        pieces.append(self._cut(prompt, rng, ease))
        tails.append(prompt.tail)
        pieces.append(target)
        tails.append(nothing)
        if rng.random() < 0.2:
            pieces.append(self._cut(own[int(rng.integers(len(own)))], rng, ease))
            tails.append(nothing)
        return joined(pieces, tails, n_prompts=1)

    def _cut(self, utterance: TokenUtterance, rng: np.random.Generator, ease: float) -> Piece:
        n = utterance.n_words
        if rng.random() > 0.35 + 0.65 * ease:
            return utterance.piece()
        longest = n if rng.random() > ease else min(n, 5)
        length = int(rng.integers(1, longest + 1))
        first = int(rng.integers(0, n - length + 1))
        return utterance.piece(first, first + length)
