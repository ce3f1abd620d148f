"""Vocoders in windows, and as a CPU likes them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from comps.gptsovits.networks.vocoders.bigvgan import BigVgan, BigVganConfig
from comps.gptsovits.networks.vocoders.hifigan import HifiGan, HifiGanConfig
from comps.gptsovits.networks.vocoders.packed import PackedHifiGan
from comps.gptsovits.networks.vocoders.vocos import Vocos, VocosConfig
from tests.engine.small import DECODER_CONFIG

HIFIGAN = DECODER_CONFIG.vocoder
BIGVGAN = BigVganConfig(
    in_channels=10,
    initial_channels=32,
    upsample_rates=(4, 3, 2),
    upsample_kernels=(8, 7, 4),
    resblock_kernels=(3, 5),
    resblock_dilations=((1, 3), (1, 2)),
)
VOCOS = VocosConfig(
    in_channels=10,
    channels=16,
    n_layers=2,
    rate=4,
    window_channels=12,
    n_window_layers=3,
    window_hop=6,
    n_fft=24,
)
N_FRAMES = 130
Vocoder = HifiGan | PackedHifiGan | BigVgan | Vocos


def hifigan(config: HifiGanConfig = HIFIGAN) -> HifiGan:
    torch.manual_seed(0)
    return HifiGan(config).eval()


def bigvgan() -> BigVgan:
    torch.manual_seed(0)
    made = BigVgan(BIGVGAN).eval()
    for parameter in made.parameters():
        parameter.data.mul_(1.5)  # samples of a size that shows differences
    return made


def vocos() -> Vocos:
    torch.manual_seed(0)
    made = Vocos(VOCOS).eval()
    for parameter in made.spectrum.parameters():
        parameter.data.mul_(5.0)
    return made


def frames(n: int = N_FRAMES, channels: int = HIFIGAN.in_channels) -> Tensor:
    return torch.randn(1, channels, n, generator=torch.Generator().manual_seed(1))


VOCODERS: dict[str, Callable[[], Vocoder]] = {
    "hifigan": hifigan,
    "packed": lambda: PackedHifiGan(hifigan(), torch.float32),
    "bigvgan": bigvgan,
    "vocos": vocos,
}


def inputs(vocoder: Vocoder) -> Tensor:
    return frames(channels=vocoder.config.in_channels)


@pytest.mark.parametrize("name", VOCODERS)
@torch.inference_mode()
def test_a_window_with_its_context_gives_the_samples_of_the_whole(name: str) -> None:
    vocoder: Vocoder = VOCODERS[name]()
    x, context, hop = inputs(vocoder), vocoder.config.context_frames, vocoder.config.hop_length
    whole = vocoder(x)[0]
    for start, stop in ((0, 20), (3, 40), (50, 51), (60, 120), (90, N_FRAMES)):
        left, right = min(start, context), min(N_FRAMES - stop, context)
        window = vocoder(x[..., start - left : stop + right], context=(left, right))[0]
        torch.testing.assert_close(window, whole[start * hop : stop * hop], rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("name", VOCODERS)
@torch.inference_mode()
def test_the_context_is_what_a_vocoder_looks_at_and_no_more(name: str) -> None:
    """A change at one frame reaches no sample further than the context, and some that are nearly as far."""
    vocoder: Vocoder = VOCODERS[name]()
    at, hop, context = N_FRAMES // 2, vocoder.config.hop_length, vocoder.config.context_frames
    x = inputs(vocoder).double()
    other = x.clone()
    other[..., at] += 100.0
    vocoder = vocoder.double() if name != "packed" else PackedHifiGan(hifigan().double(), torch.float64)
    changed = (vocoder(x) != vocoder(other))[0].nonzero().flatten()
    reach = max(at * hop - int(changed[0]), int(changed[-1]) + 1 - (at + 1) * hop) / hop
    assert context - 6 < reach <= context


def test_the_official_vocoder_looks_a_quarter_of_a_second_far_at_most() -> None:
    official = replace(
        HIFIGAN,
        upsample_rates=(10, 8, 2, 2, 2),
        upsample_kernels=(16, 16, 8, 2, 2),
        resblock_kernels=(3, 7, 11),
        resblock_dilations=((1, 3, 5),) * 3,
    )
    assert official.context_frames / 50 < 0.3
    # and only a twentieth of a second far once its first stage is past
    assert official.margins.stages[0].out / 10 / 50 < 0.05


@pytest.mark.parametrize("style_dim", [None, 16])
@torch.inference_mode()
def test_packed_weights_compute_the_same(style_dim: int | None) -> None:
    plain = hifigan(replace(HIFIGAN, style_dim=style_dim))
    style = torch.randn(1, style_dim, 1) if style_dim else None
    expected = plain(frames(), style)
    exact = PackedHifiGan(plain, torch.float32)(frames(), style)
    torch.testing.assert_close(exact, expected, rtol=1e-4, atol=1e-5)
    half = PackedHifiGan(plain, torch.bfloat16)(frames(), style)
    assert half.dtype is torch.float32
    assert decibels(half - expected, expected) < -25


def decibels(error: Tensor, signal: Tensor) -> float:
    return 10 * float(torch.log10(error.square().sum() / signal.square().sum()))


@torch.inference_mode()
def test_windows_of_a_constant_spectrum_add_up_to_a_constant() -> None:
    """Overlapping windows are divided by what they add up to, at the very ends too."""
    made = vocos()
    made.spectrum.weight.zero_()
    made.spectrum.bias.fill_(-30.0)  # nothing, but …
    made.spectrum.bias[0] = float(torch.tensor(0.5 * VOCOS.n_fft).log())  # … half of full scale at 0 Hz
    made.spectrum.bias[VOCOS.n_fft // 2 + 1 :] = 0.0
    samples = made(frames(7, VOCOS.in_channels))[0]
    assert len(samples) == 7 * VOCOS.hop_length
    assert 0.3 < float(samples.min()) <= float(samples.max()) <= 1.0
    inner = samples[VOCOS.n_fft : -VOCOS.n_fft]
    assert float(inner.std() / inner.mean()) < 1e-3
