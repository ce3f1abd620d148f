"""Damaged clips: good files of every format that is read, and ways to break them, by number."""

import io
import random
from collections.abc import Callable
from functools import cache

import soundfile

from tests.services.clips import voiced

RATE = 16_000
KINDS = (
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("WAV", "MS_ADPCM"),
    ("FLAC", "PCM_16"),
    ("MP3", "MPEG_LAYER_III"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
)
# What length and rate fields are asked to hold: nothing, everything, and the edges of signed numbers.
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER_BYTES = 128

Mutation = Callable[[bytearray, random.Random], bytearray]


@cache
def seeds() -> tuple[bytes, ...]:
    """One good clip of each kind, 1.5 s long."""
    clips = []
    for kind, subtype in KINDS:
        out = io.BytesIO()
        soundfile.write(out, voiced(1.5), RATE, format=kind, subtype=subtype)
        clips.append(out.getvalue())
    return tuple(clips)


def _flip_bits(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 4, 32, 256))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _flip_header(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.randrange(1, 9)):
        data[rng.randrange(min(HEADER_BYTES, len(data)))] = rng.randrange(256)
    return data


def _extreme_number(data: bytearray, rng: random.Random) -> bytearray:
    width = rng.choice((1, 2, 4))
    at = rng.randrange(max(1, min(HEADER_BYTES, len(data)) - width))
    number = rng.choice(EXTREMES) & ((1 << 8 * width) - 1)
    data[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))
    return data


def _truncate(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data))]


def _cut_out(data: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(data))
    del data[start : start + rng.randrange(1, 4_096)]
    return data


def _repeat(data: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randrange(1, 4_096)]
    return data[:start] + piece * rng.choice((2, 3, 16)) + data[start:]


def _insert_noise(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randrange(1, 512)) + data[at:]


def _blank(data: bytearray, rng: random.Random) -> bytearray:
    start, length = rng.randrange(len(data)), rng.randrange(1, 2_048)
    data[start : start + length] = bytes([rng.choice((0, 0xFF))]) * len(data[start : start + length])
    return data


def _splice(data: bytearray, rng: random.Random) -> bytearray:
    other = rng.choice(seeds())
    return data[: rng.randrange(1, len(data))] + other[rng.randrange(len(other)) :]


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits,
    _flip_header,
    _extreme_number,
    _truncate,
    _cut_out,
    _repeat,
    _insert_noise,
    _blank,
    _splice,
)


def mutant(number: int) -> bytes:
    """Clip `number`: always the same bytes for the same number."""
    rng = random.Random(number)
    data = bytearray(seeds()[number % len(seeds())])
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(MUTATIONS)(data, rng) or bytearray(b"\0")
    return bytes(data)
