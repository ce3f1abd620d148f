"""What makes two reference clips the same: the sound, not the file. And what tells files apart."""

import hashlib
from collections.abc import Sequence

from comps.cores.audio.waveform import Waveform


def source_digest(file: bytes) -> str:
    """SHA-256 of a clip as it came."""
    return hashlib.sha256(file).hexdigest()


def clip_key(
    clip: Waveform, *, text: str | None, language: str, aux: Sequence[Waveform] = (), fingerprint: str
) -> str:
    """SHA-256 over everything that a speaker profile depends on: clips, transcript, language, the weights."""
    digest = hashlib.sha256()
    for part in (fingerprint, language, text or ""):
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    for waveform in (clip, *aux):
        digest.update(waveform.rate.to_bytes(8, "little") + len(waveform.samples).to_bytes(8, "little"))
        digest.update(waveform.samples.tobytes())
    return digest.hexdigest()
