"""The compiled Vocos computes what torch does, and each sample the same wherever work is divided."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.devices import Precision
from comps.gptsovits.networks.vocoders.vocos import Vocos, VocosConfig
from tests.engine.small import DECODER_CONFIG
from tests.native.test_hifigan import ERRORS, decibels, packed_vocoders

N_FRAMES = 90
# As the bundled model's, and one whose windows reach past whole steps of another rate.
CONFIGS = {
    "four": VocosConfig(
        in_channels=20,
        channels=64,
        n_layers=2,
        rate=4,
        window_channels=48,
        n_window_layers=3,
        window_hop=30,
        n_fft=120,
    ),
    "three": VocosConfig(
        in_channels=21,
        channels=32,
        n_layers=1,
        rate=3,
        window_channels=16,
        n_window_layers=2,
        window_hop=16,
        n_fft=32,
    ),
}


def network(config: VocosConfig) -> Vocos:
    torch.manual_seed(0)
    made = Vocos(config).eval()
    for parameter in made.parameters():  # so that every part of it is heard
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return made


def compiled_or_skip(plain: Vocos, dtype: torch.dtype) -> native.CompiledVocos:
    library = native.load_decoder_library()
    if library is None or not native.suits_vocos(plain, dtype, library):
        pytest.skip("there is no C++ compiler, or none that makes such code for this processor")
    return native.CompiledVocos(plain, dtype, library)


def inputs(config: VocosConfig, n_frames: int = N_FRAMES) -> Tensor:
    return torch.randn(1, config.in_channels, n_frames, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize("name", CONFIGS)
@torch.inference_mode()
def test_samples_are_those_of_the_network(name: str, dtype: torch.dtype) -> None:
    plain = network(CONFIGS[name])
    compiled = compiled_or_skip(plain, dtype)
    for n_frames in (1, 7, N_FRAMES):
        x = inputs(plain.config, n_frames)
        expected, got = plain(x), compiled(x)
        assert got.shape == expected.shape
        assert decibels(got - expected, expected) < ERRORS[dtype]


@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize("name", CONFIGS)
@torch.inference_mode()
def test_windows_threads_and_rows_change_no_bit(name: str, dtype: torch.dtype) -> None:
    compiled = compiled_or_skip(network(CONFIGS[name]), dtype)
    x = inputs(compiled.config)
    hop, context = compiled.config.hop_length, compiled.config.context_frames
    whole = compiled(x)
    for n_threads, (start, stop) in ((1, (0, 20)), (2, (3, 50)), (3, (50, 51)), (5, (44, N_FRAMES))):
        compiled.n_threads = n_threads
        assert torch.equal(compiled(x), whole)
        left, right = min(start, context), min(N_FRAMES - stop, context)
        window = compiled(x[..., start - left : stop + right], context=(left, right))
        assert torch.equal(window, whole[:, start * hop : stop * hop])
    assert torch.equal(compiled(torch.cat([x.flip(-1), x]))[1:], whole)


def test_a_decoder_is_packed_with_compiled_code_where_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = CONFIGS["four"]
    compiled_or_skip(network(plain), torch.float32)
    config = replace(DECODER_CONFIG, vocoder=replace(plain, in_channels=DECODER_CONFIG.prior.latent_channels))

    kinds = packed_vocoders(config, Precision.EXACT, monkeypatch)
    assert kinds == [native.CompiledVocos, Vocos, Vocos]


def test_widths_that_fill_no_vectors_are_left_to_torch() -> None:
    library = native.load_decoder_library()
    if library is None:
        pytest.skip("there is no C++ compiler")
    odd = network(replace(CONFIGS["four"], window_channels=40))
    assert not native.suits_vocos(odd, torch.float32, library)
    assert not native.suits_vocos(network(CONFIGS["four"]), torch.float64, library)
