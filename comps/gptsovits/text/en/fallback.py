"""Spelling → phones for words no dictionary has: a small encoder–decoder of two GRUs, in numpy.

The weights are those published with g2p_en (Apache-2.0, see data/README.md), trained on CMUdict.
"""

from importlib.resources import as_file
from typing import Any

import numpy as np
import numpy.typing as npt

from comps.gptsovits.text.en.lexicon import DATA

Vector = npt.NDArray[np.float32]

_LETTERS = ("<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz")
_END_OF_WORD = 2
_PHONES = (
    "<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D "
    "DH EH0 EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 "
    "OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH"
).split()
_START, _STOP = 2, 3
_MAX_PHONES = 20
_NOT_SPOKEN = {"<pad>", "<unk>", "<s>", "</s>", "UW"}  # "UW" without stress is in no inventory


class Gru:
    """One step of a gated recurrent unit; `hidden` is `[C]`. The input's share of the gates is looked up, not
    computed: inputs are rows of an embedding, so the product with the input weights is made once for all."""

    def __init__(
        self, embedding: Vector, w_in: Vector, w_hidden: Vector, b_in: Vector, b_hidden: Vector
    ) -> None:
        self.inputs = embedding @ w_in.T + b_in  # [symbols, 3C], gates in the order reset, update, new
        self.w_hidden = np.ascontiguousarray(w_hidden)  # [3C, C]
        self.b_hidden = b_hidden
        self.width = w_hidden.shape[1]

    def step(self, symbol: int, hidden: Vector) -> Vector:
        C = self.width
        x = self.inputs[symbol]
        h = self.w_hidden @ hidden + self.b_hidden
        gates = 1 / (1 + np.exp(-(x[: 2 * C] + h[: 2 * C])))
        reset, update = gates[:C], gates[C:]
        new = np.tanh(x[2 * C :] + reset * h[2 * C :])
        return np.asarray((1 - update) * new + update * hidden, dtype=np.float32)


class SpellingModel:
    """Greedy: the likeliest phone at each step, at most 20 for a word."""

    def __init__(self) -> None:
        with as_file(DATA.joinpath("fallback.npz")) as path, np.load(path) as archive:
            weights: dict[str, Any] = dict(archive)
        self._encoder, self._decoder = (
            Gru(*(weights[f"{side}_{name}"] for name in ("emb", "w_ih", "w_hh", "b_ih", "b_hh")))
            for side in ("enc", "dec")
        )
        self._project: Vector = weights["fc_w"]
        self._bias: Vector = weights["fc_b"]

    def phones(self, word: str) -> list[str]:
        """Phones of a word in lower-case letters; other characters count as unknown letters."""
        hidden = np.zeros(self._encoder.width, np.float32)
        for letter in word:
            hidden = self._encoder.step(_LETTERS.index(letter) if letter in _LETTERS else 1, hidden)
        hidden = self._encoder.step(_END_OF_WORD, hidden)

        spoken: list[str] = []
        symbol = _START
        for _ in range(_MAX_PHONES):
            hidden = self._decoder.step(symbol, hidden)
            symbol = int((self._project @ hidden + self._bias).argmax())
            if symbol == _STOP:
                break
            spoken.append(_PHONES[symbol])
        return [phone for phone in spoken if phone not in _NOT_SPOKEN]
