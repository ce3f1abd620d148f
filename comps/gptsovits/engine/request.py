"""What is asked of the engine, and what comes back."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from comps.cores.audio.waveform import Waveform
from comps.cores.errors import InvalidOption
from comps.gptsovits.voice import Voice

Samples = npt.NDArray[np.float32]

SPLIT_METHODS = ("punctuation", "cut0", "cut1", "cut2", "cut3", "cut4", "cut5")
MAX_SEED = 2**63 - 1
MAX_PRONUNCIATIONS = 1_000


@dataclass(frozen=True)
class SpeechOptions:
    """How a text is to be spoken. Raises `InvalidOption` for what is out of range."""

    language: str = "auto"
    speed: float = 1.0
    seed: int | None = None  # None: one is drawn, and the handle tells which
    top_k: int = 15
    top_p: float = 1.0
    temperature: float = 1.0
    repetition_penalty: float = 1.35
    pause_seconds: float = 0.3  # between segments
    split: str = "punctuation"
    sample_steps: int = 32  # of flow matching (v3, v4)
    deadline_seconds: float = 300.0
    # A word → how it is said: phones (ARPAbet, pinyin, …) or a respelling. Not part of the hash.
    pronunciations: Mapping[str, str] = field(default_factory=dict, hash=False)
    # Speak a segment while it is still being decoded: sooner, and not quite the same samples as without.
    stream: bool = False
    n_tokens: int | None = None  # exactly so many tokens a segment, instead of the model's own end

    def __post_init__(self) -> None:
        for name, (is_valid, range_) in _RANGES.items():
            value = getattr(self, name)
            if value is None and name in ("seed", "n_tokens"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InvalidOption(f"{name} is a number {range_}, not {value!r}")
            if not is_valid(value):
                raise InvalidOption(f"{name} is {range_}, not {value}")
        for name in ("seed", "top_k", "sample_steps", "n_tokens"):
            if getattr(self, name) is not None and not isinstance(getattr(self, name), int):
                raise InvalidOption(f"{name} is an integer, not {getattr(self, name)!r}")
        if not isinstance(self.stream, bool):
            raise InvalidOption(f"stream is true or false, not {self.stream!r}")
        if len(self.pronunciations) > MAX_PRONUNCIATIONS:
            raise InvalidOption(f"at most {MAX_PRONUNCIATIONS:,} pronunciations are read")
        for word, said in self.pronunciations.items():
            if not (isinstance(word, str) and isinstance(said, str) and word.strip() and said.strip()):
                raise InvalidOption(f"a pronunciation is a word and how it is said, not {word!r}: {said!r}")
        if self.split not in SPLIT_METHODS:
            raise InvalidOption(f"split is one of {', '.join(SPLIT_METHODS)}, not {self.split!r}")


_RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    "speed": (lambda x: 0.25 <= x <= 4.0, "from 0.25 to 4"),
    "seed": (lambda x: 0 <= x <= MAX_SEED, f"from 0 to {MAX_SEED}"),
    "top_k": (lambda x: x >= 1, "at least 1"),
    "top_p": (lambda x: 0.0 < x <= 1.0, "above 0 and at most 1"),
    "temperature": (lambda x: 0.0 <= x <= 10.0, "from 0 to 10"),
    "repetition_penalty": (lambda x: 0.0 < x <= 10.0, "above 0 and at most 10"),
    "pause_seconds": (lambda x: 0.0 <= x <= 10.0, "from 0 to 10"),
    "sample_steps": (lambda x: 1 <= x <= 256, "from 1 to 256"),
    "deadline_seconds": (lambda x: x > 0.0, "above 0"),
    "n_tokens": (lambda x: 1 <= x <= 1_500, "from 1 to 1500"),
}


@dataclass(frozen=True)
class SpeechRequest:
    """A text, who speaks it, and how. `model` None means the loaded one."""

    text: str
    voice: Voice
    options: SpeechOptions = field(default_factory=SpeechOptions)
    model: str | None = None


@dataclass(frozen=True, eq=False)
class TransferRequest:
    """A recording and what is said in it, to be said the same way by another voice.

    Of the options, those of sampling, splitting and pauses mean nothing here.
    """

    source: Waveform
    text: str
    voice: Voice
    options: SpeechOptions = field(default_factory=SpeechOptions)
    model: str | None = None


@dataclass(frozen=True, eq=False)
class AudioChunk:
    """A piece of the answer, in order: `samples [N]` within ±1 at the handle's sample rate."""

    samples: Samples
    segment: int
    segments_total: int
    is_final: bool


@dataclass(frozen=True)
class ProfileResult:
    """A voice, what had to be done to its clip, and how long making it took."""

    voice: Voice
    warnings: tuple[str, ...]
    seconds: float
