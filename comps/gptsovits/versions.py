"""The model versions, and what no tensor of a checkpoint tells about them: one row each."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Version(StrEnum):
    """Spelled as in the reference project's configs; `Version.parse` forgives case."""

    V1 = "v1"
    V2 = "v2"
    V2PRO = "v2Pro"
    V2PROPLUS = "v2ProPlus"
    V3 = "v3"
    V4 = "v4"

    @classmethod
    def parse(cls, text: str) -> "Version":
        """The version named `text`, whatever its case. Raises `ValueError` listing those there are."""
        for version in cls:
            if version.value.lower() == text.strip().lower():
                return version
        raise ValueError(f"no version is called {text!r}; there are {', '.join(cls)}")


@dataclass(frozen=True)
class SpectrogramFacts:
    """How a reference clip becomes a spectrogram: Hann window of `n_fft`, reflected at the edges."""

    rate: int
    n_fft: int
    hop_length: int

    @property
    def n_bins(self) -> int:
        return self.n_fft // 2 + 1


@dataclass(frozen=True)
class FlowFacts:
    """What flow matching (v3, v4) needs besides its weights; lengths are mel frames."""

    mel: SpectrogramFacts
    n_mels: int
    frames_per_latent: float  # mel frames for each latent frame (50 a second)
    reference_frames: int  # as much of the reference as a chunk sees, at most
    chunk_frames: int  # reference and new frames together
    overlap_frames: int
    samples_per_frame: int
    default_steps: int


@dataclass(frozen=True)
class VersionFacts:
    symbols: Literal["v1", "v2"]  # the phoneme inventory
    languages: tuple[str, ...]
    sample_rate: int
    reference_bins: int  # spectrogram bins that the style encoder reads
    requires_transcript: bool = False
    has_speaker_vector: bool = False
    token_rate: int = 25  # semantic tokens a second
    spectrogram: SpectrogramFacts = SpectrogramFacts(rate=32_000, n_fft=2048, hop_length=640)
    flow: FlowFacts | None = None  # None: a VITS decoder

    @property
    def samples_per_token(self) -> int:
        return self.sample_rate // self.token_rate


_OLD_LANGUAGES = ("zh", "en", "ja")
_LANGUAGES = ("zh", "en", "ja", "yue", "ko")

FACTS: dict[Version, VersionFacts] = {
    Version.V1: VersionFacts("v1", _OLD_LANGUAGES, 32_000, 1025),
    Version.V2: VersionFacts("v2", _LANGUAGES, 32_000, 704),
    Version.V2PRO: VersionFacts("v2", _LANGUAGES, 32_000, 704, has_speaker_vector=True),
    Version.V2PROPLUS: VersionFacts("v2", _LANGUAGES, 32_000, 704, has_speaker_vector=True),
    Version.V3: VersionFacts(
        "v2",
        _LANGUAGES,
        24_000,
        704,
        requires_transcript=True,
        flow=FlowFacts(
            mel=SpectrogramFacts(rate=24_000, n_fft=1024, hop_length=256),
            n_mels=100,
            frames_per_latent=1.875,
            reference_frames=468,
            chunk_frames=934,
            overlap_frames=12,
            samples_per_frame=256,
            default_steps=32,
        ),
    ),
    Version.V4: VersionFacts(
        "v2",
        _LANGUAGES,
        48_000,
        704,
        requires_transcript=True,
        flow=FlowFacts(
            mel=SpectrogramFacts(rate=32_000, n_fft=1280, hop_length=320),
            n_mels=100,
            frames_per_latent=2.0,
            reference_frames=500,
            chunk_frames=1000,
            overlap_frames=12,
            samples_per_frame=480,
            default_steps=8,
        ),
    ),
}
