"""Samples in, bytes of a file out, while the samples are still being made: one stateful encoder per reply.

A stream cannot be rewound, so lengths that are only known at the end are left open in it (the formats allow
that). Whoever has the whole file afterwards applies `rewrites` and gets every length right.
"""

from typing import Protocol

import numpy as np

from comps.cores.audio.formats import AudioFormat
from comps.cores.audio.loudness import StreamLevel, WholeLevel
from comps.cores.audio.resampling import Resampler
from comps.cores.audio.waveform import Samples
from comps.cores.errors import InvalidOption

# Opus knows five rates and MPEG audio nine; other rates are resampled up to the next of them.
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


class Encoder(Protocol):
    """`encode` each chunk in turn, then `finish` once; the bytes, joined, are one file.

    `rate` is the sample rate of what comes out. After `finish`, `rewrites` holds (offset, bytes) pairs that a
    seekable copy of the file should have overwritten.
    """

    rate: int
    rewrites: list[tuple[int, bytes]]

    def encode(self, samples: Samples) -> bytes: ...
    def finish(self) -> bytes: ...


def encoder_for(audio_format: AudioFormat, rate: int) -> Encoder:
    """A fresh encoder for mono samples at `rate`. Raises `InvalidOption` if its codec is not installed."""
    match audio_format:
        case AudioFormat.PCM:
            return PcmEncoder(rate)
        case AudioFormat.WAV:
            return WavEncoder(rate)
        case AudioFormat.AAC:
            return _aac_encoder(rate)
        case AudioFormat.FLAC:
            return _sound_file_encoder(rate, (), "FLAC", "PCM_16")
        case AudioFormat.MP3:
            return _mp3_encoder(rate)
        case AudioFormat.OGG | AudioFormat.OPUS:
            return _sound_file_encoder(rate, OPUS_RATES, "OGG", "OPUS")


def encode_whole(
    samples: Samples, rate: int, audio_format: AudioFormat, *, lufs: float | None = None
) -> bytes:
    """The complete file, every length in its header right; `lufs` is the loudness it shall have."""
    encoder = levelled(rate, encoder_for(audio_format, rate), lufs, streams=False)
    data = bytearray(encoder.encode(samples) + encoder.finish())
    apply_rewrites(data, encoder.rewrites)
    return bytes(data)


def apply_rewrites(data: bytearray, rewrites: list[tuple[int, bytes]]) -> None:
    for offset, replacement in rewrites:
        data[offset : offset + len(replacement)] = replacement


def to_int16(samples: Samples) -> bytes:
    """Signed 16-bit little-endian, clipped at full scale."""
    scaled = np.clip(np.rint(samples * 32_767.0), -32_768, 32_767)
    return scaled.astype("<i2").tobytes()


def from_int16(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32_767.0)


class PcmEncoder:
    """Bare signed 16-bit little-endian samples."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.rewrites: list[tuple[int, bytes]] = []

    def encode(self, samples: Samples) -> bytes:
        return to_int16(samples)

    def finish(self) -> bytes:
        return b""


def is_cheap(encoder: Encoder) -> bool:
    """Whether it only copies samples: no work for a thread of its own."""
    return isinstance(encoder, PcmEncoder | WavEncoder)


UNKNOWN_SIZE = 0xFFFF_FFFF


class WavEncoder:
    """16-bit WAV. While streaming, its two lengths are 0xFFFFFFFF, which readers take for 'until the end'."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.rewrites: list[tuple[int, bytes]] = []
        self._n_bytes = 0
        self._started = False

    def encode(self, samples: Samples) -> bytes:
        body = to_int16(samples)
        self._n_bytes += len(body)
        return self._start() + body

    def finish(self) -> bytes:
        head = self._start()
        self.rewrites = [(0, wav_header(self.rate, self._n_bytes))]
        return head

    def _start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        return wav_header(self.rate, None)


def wav_header(rate: int, n_bytes: int | None) -> bytes:
    """The 44 bytes in front of mono 16-bit samples; `None` for a length that is not known yet."""
    data_size = UNKNOWN_SIZE if n_bytes is None else n_bytes
    riff_size = UNKNOWN_SIZE if n_bytes is None else n_bytes + 36
    return b"".join(
        (
            b"RIFF" + riff_size.to_bytes(4, "little") + b"WAVE",
            b"fmt " + (16).to_bytes(4, "little"),
            (1).to_bytes(2, "little") + (1).to_bytes(2, "little"),  # PCM, one channel
            rate.to_bytes(4, "little") + (rate * 2).to_bytes(4, "little"),
            (2).to_bytes(2, "little") + (16).to_bytes(2, "little"),  # bytes a frame, bits a sample
            b"data" + data_size.to_bytes(4, "little"),
        )
    )


class Filter(Protocol):
    """Samples in, samples out, perhaps later: a resampler, or a change of loudness."""

    def push(self, samples: Samples) -> Samples: ...
    def finish(self) -> Samples: ...


class FilteredEncoder:
    """Another encoder, behind a filter."""

    def __init__(self, filter_: Filter, inner: Encoder) -> None:
        self.rate = inner.rate
        self._filter = filter_
        self._inner = inner

    @property
    def rewrites(self) -> list[tuple[int, bytes]]:
        return self._inner.rewrites

    @rewrites.setter
    def rewrites(self, value: list[tuple[int, bytes]]) -> None:
        self._inner.rewrites = value

    def encode(self, samples: Samples) -> bytes:
        return self._inner.encode(self._filter.push(samples))

    def finish(self) -> bytes:
        return self._inner.encode(self._filter.finish()) + self._inner.finish()


def resampled(rate: int, inner: Encoder) -> Encoder:
    return inner if inner.rate == rate else FilteredEncoder(Resampler(rate, inner.rate), inner)


def levelled(rate: int, inner: Encoder, lufs: float | None, *, streams: bool) -> Encoder:
    """`inner` behind a change of loudness for samples at `rate`, if one is wanted.

    If it does not stream, everything is held back until the end and measured whole.
    """
    if lufs is None:
        return inner
    return FilteredEncoder(StreamLevel(rate, lufs) if streams else WholeLevel(rate, lufs), inner)


def _rate_within(rate: int, known: tuple[int, ...]) -> int:
    if not known or rate in known:
        return rate
    return min((other for other in known if other >= rate), default=known[-1])


def _sound_file_encoder(rate: int, known_rates: tuple[int, ...], container: str, codec: str) -> Encoder:
    from comps.cores.audio.soundfile_encoder import SoundFileEncoder

    return resampled(rate, SoundFileEncoder(_rate_within(rate, known_rates), container, codec))


def _mp3_encoder(rate: int) -> Encoder:
    from comps.cores.audio.soundfile_encoder import Mp3Encoder

    return resampled(rate, Mp3Encoder(_rate_within(rate, MP3_RATES)))


def _aac_encoder(rate: int) -> Encoder:
    try:
        from comps.cores.audio.aac_encoder import AAC_RATES, AacEncoder
    except ImportError as error:
        raise InvalidOption(
            "response_format 'aac' needs the optional codecs: pip install 'sovits-serve[codecs]'"
        ) from error
    return resampled(rate, AacEncoder(_rate_within(rate, AAC_RATES)))
