"""Loudness as broadcasters measure it (ITU-R BS.1770-4), and bringing speech to a wanted one, unclipped.

A finished recording is measured whole and gets one gain. A stream cannot wait for its end: its gain follows
what has been heard so far, slowly enough not to be noticed, so that it begins about right and ends right.
Either way a limiter that looks one block ahead keeps every sample below the ceiling, by lowering the gain
around a peak instead of cutting the peak off.
"""

import numpy as np
import numpy.typing as npt

from comps.cores.audio.waveform import Samples

MIN_LUFS, MAX_LUFS = -40.0, -8.0
CEILING = 10 ** (-1.0 / 20)  # of full scale; the decibel is for encoders that overshoot
MAX_GAIN_DECIBELS = 30.0  # near-silence is not blown up to noise
BLOCKS_A_SECOND = 10
WINDOW_BLOCKS = 4  # 400 ms, overlapping by three quarters
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0
SLEW_DECIBELS = 0.3  # a block: 3 dB a second

# The two filters of K-weighting, a shelf for the head and a high pass, at 48 kHz (BS.1770-4, tables 1 and 2).
REFERENCE_RATE = 48_000
SHELF = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)


class Meter:
    """Measures blocks of 100 ms as they come."""

    def __init__(self, rate: int) -> None:
        self.block_size = max(1, rate // BLOCKS_A_SECOND)
        n_window = WINDOW_BLOCKS * self.block_size
        self._weights = _k_weights(n_window, rate)
        self._blocks: list[Samples] = []
        self._energies: list[float] = []

    def add(self, block: Samples) -> None:
        self._blocks.append(block)
        if len(self._blocks) < WINDOW_BLOCKS:
            return
        window = np.concatenate(self._blocks)
        self._blocks.pop(0)
        # Parseval: the weighted signal's mean square, without running the filters.
        spectrum = np.abs(np.fft.rfft(window, n=len(self._weights) * 2 - 2))
        self._energies.append(float((spectrum**2 * self._weights).sum()))

    @property
    def lufs(self) -> float | None:
        """Of all that was heard, with pauses gated out; None for silence, or before the first 400 ms."""
        if not self._energies:
            return None
        energies = np.asarray(self._energies)
        energies = energies[_lufs(energies) > ABSOLUTE_GATE]
        if not len(energies):
            return None
        gate = _lufs(energies.mean(keepdims=True))[0] + RELATIVE_GATE
        return float(_lufs(energies[_lufs(energies) > gate].mean(keepdims=True))[0])


def loudness_of(samples: Samples, rate: int) -> float | None:
    """Integrated loudness in LUFS of mono samples [N]; None for silence. Clips below 400 ms count as such."""
    meter = Meter(rate)
    n_blocks = max(WINDOW_BLOCKS, len(samples) // meter.block_size)
    padded = np.zeros(n_blocks * meter.block_size, np.float32)
    padded[: min(len(samples), len(padded))] = samples[: len(padded)]
    for block in padded.reshape(n_blocks, -1):
        meter.add(block)
    return meter.lufs


class Limiter:
    """Applies a gain a block, gliding from one to the next, and never lets a sample pass the ceiling.

    Between two blocks stands the smaller of what either bears, so a straight line between such points is
    borne everywhere. What comes out is one block late.
    """

    def __init__(self) -> None:
        self._held: Samples = np.zeros(0, np.float32)
        self._bears = np.inf
        self._gain: float | None = None

    def push(self, block: Samples, gain: float) -> Samples:
        peak = float(np.abs(block).max()) if len(block) else 0.0
        bears = CEILING / peak if peak else np.inf
        gain = min(gain, bears, self._bears)
        before = gain if self._gain is None else self._gain
        out = self._held * np.linspace(before, gain, len(self._held), endpoint=False, dtype=np.float32)
        self._held, self._bears, self._gain = block, bears, gain
        return out

    def finish(self) -> Samples:
        held, self._held = self._held, np.zeros(0, np.float32)
        return held * np.float32(self._gain or 1.0)


class StreamLevel:
    """The gain follows the loudness so far; the first 500 ms are held back to begin with a fair guess.

    What comes out depends on the samples alone, not on how they were cut into pieces.
    """

    def __init__(self, rate: int, lufs: float) -> None:
        self._target = lufs
        self._meter = Meter(rate)
        self._limiter = Limiter()
        self._rest: Samples = np.zeros(0, np.float32)
        self._waiting: list[Samples] = []  # blocks from before anything could be measured
        self._decibels: float | None = None

    def push(self, samples: Samples) -> Samples:
        joined = np.concatenate([self._rest, samples])
        n = self._meter.block_size
        n_whole = len(joined) // n * n
        self._rest = joined[n_whole:]
        out = [self._take(block) for block in joined[:n_whole].reshape(-1, n)]
        return np.concatenate(out) if out else np.zeros(0, np.float32)

    def finish(self) -> Samples:
        last = [*self._waiting, self._rest]
        if self._decibels is None:  # too short to have been measured on the way
            found = loudness_of(np.concatenate(last), self._meter.block_size * BLOCKS_A_SECOND)
            self._decibels = _wanted(found, self._target)
        gain = _ratio(self._decibels)
        return np.concatenate([*(self._limiter.push(block, gain) for block in last), self._limiter.finish()])

    def _take(self, block: Samples) -> Samples:
        self._meter.add(block)
        lufs = self._meter.lufs
        if lufs is not None:
            wanted = _wanted(lufs, self._target)
            before = wanted if self._decibels is None else self._decibels
            self._decibels = before + min(max(wanted - before, -SLEW_DECIBELS), SLEW_DECIBELS)
        self._waiting.append(block)
        if self._decibels is None:
            return np.zeros(0, np.float32)
        ready, self._waiting = self._waiting, []
        return np.concatenate([self._limiter.push(each, _ratio(self._decibels)) for each in ready])


class WholeLevel:
    """Gathers everything, measures it, and gives it back with one gain at the end."""

    N_CORRECTIONS = 3  # where the limiter had to lower peaks, the rest is raised a little for it

    def __init__(self, rate: int, lufs: float) -> None:
        self._rate, self._target = rate, lufs
        self._pieces: list[Samples] = []

    def push(self, samples: Samples) -> Samples:
        self._pieces.append(samples)
        return np.zeros(0, np.float32)

    def finish(self) -> Samples:
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.float32)
        self._pieces.clear()
        decibels, out = 0.0, samples
        for _ in range(self.N_CORRECTIONS):
            decibels += _wanted(loudness_of(out, self._rate), self._target)
            out = limited(samples, self._rate, min(decibels, MAX_GAIN_DECIBELS))
        return out


def limited(samples: Samples, rate: int, decibels: float) -> Samples:
    """The samples with one gain, lowered around peaks that would pass the ceiling."""
    limiter = Limiter()
    size = max(1, rate // BLOCKS_A_SECOND)
    blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
    out = [*(limiter.push(block, _ratio(decibels)) for block in blocks), limiter.finish()]
    return np.concatenate(out)


def _wanted(lufs: float | None, target: float) -> float:
    return 0.0 if lufs is None else min(target - lufs, MAX_GAIN_DECIBELS)


def _ratio(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _lufs(energies: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(energies, 1e-20))


def _k_weights(n_window: int, rate: int) -> npt.NDArray[np.float64]:
    """What each bin of `rfft` over `n_window` samples adds to the mean square of the K-weighted signal."""
    frequencies = np.fft.rfftfreq(n_window, 1 / rate)
    z = np.exp(-2j * np.pi * np.minimum(frequencies, REFERENCE_RATE / 2) / REFERENCE_RATE)
    power = np.ones(len(frequencies))
    for above, below in (SHELF, HIGH_PASS):
        power *= np.abs(np.polyval(above[::-1], z) / np.polyval(below[::-1], z)) ** 2
    sides = np.full(len(frequencies), 2.0)
    sides[0] = 1.0
    sides[-1] = 1.0 if n_window % 2 == 0 else 2.0
    return power * sides / n_window**2
