"""Change of sample rate, whole or in pieces: soxr's high quality filter either way."""

import numpy as np
import soxr

from comps.cores.audio.waveform import Samples, Waveform


def resample(waveform: Waveform, rate: int) -> Waveform:
    """The same sound at `rate` samples a second."""
    if rate == waveform.rate:
        return waveform
    samples = soxr.resample(waveform.samples, waveform.rate, rate)
    return Waveform(np.asarray(samples, np.float32), rate)


class Resampler:
    """Resamples a stream piece by piece; the joined pieces equal the resampled whole.

    The filter looks ahead, so a piece comes out a few milliseconds late; `finish` gives what is left.
    """

    def __init__(self, rate: int, to_rate: int) -> None:
        self.identity = rate == to_rate
        self._stream = None if self.identity else soxr.ResampleStream(rate, to_rate, 1, dtype="float32")

    def push(self, samples: Samples) -> Samples:
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(samples), np.float32)

    def finish(self) -> Samples:
        nothing = np.zeros(0, np.float32)
        if self._stream is None:
            return nothing
        return np.asarray(self._stream.resample_chunk(nothing, last=True), np.float32)
