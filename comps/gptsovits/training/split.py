"""Which voices and sentences training never sees.

The choice is a hash of the name, so that every stage, on every machine, makes the same one without a file to
carry about. Whole voices are held out (about one in fifteen), and whole sentences (about one in fifty).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

VOICES_HELD_OUT = 15  # one in so many
SENTENCES_HELD_OUT = 50
FASTER = "@"  # in names: what follows is the factor


@dataclass(frozen=True)
class Item:
    """One utterance of the corpus: `path` of its audio, what it says and how (a word's phonemes each)."""

    path: Path
    file: str  # the path within the corpus, its key everywhere
    speaker: str
    text: str
    phones: tuple[str, ...]  # "HH ER1" per word, or a punctuation mark
    seconds: float
    factor: float = 1.0  # how much faster than recorded it is played


def is_held_out(speaker: str) -> bool:
    """Whether training must not hear this voice, nor any other that was made of it by playing it faster."""
    return _hash(f"sovits-serve/{speaker.partition(FASTER)[0]}") % VOICES_HELD_OUT == 0


def faster(item: Item, factor: float) -> Item:
    """The utterance played `factor` times as fast: pitch and formants move along, so it is another voice."""
    return replace(
        item,
        file=f"{item.file}{FASTER}{factor:g}",
        speaker=f"{item.speaker}{FASTER}{factor:g}",
        seconds=item.seconds / factor,
        factor=factor,
    )


def is_sentence_held_out(text: str) -> bool:
    """Whether training must not hear this sentence, in any voice."""
    return _hash(f"sentence/{text}") % SENTENCES_HELD_OUT == 0


def read_items(corpus: Path) -> list[Item]:
    """Every utterance of `corpus/metadata.jsonl`, in the order of the file."""
    items = []
    for line in (corpus / "metadata.jsonl").read_text("utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        items.append(
            Item(
                path=corpus / row["file"],
                file=row["file"],
                speaker=row["speaker"],
                text=row["text"],
                phones=tuple(row["phones"]),
                seconds=float(row["seconds"]),
            )
        )
    return items


def is_for_training(item: Item) -> bool:
    """Whether training may hear this utterance."""
    return not is_held_out(item.speaker) and not is_sentence_held_out(item.text)


def train_items(corpus: Path) -> list[Item]:
    """The utterances that training may hear."""
    return [item for item in read_items(corpus) if is_for_training(item)]


def with_faster(items: list[Item], factors: Sequence[float]) -> list[Item]:
    """`items`, and after them those for training once more at each of `factors`."""
    heard = [item for item in items if is_for_training(item)]
    return [*items, *(faster(item, factor) for factor in factors for item in heard)]


def heldout_items(corpus: Path) -> list[Item]:
    """Every utterance of the voices that training never hears."""
    return [item for item in read_items(corpus) if is_held_out(item.speaker)]


def heldout_sentences(corpus: Path) -> list[str]:
    """Sentences that no training utterance says, sorted."""
    items = read_items(corpus)
    heard = {item.text for item in items if is_for_training(item)}
    return sorted({item.text for item in items} - heard)


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
