"""Loudness: measured as BS.1770 says, and reached without a clipped sample."""

import numpy as np
import pyloudnorm
import pytest

from comps.cores.audio.encoding import encode_whole, encoder_for, from_int16, levelled
from comps.cores.audio.formats import AudioFormat
from comps.cores.audio.loudness import CEILING, StreamLevel, WholeLevel, loudness_of

RATE = 24_000


def speechlike(seconds: float, *, rate: int = RATE, level: float = 0.1, seed: int = 0) -> np.ndarray:
    """Syllables of noise with pauses between phrases, and a few peaks that stand out."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    envelope = np.maximum(np.sin(2 * np.pi * 3.1 * t), 0) * (np.sin(2 * np.pi * 0.21 * t) > -0.8)
    samples = level * envelope * rng.standard_normal(len(t))
    samples[rate // 2 :: rate] *= 4
    return samples.astype(np.float32)


def through(level: StreamLevel | WholeLevel, samples: np.ndarray, n: int = 2_400) -> np.ndarray:
    pieces = [level.push(samples[start : start + n]) for start in range(0, len(samples), n)]
    return np.concatenate([*pieces, level.finish()])


@pytest.mark.parametrize("rate", [16_000, 24_000, 32_000, 44_100, 48_000])
def test_the_meter_agrees_with_pyloudnorm(rate: int) -> None:
    samples = speechlike(6.0, rate=rate)
    theirs = pyloudnorm.Meter(rate).integrated_loudness(samples.astype(np.float64))
    assert loudness_of(samples, rate) == pytest.approx(theirs, abs=0.15)


def test_the_standards_reference_tone_reads_as_it_says() -> None:
    tone = np.sin(2 * np.pi * 997 * np.arange(5 * 48_000) / 48_000).astype(np.float32)
    assert loudness_of(tone, 48_000) == pytest.approx(-3.01, abs=0.03)


@pytest.mark.parametrize("lufs", [-30.0, -23.0, -16.0])
@pytest.mark.parametrize("level", [0.02, 0.1, 0.5])
def test_a_finished_recording_has_the_loudness_that_was_asked_for(lufs: float, level: float) -> None:
    samples = speechlike(8.0, level=level)
    out = through(WholeLevel(RATE, lufs), samples)
    assert len(out) == len(samples)
    assert loudness_of(out, RATE) == pytest.approx(lufs, abs=0.5)
    assert np.abs(out).max() <= CEILING + 1e-6


@pytest.mark.parametrize("lufs", [-23.0, -16.0])
@pytest.mark.parametrize("level", [0.01, 0.1, 0.5])
def test_a_stream_comes_near_it_and_does_not_clip_either(lufs: float, level: float) -> None:
    samples = speechlike(12.0, level=level)
    out = through(StreamLevel(RATE, lufs), samples)
    assert len(out) == len(samples)
    assert loudness_of(out[4 * RATE :], RATE) == pytest.approx(lufs, abs=1.5)
    assert np.abs(out).max() <= CEILING + 1e-6


def test_a_stream_holds_back_half_a_second_and_no_more() -> None:
    level, samples = StreamLevel(RATE, -16.0), speechlike(3.0)
    n_out = 0
    for start in range(0, len(samples), 2_400):
        n_out += len(level.push(samples[start : start + 2_400]))
        assert n_out >= start + 2_400 - RATE // 2


def test_a_stream_sounds_the_same_however_it_was_cut() -> None:
    samples = speechlike(2.0)
    whole = through(StreamLevel(RATE, -18.0), samples, n=len(samples))
    for n in (97, 777, 2_400, 24_000):
        assert np.array_equal(through(StreamLevel(RATE, -18.0), samples, n), whole)


def test_the_gain_never_jumps() -> None:
    tone = (0.05 * np.sin(2 * np.pi * 220 * np.arange(6 * RATE) / RATE)).astype(np.float32)
    tone[3 * RATE : 3 * RATE + 2_400] *= 15  # a bang in the middle
    out = through(StreamLevel(RATE, -14.0), tone)
    heard = np.abs(tone) > 0.02
    gain = 20 * np.log10(np.abs(out[heard]) / np.abs(tone[heard]))
    assert np.abs(np.diff(gain)).max() < 0.3  # decibels, between samples a few apart


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.3, 0.45])
def test_very_short_audio_and_silence_stay_as_long_as_they_are(seconds: float) -> None:
    samples = speechlike(seconds, level=0.2)
    for level in (StreamLevel(RATE, -16.0), WholeLevel(RATE, -16.0)):
        assert len(through(level, samples)) == len(samples)
    silence = np.zeros(RATE, np.float32)
    assert not through(StreamLevel(RATE, -16.0), silence).any()
    assert not through(WholeLevel(RATE, -16.0), silence).any()


def test_near_silence_is_raised_by_thirty_decibels_and_no_more() -> None:
    samples = speechlike(4.0, level=1e-4)
    for level in (StreamLevel(RATE, -16.0), WholeLevel(RATE, -16.0)):
        assert np.abs(through(level, samples)).max() <= 31.7 * np.abs(samples).max()


def test_encoders_take_a_loudness() -> None:
    samples = speechlike(6.0, level=0.02)
    whole = from_int16(encode_whole(samples, RATE, AudioFormat.PCM, lufs=-20.0))
    assert loudness_of(whole, RATE) == pytest.approx(-20.0, abs=0.5)
    encoder = levelled(RATE, encoder_for(AudioFormat.WAV, RATE), -20.0, streams=True)
    streamed = encoder.encode(samples) + encoder.finish()
    assert len(streamed) == 44 + 2 * len(samples)
    assert encoder.rewrites
