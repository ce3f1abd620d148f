"""Laws of the signal processing. That it equals the reference implementation is tests/parity's business."""

import math

import numpy as np
import pytest
import torch

from comps.gptsovits.dsp.crossfade import best_offset, crossfade, overlap_add
from comps.gptsovits.dsp.fbank import filter_bank
from comps.gptsovits.dsp.mel import denormalize_mel, log_mel, mel_filters, normalize_mel
from comps.gptsovits.dsp.resample import resample_sinc, resample_soxr
from comps.gptsovits.dsp.spectrogram import magnitude_spectrogram


def _noise(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed)) * 0.1


def _tone(hertz: float, rate: int, seconds: float = 0.5) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(int(rate * seconds)) / rate)


def test_a_spectrogram_has_a_frame_for_each_hop() -> None:
    assert magnitude_spectrogram(_noise(6400)[None], n_fft=2048, hop_length=640).shape == (1, 1025, 10)


def test_a_tone_stands_in_its_own_bin() -> None:
    spectrum = magnitude_spectrogram(_tone(1000, 32_000)[None], n_fft=2048, hop_length=640)[0]
    assert spectrum[:, 5].argmax() == round(1000 * 2048 / 32_000)


def test_a_signal_too_short_to_be_reflected_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        magnitude_spectrogram(torch.zeros(1, 700), n_fft=2048, hop_length=640)


def test_silence_has_a_finite_mel() -> None:
    mel = log_mel(torch.zeros(1, 4000), rate=24_000, n_fft=1024, hop_length=256, n_mels=100)
    assert mel.isfinite().all()


def test_normalising_a_mel_can_be_undone() -> None:
    mel = _noise(300).reshape(1, 100, 3) * 50
    assert torch.allclose(denormalize_mel(normalize_mel(mel)), mel, atol=1e-4)


def test_each_mel_filter_has_unit_area() -> None:
    areas = mel_filters(24_000, 8192, 40).sum(1) * 24_000 / 8192
    assert torch.allclose(areas, torch.ones(40), atol=0.02)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(44_100, 16_000), (16_000, 24_000), (22_050, 32_000)])
def test_resampling_keeps_a_tone_and_counts_its_samples(from_rate: int, to_rate: int) -> None:
    tone = _tone(440, from_rate)
    expected = _tone(440, to_rate)
    margin = 200  # the ends hear silence beyond them
    by_sinc = resample_sinc(tone[None], from_rate=from_rate, to_rate=to_rate)[0]
    by_soxr = torch.from_numpy(resample_soxr(tone.numpy(), from_rate=from_rate, to_rate=to_rate))
    assert len(by_sinc) == len(by_soxr) == math.ceil(len(tone) * to_rate / from_rate)
    for resampled in (by_sinc, by_soxr):
        n = min(len(resampled), len(expected)) - margin
        assert torch.allclose(resampled[margin:n], expected[margin:n], atol=0.02)


def test_resampling_to_the_same_rate_changes_nothing() -> None:
    samples = _noise(100)
    assert resample_sinc(samples, from_rate=16_000, to_rate=16_000) is samples
    assert np.array_equal(resample_soxr(samples.numpy(), from_rate=8_000, to_rate=8_000), samples.numpy())


def test_filter_banks_of_a_batch_are_those_of_its_rows() -> None:
    rows = torch.stack([_noise(8000, 1), _noise(8000, 2)])
    banks = filter_bank(rows)
    assert banks.shape == (2, 48, 80)
    assert torch.equal(banks[1:], filter_bank(rows[1:]))


def test_crossfading_a_signal_with_itself_gives_that_signal() -> None:
    signal = _noise(64)
    assert torch.allclose(crossfade(signal, signal), signal, atol=1e-7)


def test_the_best_offset_is_where_the_tail_is_found_again() -> None:
    signal = _noise(900)
    assert best_offset(signal[:200], torch.cat([_noise(37, 5), signal[:400]])) == 37


def test_pieces_cut_from_one_signal_join_to_that_signal() -> None:
    signal = _noise(5000)
    pieces = [signal[0:2000], signal[1700:3700], signal[3400:5000]]
    assert torch.allclose(overlap_add(pieces, overlap=300, search=100), signal, atol=1e-6)


def test_pieces_shorter_than_their_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="can't overlap"):
        overlap_add([torch.ones(50), torch.ones(20)], overlap=30)
    with pytest.raises(ValueError, match="nothing"):
        overlap_add([], overlap=30)


def test_filters_that_inference_asked_for_first_are_good_for_training() -> None:
    mel_filters.cache_clear()
    with torch.inference_mode():
        filters = mel_filters(16_000, 256, 20)
    assert not filters.is_inference()
