"""Hostile clips: each is decoded in a process of its own, whose memory and time are measured."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024

# Prints the error's kind, the growth of the largest resident size in bytes, and the seconds it took.
PROGRAM = """
import resource, sys, time
import numpy as np, soundfile, io
from comps.cores.audio.decoding import ClipLimits, decode
from comps.cores.errors import InvalidAudio
warm = io.BytesIO()
soundfile.write(warm, np.full(16000, 0.1, np.float32), 16000, format="FLAC")
decode(warm.getvalue())
data = sys.stdin.buffer.read()
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    decode(data, ClipLimits(max_seconds=60.0))
    kind = "decoded"
except InvalidAudio as error:
    kind = type(error).__name__
after, ended = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
print(kind, (after - before) * 1024, ended - began)
"""


def decoded_apart(data: bytes) -> tuple[str, int, float]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=data, capture_output=True, cwd=ROOT, timeout=120, check=True
    )
    kind, n_bytes, seconds = done.stdout.split()
    return kind.decode(), int(n_bytes), float(seconds)


def encoded(samples: np.ndarray, rate: int, kind: str, subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    with soundfile.SoundFile(
        out, "w", rate, samples.shape[1] if samples.ndim > 1 else 1, format=kind, subtype=subtype
    ) as file:
        for start in range(0, len(samples), 8_000):  # libsndfile's Vorbis cannot take more at once
            file.write(samples[start : start + 8_000])
    return out.getvalue()


def flac_claiming(hours: float) -> bytes:
    """One second, whose STREAMINFO says ten hours."""
    data = bytearray(encoded(np.full(16_000, 0.1, np.float32), 16_000, "FLAC"))
    n = int(hours * 3_600 * 16_000)
    # After `fLaC`, the block's header (4) and sizes (10): 20 bits of rate, 3 channels, 5 depth, 36 samples.
    word = int.from_bytes(data[18:26], "big")
    data[18:26] = ((word >> 36 << 36) | n).to_bytes(8, "big")
    return bytes(data)


def wav_claiming(size: int, *, rate: int = 16_000, channels: int = 1, seconds: float = 1.0) -> bytes:
    body = (np.full(int(rate * channels * seconds), 3_000, np.int16)).tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", min(size + 36, 2**32 - 1), b"WAVE", b"fmt ", 16, 1, channels, rate, rate * channels * 2,
        channels * 2, 16, b"data", size,
    )  # fmt: skip
    return head + body


def rf64_claiming(n_bytes: int) -> bytes:
    body = np.full(16_000, 3_000, np.int16).tobytes()
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, (n_bytes + 72) % 2**64, n_bytes, n_bytes // 2, 0)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + form + b"data\xff\xff\xff\xff" + body


def silence(minutes: float, kind: str, subtype: str | None = None) -> bytes:
    return encoded(np.zeros(int(minutes * 60 * 8_000), np.float32), 8_000, kind, subtype)


CLAIMS = {
    "a FLAC that claims ten hours": (lambda: flac_claiming(10), {"decoded", "InvalidAudio"}),
    "a WAV that claims 4 GB": (lambda: wav_claiming(2**32 - 1), {"decoded", "InvalidAudio"}),
    "an RF64 that claims an exabyte": (lambda: rf64_claiming(2**60), {"decoded", "InvalidAudio"}),
    "an RF64 that claims less than nothing": (lambda: rf64_claiming(2**64 - 2), {"decoded", "InvalidAudio"}),
    "384 kHz of 32 channels": (lambda: wav_claiming(2**31, rate=384_000, channels=32), {"InvalidAudio"}),
    "a rate of 1 Hz": (lambda: wav_claiming(32_000, rate=1), {"InvalidAudio"}),
    "30,000 channels": (lambda: wav_claiming(2**31, channels=30_000, seconds=0.01), {"InvalidAudio"}),
    "an hour of silence in FLAC": (lambda: silence(60, "FLAC"), {"AudioTooLong"}),
    "five minutes of silence in Opus": (lambda: silence(5, "OGG", "OPUS"), {"AudioTooLong"}),
    "twenty minutes of silence in Vorbis": (lambda: silence(20, "OGG", "VORBIS"), {"AudioTooLong"}),
    "ten minutes of silence in MP3": (lambda: silence(10, "MP3"), {"AudioTooLong"}),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_what_a_clip_claims_costs_nothing(name: str) -> None:
    make, kinds = CLAIMS[name]
    kind, n_bytes, seconds = decoded_apart(make())
    assert kind in kinds
    assert n_bytes < 40 * MIB
    assert seconds < 5


def test_the_largest_clip_that_is_allowed_costs_what_it_holds() -> None:
    data = encoded(np.full(59 * 192_000, 3_000, np.int16), 192_000, "FLAC")
    kind, n_bytes, _ = decoded_apart(data)
    assert kind == "decoded"
    # 59 s at 192 kHz as float32 are 43 MiB, and again while the blocks are joined and looked through.
    assert n_bytes < 200 * MIB
