import io
import time
from contextlib import suppress

import numpy as np
import pytest
import soundfile

from comps.cores.audio.decoding import ClipLimits, decode
from comps.cores.errors import AudioTooLong, AudioTooShort, InvalidAudio, SilentAudio


def tone(seconds: float, rate: int = 16_000, level: float = 0.3) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 220 * t)).astype(np.float32)


def file_of(samples: np.ndarray, rate: int = 16_000, kind: str = "WAV", subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", None),
    ],
)
def test_common_formats_are_read_with_their_length(kind: str, subtype: str | None) -> None:
    waveform = decode(file_of(tone(2.0), kind=kind, subtype=subtype))
    assert waveform.rate == 16_000 or kind == "OGG"
    assert waveform.seconds == pytest.approx(2.0, abs=0.1)
    assert waveform.peak == pytest.approx(0.3, abs=0.06)
    assert waveform.samples.dtype == np.float32


def test_several_channels_are_averaged() -> None:
    stereo = np.stack([tone(1.0), -tone(1.0) / 2], axis=1)
    waveform = decode(file_of(stereo))
    assert waveform.samples.ndim == 1
    assert waveform.peak == pytest.approx(0.075, abs=0.002)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", InvalidAudio),
        (b"hello, this is not audio", InvalidAudio),
        (file_of(tone(2.0))[:20], InvalidAudio),
        (b"\x1a\x45\xdf\xa3" + b"\0" * 100, InvalidAudio),
        (file_of(tone(0.2)), AudioTooShort),
        (file_of(tone(0.0)), AudioTooShort),
        (file_of(tone(61.0, rate=8_000), rate=8_000), AudioTooLong),
        (file_of(tone(2.0) * 0), SilentAudio),
        (file_of(tone(2.0, level=1e-4), subtype="FLOAT"), SilentAudio),
        (file_of(np.full(32_000, np.nan, np.float32), subtype="FLOAT"), InvalidAudio),
    ],
)
def test_each_kind_of_bad_clip_has_its_own_error(data: bytes, kind: type[InvalidAudio]) -> None:
    with pytest.raises(InvalidAudio) as caught:
        decode(data)
    assert type(caught.value) is kind
    assert len(str(caught.value)) > 10


def test_a_webm_recording_is_named_as_one() -> None:
    with pytest.raises(InvalidAudio, match="WebM"):
        decode(b"\x1a\x45\xdf\xa3" + b"\0" * 100)


def test_ten_hours_of_silence_in_a_small_flac_cost_no_more_than_the_limit() -> None:
    small = file_of(np.zeros(10 * 3_600 * 8_000, np.int16), rate=8_000, kind="FLAC")
    assert len(small) < 2_000_000
    started = time.perf_counter()
    with pytest.raises(AudioTooLong):
        decode(small)
    assert time.perf_counter() - started < 1.0


def test_a_flac_header_that_claims_ten_hours_is_not_believed() -> None:
    data = bytearray(file_of(tone(2.0), kind="FLAC"))
    claimed = (10 * 3_600 * 16_000).to_bytes(5, "big")  # 36 bits: the low half of byte 21, then four bytes
    data[21] = (data[21] & 0xF0) | claimed[0]
    data[22:26] = claimed[1:]
    assert decode(bytes(data)).seconds == pytest.approx(2.0, abs=0.3)


def test_float_samples_beyond_full_scale_are_scaled_back() -> None:
    assert decode(file_of(tone(1.0, level=500.0), subtype="FLOAT")).peak == pytest.approx(1.0)


def test_limits_are_the_callers() -> None:
    with pytest.raises(AudioTooLong):
        decode(file_of(tone(2.0)), ClipLimits(max_seconds=1.0))
    assert decode(file_of(tone(0.2)), ClipLimits(min_seconds=0.1)).seconds == pytest.approx(0.2)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_damaged_clips_raise_typed_errors_or_decode(kind: str) -> None:
    whole = file_of(tone(1.0, rate=8_000), rate=8_000, kind=kind)
    rng = np.random.default_rng(7)
    for _ in range(60):
        data = bytearray(whole)
        for position in rng.integers(0, len(data), size=4):
            data[position] = rng.integers(0, 256)
        del data[rng.integers(1, len(data)) :]
        with suppress(InvalidAudio):
            decode(bytes(data))
