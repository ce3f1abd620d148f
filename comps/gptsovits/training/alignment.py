"""Where each phoneme lies in an utterance: Viterbi over a left-to-right chain with optional pauses.

Phonemes of a word follow each other directly; between words, and at both ends, a pause may be taken or
skipped. Every state lasts at least one frame. The chain of an utterance is the same for the Gaussian models
that start from nothing (`bootstrap.py`) and for the trained content encoder.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
PHONES = ("SIL", *CONSONANTS, *VOWELS)  # 0 is the pause
SILENCE = 0
_INDEX = {phone: i for i, phone in enumerate(PHONES)}
_FAR = np.float32(-1e30)


@dataclass(frozen=True)
class Chain:
    """States of an utterance in order. `word[s]` is the word a state belongs to, -1 for a pause."""

    phones: NDArray[np.int64]  # [S] index into PHONES
    stress: NDArray[np.int64]  # [S] 0, 1 or 2; 0 for consonants
    word: NDArray[np.int64]  # [S]
    mark: NDArray[
        np.int64
    ]  # [S] index of the symbol (a phoneme or a mark) in the flat text; pauses: see below

    @property
    def optional(self) -> NDArray[np.bool_]:
        return self.phones == SILENCE


def is_mark(word: str) -> bool:
    """Whether an entry of an utterance's `phones` is punctuation rather than a word."""
    return not word[0].isalpha()


def chain_of(phones: tuple[str, ...]) -> Chain:
    """The chain of an utterance's `phones`: pause, word, pause, word, ..., pause.

    `mark` numbers the symbols as the front end emits them: phonemes and punctuation in one row. A pause takes
    the number of the punctuation before it, or of the phoneme before it where there is none.
    """
    states: list[tuple[int, int, int, int]] = [(SILENCE, 0, -1, 0)]
    symbol = words = 0
    for entry in phones:
        if is_mark(entry):
            if states[-1][0] == SILENCE:
                states[-1] = (SILENCE, 0, -1, symbol)
            symbol += 1
            continue
        for phone in entry.split():
            stress = int(phone[-1]) if phone[-1].isdigit() else 0
            states.append((_INDEX[phone.rstrip("012")], stress, words, symbol))
            symbol += 1
        states.append((SILENCE, 0, -1, symbol - 1))
        words += 1
    return Chain(*(np.array(column, np.int64) for column in zip(*states, strict=True)))


def subdivide(chain: Chain, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each phoneme as `n` states in a row (a pause stays one): (class, chain state) of each."""
    classes, origin = [], []
    for state, phone in enumerate(chain.phones):
        if phone == SILENCE:
            classes.append(0)
            origin.append(state)
            continue
        classes.extend(1 + (int(phone) - 1) * n + part for part in range(n))
        origin.extend([state] * n)
    return np.array(classes, np.int64), np.array(origin, np.int64)


def viterbi(
    scores: list[NDArray[np.float32]], classes: list[NDArray[np.int64]], *, loop: float = 0.0
) -> tuple[list[NDArray[np.int64]], NDArray[np.float32]]:
    """The best state per frame of each utterance, and each utterance's score per frame.

    `scores[i]` is [T_i, K] (log-likelihood per class), `classes[i]` [S_i] the class of each state; class 0
    may be skipped. `loop` is added on staying in a state. All utterances advance together, so pass similar
    lengths. An utterance with fewer frames than states that must be visited gets a score of about -1e30.
    """
    n, longest, widest = len(scores), max(map(len, scores)), max(map(len, classes))
    emission = np.full((longest, n, widest), _FAR, np.float32)
    skippable = np.zeros((n, widest), bool)
    for i, (score, states) in enumerate(zip(scores, classes, strict=True)):
        emission[: len(score), i, : len(states)] = score[:, states]
        skippable[i, : len(states)] = states == 0
    best = np.full((n, widest), _FAR, np.float32)
    best[:, 0] = emission[0, :, 0]
    for i in range(n):
        if skippable[i, 0] and len(classes[i]) > 1:
            best[i, 1] = emission[0, i, 1]
    back = np.zeros((longest, n, widest), np.int8)
    finals = np.zeros(n, np.float32)
    rows = np.arange(n)
    path_end = np.zeros(n, np.int64)
    lengths = np.array([len(score) for score in scores])
    for t in range(longest):
        if t:
            stay = best + loop
            step = np.full_like(best, _FAR)
            step[:, 1:] = best[:, :-1]
            skip = np.full_like(best, _FAR)
            skip[:, 2:] = np.where(skippable[:, 1:-1], best[:, :-2], _FAR)
            options = np.stack([stay, step, skip])
            choice = options.argmax(0)
            back[t] = choice
            best = np.take_along_axis(options, choice[None], 0)[0] + emission[t]
        for i in np.flatnonzero(lengths == t + 1).tolist():
            last = len(classes[i]) - 1
            if skippable[i, last] and last > 0 and best[i, last - 1] > best[i, last]:
                last -= 1
            path_end[i], finals[i] = last, best[i, last] / lengths[i]
    state = path_end.copy()
    paths = np.zeros((longest, n), np.int64)
    for t in range(longest - 1, -1, -1):
        alive = t < lengths
        paths[t] = state
        state = np.where(alive, state - back[t, rows, state], state)
    return [paths[: lengths[i], i] for i in range(n)], finals
