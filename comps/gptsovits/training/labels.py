"""Frame labels of utterances, kept as the chain state of each 10 ms, and read off at any speed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comps.gptsovits.training.alignment import SILENCE, Chain, chain_of
from comps.gptsovits.training.bootstrap import HOP, WINDOW
from comps.gptsovits.training.content import class_of
from comps.gptsovits.training.rows import load_rows, save_rows
from comps.gptsovits.training.split import Item

_CENTRE = WINDOW // 2


@dataclass(frozen=True)
class FrameTargets:
    """What the heads of the content encoder are taught, [T] each."""

    classes: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    place: NDArray[np.float32]  # 0 where the phoneme begins to 1 where it ends


class Alignment:
    """The chain state of each 10 ms of one utterance, and what follows from it."""

    def __init__(self, phones: tuple[str, ...], states: NDArray[np.int64]) -> None:
        self.chain: Chain = chain_of(phones)
        self.states = states
        change = np.flatnonzero(np.diff(states)) + 1
        begins = np.concatenate([[0], change])
        ends = np.concatenate([change, [len(states)]])
        run = np.repeat(np.arange(len(begins)), ends - begins)
        self._place = ((np.arange(len(states)) - begins[run] + 0.5) / (ends - begins)[run]).astype(np.float32)
        phones_of_runs = self.chain.phones[states[begins]]
        padded = np.concatenate([[SILENCE], phones_of_runs, [SILENCE]])
        self._before, self._after = padded[:-2][run], padded[2:][run]
        self._classes = class_of(self.chain.phones, self.chain.stress)[states]

    def frames_at(self, samples: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Index of the 10 ms frame whose centre is nearest to each sample position (16 kHz)."""
        frames = np.round((samples - _CENTRE) / HOP).astype(np.int64)
        return np.clip(frames, 0, len(self.states) - 1)

    def targets_at(self, samples: NDArray[np.floating[Any]], n_samples: int) -> FrameTargets:
        """Targets of frames centred at `samples` of the utterance; outside [0, n_samples) is silence."""
        frames = self.frames_at(samples)
        outside = (samples < 0) | (samples >= n_samples)
        return FrameTargets(
            classes=np.where(outside, SILENCE, self._classes[frames]),
            before=np.where(outside, SILENCE, self._before[frames]),
            after=np.where(outside, SILENCE, self._after[frames]),
            place=np.where(outside, 0.5, self._place[frames]).astype(np.float32),
        )


def save_states(path: Path, states: dict[str, NDArray[np.int64]]) -> None:
    """Keep the chain states of each file of the corpus."""
    save_rows(path, "states", states)


def load_states(path: Path) -> dict[str, NDArray[np.int64]]:
    """Chain states of each file, as kept by `save_states`."""
    return load_rows(path, "states")


def load_alignments(path: Path, items: list[Item]) -> list[Alignment]:
    """Alignments of `items` as kept by `save_states`; KeyError for an utterance that is not there."""
    states = load_states(path)
    return [Alignment(item.phones, states[item.file]) for item in items]
