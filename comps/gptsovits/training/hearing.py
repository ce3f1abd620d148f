"""What the bundled model's ear knows: which phonemes each token was heard in.

Counted over the aligned utterances of training; nothing is learnt. `export` puts it into the model.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.training.alignment import CONSONANTS, PHONES, VOWELS
from comps.gptsovits.training.codebook import load_tokens
from comps.gptsovits.training.content import N_CLASSES, class_of
from comps.gptsovits.training.labels import Alignment, load_alignments
from comps.gptsovits.training.split import Item
from comps.gptsovits.training.tokenizer import token_centres

STRESSES = (0, 1, 2)
SMOOTHING = 0.05  # counts that every class has of every token


def heard_in(work: Path, items: list[Item], *, n_bins: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What an `Ear` is made of, counted over aligned utterances of a work folder: sounds and classes."""
    tokens = load_tokens(work / "tokens.npz")
    alignments = load_alignments(work / "alignment.npz", items)
    sounds = sounds_of_tokens([tokens[item.file] for item in items], alignments, n_bins)
    return sounds, classes_of_symbols()


def sounds_of_tokens(
    tokens: list[NDArray[np.int64]], alignments: list[Alignment], n_bins: int
) -> NDArray[np.float32]:
    """Log-probability [n_bins, N_CLASSES] that a token is heard in each class of phonemes."""
    counts = np.full((n_bins, N_CLASSES), SMOOTHING)
    for row, alignment in zip(tokens, alignments, strict=True):
        centres = token_centres(len(row))
        classes = alignment.targets_at(centres, int(centres[-1]) + 1).classes
        np.add.at(counts, (row, classes), 1.0)
    return np.log(counts / counts.sum(1, keepdims=True)).astype(np.float32)


def classes_of_symbols() -> NDArray[np.int64]:
    """The class of each symbol of inventory v2, 0 for all that is no English phoneme."""
    table = symbol_table("v2")
    classes = np.zeros(len(table), np.int64)
    for phone in (*CONSONANTS, *VOWELS):
        for stress in (0,) if phone in CONSONANTS else STRESSES:
            symbol = phone if phone in CONSONANTS else f"{phone}{stress}"
            at = np.array([PHONES.index(phone)]), np.array([stress])
            classes[table.ids([symbol])] = class_of(*at)
    return classes
