"""The corpus decoded once: every utterance in one array of 16-bit samples, mapped rather than loaded."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from comps.gptsovits.training.split import Item

CONTENT_RATE = 16_000


@dataclass(frozen=True)
class Sounds:
    """Utterances end to end in `samples` (int16, mapped); utterance i is `[starts[i], starts[i + 1])`."""

    samples: NDArray[np.int16]
    starts: NDArray[np.int64]
    rate: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    def seconds(self, index: int) -> float:
        return float(self.starts[index + 1] - self.starts[index]) / self.rate

    def waveform(self, index: int) -> NDArray[np.float32]:
        """Utterance `index` as float32 in [-1, 1], [N]."""
        piece = self.samples[self.starts[index] : self.starts[index + 1]]
        return np.asarray(piece, np.float32) / 32768.0


def read_mono(path: Path, rate: int) -> NDArray[np.float32]:
    """One file as float32 mono at `rate`, [N]."""
    samples, found = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if found != rate:
        mono = soxr.resample(mono, found, rate)
    return np.asarray(mono, np.float32)


def load_sounds(items: list[Item], cache: Path, *, rate: int = CONTENT_RATE) -> Sounds:
    """Utterances of `items` at `rate`; decoded into `cache/sounds-<rate>.npy` the first time."""
    array, index = cache / f"sounds-{rate}.npy", cache / f"sounds-{rate}.index.npz"
    files = np.array([item.file for item in items])
    if array.exists() and index.exists():
        with np.load(index) as stored:
            if np.array_equal(stored["files"], files):
                return Sounds(np.load(array, mmap_mode="r"), stored["starts"], rate)
    cache.mkdir(parents=True, exist_ok=True)
    pieces, starts = [], [0]
    for item in tqdm(items, desc=f"decoding at {rate} Hz", unit="file"):
        mono = read_mono(item.path, rate)
        if item.factor != 1.0:
            mono = np.asarray(soxr.resample(mono, rate * item.factor, rate), np.float32)
        pieces.append(np.clip(np.round(mono * 32767.0), -32768, 32767).astype(np.int16))
        starts.append(starts[-1] + len(mono))
    np.save(array, np.concatenate(pieces))
    np.savez(index, files=files, starts=np.array(starts, np.int64))
    return Sounds(np.load(array, mmap_mode="r"), np.array(starts, np.int64), rate)
