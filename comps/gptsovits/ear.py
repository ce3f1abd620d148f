"""Ear: do these tokens say these phonemes? No torch, no network: a table and a dynamic programme.

A semantic token is a sound of 40 ms, and a model's maker knows from aligned speech which phonemes each token
was heard in. With that table, phonemes can be laid along the tokens that T2S made of them, in order, and
where a word was skipped or slurred the sounds don't fit. The bundled model has such a table; a model without
one is not listened to.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SILENCE = 0  # the class of pauses, and of punctuation
WORST = -8.0  # nats: no single token counts for more
UNHEARD = np.float32(WORST)  # for a phoneme without a token: fast speech has some, a skipped word many
STRAY = np.float32(-1.0)  # for a token of a pause where the text has no mark: a hesitation
_NEVER = np.float32(-1e30)
CLEAR = -0.2  # seven tenths of what the bundled model says fits better at once
MOST_RETRIES = 20
RETRIES = 8  # its tokens cost little, and each of the first eight attempts still helps


class Ear:
    """`sounds [V, K]`: log-probability that a token is heard in each class of phonemes; `classes [P]`: the
    class of each symbol of the inventory, `SILENCE` for what makes no sound. What fits worse than `clear` is
    worth saying again, so many times.

    Raises ValueError where a class has no column, or more is asked for than `MOST_RETRIES`.
    """

    def __init__(
        self,
        sounds: NDArray[np.float32],
        classes: NDArray[np.int64],
        *,
        clear: float = CLEAR,
        retries: int = 2,
    ) -> None:
        self.clear, self.retries = clear, retries
        if not 0 <= retries <= MOST_RETRIES:
            raise ValueError(f"an ear may ask for {MOST_RETRIES} attempts more, not {retries}")
        if sounds.ndim != 2 or classes.ndim != 1 or not np.isfinite(sounds).all():
            raise ValueError("the ear's table is not one of tokens by classes")
        if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < sounds.shape[1]:
            raise ValueError(f"the ear knows {sounds.shape[1]} classes of phonemes, and is to know others")
        # How far each class is from the one that fits best: 0 where it is the one.
        self._misfit = np.maximum(sounds - sounds.max(1, keepdims=True), WORST).astype(np.float32)
        self._classes = classes

    def fit(self, tokens: Sequence[int], phonemes: Sequence[int]) -> float:
        """How well tokens say phonemes (ids of the inventory): mean nats a token, from 0 down to `WORST`.

        Phonemes come in order, with or without a pause between any two; passing one over costs `UNHEARD`, and
        each token of a pause that no mark explains `STRAY`.
        """
        chain, dues = self._chain(phonemes)
        if not len(tokens) or len(chain) == 1:
            return WORST
        emission = self._misfit[np.asarray(tokens, np.int64)][:, chain] + dues  # [T, S]
        # Pauses have the even places, phonemes the odd ones. `passed[k]`: to begin with phoneme k.
        passed = UNHEARD * np.arange(len(chain) // 2, dtype=np.float32)
        best = np.full(len(chain), _NEVER, np.float32)
        best[0], best[1::2] = 0.0, passed
        best += emission[0]
        move = np.full_like(best, _NEVER)
        for now in emission[1:]:
            move[2::2] = best[1::2]  # a pause after a phoneme
            move[1::2] = best[:-1:2]  # a phoneme after a pause,
            move[3::2] = np.maximum(move[3::2], best[1:-2:2])  # after the phoneme before,
            move[5::2] = np.maximum(move[5::2], best[1:-4:2] + UNHEARD)  # or with one between them unheard
            best = np.maximum(best, move) + now
        ends = best[1::2] + passed[::-1]
        return max(WORST, max(float(ends.max()), float(best[-1])) / len(tokens))

    def _chain(self, phonemes: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Classes in a row, pause, phoneme, pause, ..., phoneme, pause, and what a token of each costs."""
        classes = self._classes[np.asarray(phonemes, np.int64)]
        places = np.flatnonzero(classes != SILENCE)
        chain = np.full(2 * len(places) + 1, SILENCE, np.int64)
        chain[1::2] = classes[places]
        dues = np.zeros(len(chain), np.float32)
        dues[2:-1:2] = np.where(np.diff(places) == 1, STRAY, 0.0)  # the ends may be silent
        return chain, dues
