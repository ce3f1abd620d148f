"""What makes two reference clips the same: the sound, not the file. And what tells files apart."""

import hashlib
from collections.abc import Sequence

from comps.cores.audio.waveform import Waveform


def source_digest(file: bytes) -> str:
    """SHA-256 of a clip as it came."""
    return hashlib.sha256(file).hexdigest()


def sound_digest(waveform: Waveform) -> str:
    """SHA-256 of a sound, whatever file it came in."""
    digest = hashlib.sha256(waveform.rate.to_bytes(8, "little") + len(waveform.samples).to_bytes(8, "little"))
    digest.update(waveform.samples.tobytes())
    return digest.hexdigest()


def profile_key(sounds: Sequence[str], *, text: str | None, language: str, fingerprint: str) -> str:
    """SHA-256 over everything that a speaker profile depends on: its clips by their sounds, the
    reference itself first, its transcript and language, and the weights."""
    digest = hashlib.sha256()
    for part in (fingerprint, language, text or "", *sounds):
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
