"""Bytes of an audio file → `Waveform`, whatever the bytes claim about themselves.

The file is read in blocks and counted as it is decoded, so that neither a header that promises ten hours nor
ten hours of well-compressed silence costs more than the limit's worth of memory and time.
"""

import io
import logging
from dataclasses import dataclass

import numpy as np
import soundfile

from comps.cores.audio.waveform import Samples, Waveform
from comps.cores.errors import AudioTooLong, AudioTooShort, InvalidAudio, SilentAudio

logger = logging.getLogger(__name__)

BLOCK_SAMPLES = 65_536  # of all channels together
MIN_RATE, MAX_RATE = 4_000, 192_000
MAX_CHANNELS = 16

# Containers that people try and libsndfile cannot read, by the bytes they start with (offset, magic, name).
FOREIGN_CONTAINERS = (
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (4, b"ftyp", "MP4 or M4A"),
    (0, b"\xff\xf1", "raw AAC"),
    (0, b"\xff\xf9", "raw AAC"),
    (0, b"#!AMR", "AMR"),
    (0, b"0\x26\xb2\x75", "WMA"),
)


@dataclass(frozen=True)
class ClipLimits:
    """How long a clip may be, in seconds, and below what peak (of full scale) it counts as silence."""

    min_seconds: float = 0.5
    max_seconds: float = 60.0
    silence_peak: float = 1e-3


def decode(data: bytes, limits: ClipLimits | None = None) -> Waveform:
    """The clip as mono float32 at its own rate; several channels are averaged.

    Reads what libsndfile reads: WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, CAF, AU, W64.
    Raises `InvalidAudio`, `AudioTooShort`, `AudioTooLong` or `SilentAudio`; nothing else, for any bytes.
    """
    limits = limits or ClipLimits()
    if not data:
        raise InvalidAudio("the clip is empty: 0 bytes")
    waveform = _read(data, limits.max_seconds)
    if waveform.seconds < limits.min_seconds:
        raise AudioTooShort(
            f"the clip lasts {waveform.seconds:.2f} s; at least {limits.min_seconds:g} s are needed"
        )
    if waveform.peak < limits.silence_peak:
        raise SilentAudio(
            f"the clip's loudest sample is {waveform.peak:.6f} of full scale: nothing is to be heard"
        )
    return waveform


class _ForwardOnly(soundfile.SoundFile):  # type: ignore[misc]
    """Never seeks: the package does after each read, which fails in a FLAC of unknown length."""

    def seekable(self) -> bool:
        return False


def _read(data: bytes, max_seconds: float) -> Waveform:
    try:
        with _ForwardOnly(io.BytesIO(data)) as file:
            rate, channels = int(file.samplerate), int(file.channels)
            if not MIN_RATE <= rate <= MAX_RATE:
                raise InvalidAudio(
                    f"the clip's sample rate is {rate} Hz; {MIN_RATE} to {MAX_RATE} can be used"
                )
            if channels > MAX_CHANNELS:
                raise InvalidAudio(f"the clip has {channels} channels; at most {MAX_CHANNELS} can be used")
            samples = _read_blocks(
                file, channels, max_samples=int(max_seconds * rate), max_seconds=max_seconds
            )
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError, OSError) as error:
        raise InvalidAudio(_why_unreadable(data)) from error
    return Waveform(_within_full_scale(samples), rate)


def _read_blocks(
    file: soundfile.SoundFile, channels: int, *, max_samples: int, max_seconds: float
) -> Samples:
    blocks: list[Samples] = []
    n_samples = 0
    block_frames = max(1, BLOCK_SAMPLES // channels)
    while True:
        block = file.read(block_frames, dtype="float32", always_2d=True)  # [n, channels]
        if not len(block):
            break
        n_samples += len(block)
        if n_samples > max_samples:
            raise AudioTooLong(f"the clip lasts longer than {max_seconds:g} s")
        with np.errstate(invalid="ignore", over="ignore"):  # what is no number is refused below, by name
            blocks.append(block.mean(axis=1, dtype=np.float32))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _within_full_scale(samples: Samples) -> Samples:
    """Float files may hold anything: numbers that are none are refused, too large ones scaled to ±1."""
    if not np.isfinite(samples).all():
        raise InvalidAudio("the clip holds samples that are not numbers (NaN or infinity)")
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    return samples / np.float32(peak) if peak > 1.0 else samples


def _why_unreadable(data: bytes) -> str:
    for offset, magic, name in FOREIGN_CONTAINERS:
        if data[offset : offset + len(magic)] == magic:
            return f"the clip looks like {name}, which is not read here; send WAV, FLAC, MP3 or Ogg"
    return "the clip is damaged, or not in a format that is read here (WAV, FLAC, MP3, Ogg Vorbis or Opus)"
