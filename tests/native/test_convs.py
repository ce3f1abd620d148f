"""Compiled convolutions compute what torch does, each row for itself."""

import copy

import pytest
import torch
from torch import nn

from comps.gptsovits import native
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.networks.vocoders.hifigan import HifiGan
from tests.engine.small import DECODER_CONFIG, N_BINS

# Of the results' norm: what rounding may cost.
ERRORS = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


def library_or_skip(dtype: torch.dtype) -> native.DecoderLibrary:
    library = native.load_decoder_library()
    if library is None or not native.suits_hifigan(HifiGan(DECODER_CONFIG.vocoder), dtype, library):
        pytest.skip("there is no C++ compiler, or none that makes such code for this processor")
    return library


@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv1d(24, 48, 1),
        nn.Conv1d(33, 70, 5, padding=2),
        nn.Conv1d(64, 16, 3, bias=False),
        nn.Conv1d(300, 130, 3, padding=4, dilation=2),
    ],
    ids=["pointwise", "odd", "shortening", "lengthening"],
)
@torch.inference_mode()
def test_a_compiled_convolution_is_the_convolution(conv: nn.Conv1d, dtype: torch.dtype) -> None:
    compiled = native.CompiledConv1d(conv, dtype, library_or_skip(dtype), n_threads=2)
    x = torch.randn(2, conv.in_channels, 77)
    expected, got = conv(x), compiled(x)
    assert got.shape == expected.shape
    assert (got - expected).norm() < ERRORS[dtype] * expected.norm()
    # and a row of the result depends on the rows around it alone
    assert torch.equal(compiled(x[..., 20:70])[..., 15:30], got[..., 35:50])
    compiled.n_threads = 1
    assert torch.equal(compiled(x), got)


@pytest.mark.parametrize("dtype", ERRORS)
@torch.inference_mode()
def test_a_decoder_of_compiled_convolutions_makes_the_same_frames(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    plain = VitsDecoder(DECODER_CONFIG).eval()
    for coupling in plain.flow.flows:  # begins as the identity
        nn.init.normal_(coupling.post.weight, std=0.1)  # type: ignore[union-attr, arg-type]
    compiled = copy.deepcopy(plain)
    for network in (compiled.prior, compiled.flow):
        native.compile_convs(network, dtype, library_or_skip(dtype))
        assert not any(isinstance(module, nn.Conv1d) for module in network.modules())
    tokens, phonemes = torch.randint(N_BINS, (1, 30)), torch.randint(700, (1, 9))
    style, noise = torch.randn(1, DECODER_CONFIG.style_dim, 1), torch.randn(plain.noise_shape(30))
    expected = plain.latent(tokens, phonemes, style, noise)
    got = compiled.latent(tokens, phonemes, style, noise)
    assert (got - expected).norm() < 3 * ERRORS[dtype] * expected.norm()
