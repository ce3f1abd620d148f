import numpy as np
import pytest

from comps.cores.audio.waveform import Waveform
from comps.cores.errors import AudioTooLong, AudioTooShort, InvalidAudio, SilentAudio
from comps.gptsovits.engine.clip import LONG_SECONDS, best_window, padded, prepared

RATE = 8_000


def noise(seconds: float, level: float = 0.3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(int(seconds * RATE))).clip(-0.9, 0.9).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return noise(seconds, 1e-4)


def test_a_clip_of_recommended_length_is_left_alone() -> None:
    waveform = Waveform(noise(5.0), RATE)
    clip = prepared(waveform)
    assert clip.waveform is waveform
    assert clip.is_whole
    assert not clip.warnings


@pytest.mark.parametrize("before", [1.0, 14.0, 29.0])
def test_of_a_long_clip_the_part_with_speech_is_used(before: float) -> None:
    speech = np.concatenate([noise(2.0, seed=i) if i % 2 else silence(0.3) for i in range(8)])
    samples = np.concatenate([silence(before), speech, silence(15.0)])
    clip = prepared(Waveform(samples, RATE))
    assert not clip.is_whole
    assert clip.waveform.seconds <= LONG_SECONDS
    level = np.square(clip.waveform.samples).mean()
    assert level > 0.7 * np.square(speech).mean()
    assert "s is used" in clip.warnings[0]


def test_a_window_begins_and_ends_in_a_pause() -> None:
    words = [part for i in range(20) for part in (noise(1.3, seed=i), silence(0.2))]
    samples = np.concatenate(words)
    start, stop = best_window(Waveform(samples, RATE), 10.0)
    margin = int(0.02 * RATE)
    assert np.abs(samples[start : start + margin]).max() < 0.01
    assert np.abs(samples[stop - margin : stop]).max() < 0.01


def test_a_long_clip_with_a_transcript_is_kept_whole_a_while() -> None:
    waveform = Waveform(noise(14.0), RATE)
    assert prepared(waveform, has_transcript=True).is_whole
    assert not prepared(waveform).is_whole
    assert not prepared(Waveform(noise(20.0), RATE), has_transcript=True).is_whole
    assert prepared(Waveform(noise(20.0), RATE), has_transcript=True, must_be_whole=True).is_whole


def test_a_short_clip_is_used_with_a_warning() -> None:
    clip = prepared(Waveform(noise(1.0), RATE))
    assert clip.is_whole
    assert "padded" in clip.warnings[0]
    assert len(padded(clip.waveform.samples, RATE)) == 3 * RATE


@pytest.mark.parametrize(
    ("samples", "error"),
    [
        (silence(5.0) * 0, SilentAudio),
        (noise(0.4), AudioTooShort),
        (noise(61.0), AudioTooLong),
        (np.full(RATE * 5, np.nan, np.float32), InvalidAudio),
        (np.full(RATE * 5, np.inf, np.float32), InvalidAudio),
        (np.zeros(0, np.float32), AudioTooShort),
    ],
)
def test_an_unusable_clip_says_why(samples: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        prepared(Waveform(samples, RATE))
