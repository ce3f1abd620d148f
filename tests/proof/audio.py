"""Thousands of damaged clips through the decoder: audio or a typed error, each time; memory stays flat.

    python -m tests.proof.audio [--clips 5000] [--first 0]

The clips are decoded in a process of their own: if a decoder in C falls over, the number of the clip that
did it is printed, and `tests.proof.mutants.mutant(number)` gives its bytes again.
"""

import argparse
import multiprocessing
import multiprocessing.connection
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from comps.cores.audio.decoding import decode
from comps.cores.errors import InvalidAudio
from tests.proof.mutants import mutant
from tests.proof.processes import MIB, holdings

WARM_UP = 300  # clips until allocators and codecs have what they keep
MAX_GROWTH = 0.05
SLOWEST_SECONDS = 5.0
REPORT_EVERY = 50


@dataclass
class Figures:
    n_clips: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    memory_before: int = 0
    memory_after: int = 0
    peak: int = 0
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        return self.memory_after / self.memory_before - 1 if self.memory_before else 0.0


def run(n_clips: int, *, first: int = 0) -> Figures:
    """Decode mutants `first` to `first + n_clips`; `Figures.losses` tells what went wrong, if anything."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=_decode_all, args=(theirs, n_clips, first))
    began = time.monotonic()
    child.start()
    theirs.close()
    figures, last = Figures(), first
    try:
        while True:
            message = ours.recv()
            if isinstance(message, Figures):
                figures = message
                break
            last = message
    except EOFError:
        figures.losses.append(f"the decoder fell over between clips {last} and {last + REPORT_EVERY}")
    child.join()
    if child.exitcode:
        figures.losses.append(f"the process ended with {child.exitcode}")
    figures.seconds = time.monotonic() - began
    if figures.growth > MAX_GROWTH:
        figures.losses.append(f"memory grew by {figures.growth:.1%}")
    if figures.slowest_seconds > SLOWEST_SECONDS:
        figures.losses.append(f"a clip took {figures.slowest_seconds:.1f} s")
    return figures


def _decode_all(report: multiprocessing.connection.Connection, n_clips: int, first: int) -> None:
    # libsndfile's MP3 decoder says on descriptor 2 whatever it dislikes: thousands of lines.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    figures = Figures()
    for number in range(first - WARM_UP, first):
        _outcome(mutant(number % 10**6), number, Figures())
    figures.memory_before = holdings().memory
    for number in range(first, first + n_clips):
        if number % REPORT_EVERY == 0:
            report.send(number)
        _outcome(mutant(number), number, figures)
    end = holdings()
    figures.memory_after, figures.peak = end.memory, end.peak
    report.send(figures)


def _outcome(data: bytes, number: int, figures: Figures) -> None:
    began = time.perf_counter()
    try:
        waveform = decode(data)
        outcome = "decoded"
        if not (np.isfinite(waveform.samples).all() and 0.5 <= waveform.seconds <= 60.0):
            figures.losses.append(f"clip {number}: audio that should have been refused")
    except InvalidAudio as error:
        outcome = type(error).__name__
    except Exception as error:
        outcome = f"untyped {type(error).__name__}"
        figures.losses.append(f"clip {number}: {type(error).__name__}: {error}")
    figures.n_clips += 1
    figures.outcomes[outcome] += 1
    figures.slowest_seconds = max(figures.slowest_seconds, time.perf_counter() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    figures = run(options.clips, first=options.first)
    print(f"{figures.n_clips} clips in {figures.seconds:.1f} s; the slowest {figures.slowest_seconds:.2f} s")
    for outcome, n in figures.outcomes.most_common():
        print(f"  {n:6d} {outcome}")
    print(
        f"memory {figures.memory_before / MIB:.1f} → {figures.memory_after / MIB:.1f} MiB "
        f"({figures.growth:+.1%}), highest {figures.peak / MIB:.1f} MiB"
    )
    for loss in figures.losses[:20]:
        print(f"LOST: {loss}", file=sys.stderr)
    return 1 if figures.losses else 0


if __name__ == "__main__":
    sys.exit(main())
