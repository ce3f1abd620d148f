"""Clips: which part of a reference recording to use. Numpy alone.

A clip of 3 to 10 s is what the model was trained to listen to. A longer one is cut to its best window; a
shorter one is padded with silence.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from comps.cores.audio.waveform import Waveform
from comps.cores.errors import AudioTooLong, AudioTooShort, InvalidAudio, SilentAudio

MIN_SECONDS, MAX_SECONDS = 0.5, 60.0
SHORT_SECONDS, LONG_SECONDS = 3.0, 10.0
# With a transcript a clip is kept whole somewhat longer: a window of it would not match its words.
LONG_SECONDS_WITH_TRANSCRIPT = 16.0

FRAME_SECONDS = 0.02
SILENCE_PEAK = 1e-3
# A frame is speech when its level is within so much of the loud frames' level.
SPEECH_RANGE_DB = 30.0
CLIPPED_PEAK = 0.999


@dataclass(frozen=True)
class Clip:
    """The part of a recording to use, and what was done to it, in words for the user."""

    waveform: Waveform
    is_whole: bool
    warnings: tuple[str, ...] = ()


def prepared(waveform: Waveform, *, has_transcript: bool = False, must_be_whole: bool = False) -> Clip:
    """The part of `waveform` to use.

    `must_be_whole` is for models that cannot do without the transcript: no window is cut. Raises
    `InvalidAudio`, `AudioTooShort`, `AudioTooLong` or `SilentAudio`.
    """
    check(waveform)
    longest = LONG_SECONDS_WITH_TRANSCRIPT if has_transcript else LONG_SECONDS
    seconds = waveform.seconds
    if seconds > longest and not must_be_whole:
        start, stop = best_window(waveform, LONG_SECONDS)
        part = Waveform(waveform.samples[start:stop], waveform.rate)
        warning = (
            f"the clip lasts {seconds:.1f} s; the part from {start / waveform.rate:.1f} to"
            f" {stop / waveform.rate:.1f} s is used ({SHORT_SECONDS:g} to {LONG_SECONDS:g} s are best)"
        )
        return Clip(part, is_whole=False, warnings=(warning,))
    if seconds < SHORT_SECONDS:
        warning = (
            f"the clip lasts only {seconds:.1f} s and was padded with silence"
            f" ({SHORT_SECONDS:g} to {LONG_SECONDS:g} s are best)"
        )
        return Clip(waveform, is_whole=True, warnings=(warning,))
    return Clip(waveform, is_whole=True)


def padded(samples: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float32]:
    """`samples` with silence on both sides up to the shortest recommended length."""
    missing = int(SHORT_SECONDS * rate) - len(samples)
    if missing <= 0:
        return samples
    return np.pad(samples, (missing // 2, missing - missing // 2))


def best_window(waveform: Waveform, seconds: float) -> tuple[int, int]:
    """First and last sample of the best part of at most `seconds`: most speech, least clipping.

    Begins and ends in pauses where there are any near: a window that starts inside a word teaches the model a
    word that is not there.
    """
    frame = max(1, int(FRAME_SECONDS * waveform.rate))
    levels, peaks = _frames(waveform.samples, frame)
    speech = levels > _speech_threshold(levels)
    width = min(len(levels), int(seconds / FRAME_SECONDS))
    score = speech.astype(np.float64) - 2.0 * (peaks >= CLIPPED_PEAK)
    total = np.concatenate([[0.0], np.cumsum(score)])
    sums = total[width:] - total[:-width]
    starts_in_pause = ~speech[: len(sums)]
    # A start in a pause is worth half a second of speech.
    start = int(np.argmax(sums + starts_in_pause * (0.5 / FRAME_SECONDS)))
    stop = start + width
    stop = _last_pause(speech, start, stop)
    return start * frame, min(len(waveform.samples), stop * frame)


def _last_pause(speech: npt.NDArray[np.bool_], start: int, stop: int) -> int:
    """The end of the window, moved back to the last pause within its final third, if there is one."""
    if stop >= len(speech):
        return stop
    earliest = stop - (stop - start) // 3
    pauses = np.flatnonzero(~speech[earliest:stop])
    return earliest + int(pauses[-1]) + 1 if len(pauses) else stop


def _frames(
    samples: npt.NDArray[np.float32], frame: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Level in dB and peak of every whole frame."""
    n = len(samples) // frame
    blocks = samples[: n * frame].reshape(n, frame).astype(np.float64)
    power = np.square(blocks).mean(axis=1)
    return 10.0 * np.log10(power + 1e-12), np.abs(blocks).max(axis=1)


def _speech_threshold(levels: npt.NDArray[np.float64]) -> float:
    return float(np.percentile(levels, 95)) - SPEECH_RANGE_DB


def check(waveform: Waveform) -> None:
    """Raises `InvalidAudio`, `AudioTooShort`, `AudioTooLong` or `SilentAudio` for what cannot be used."""
    if not np.isfinite(waveform.samples).all():
        raise InvalidAudio("the clip holds samples that are not numbers (NaN or infinity)")
    if waveform.seconds < MIN_SECONDS:
        raise AudioTooShort(f"the clip lasts {waveform.seconds:.2f} s; at least {MIN_SECONDS:g} s are needed")
    if waveform.seconds > MAX_SECONDS:
        raise AudioTooLong(f"the clip lasts {waveform.seconds:.1f} s; at most {MAX_SECONDS:g} s are read")
    if waveform.peak < SILENCE_PEAK:
        raise SilentAudio(f"the clip's loudest sample is {waveform.peak:.6f} of full scale: nothing is heard")
