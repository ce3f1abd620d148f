"""Packed convolutions are the convolutions."""

import pytest
import torch
from torch import nn

from comps.gptsovits.networks.layers import packed
from comps.gptsovits.networks.layers.packed import PackedConv1d, pack_convs
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from tests.engine.small import DECODER_CONFIG, N_BINS


@pytest.mark.parametrize("has_packed_products", [True, False])
@pytest.mark.parametrize(("kernel", "dilation", "padding"), [(1, 1, 0), (3, 1, 1), (3, 1, 0), (5, 2, 4)])
@torch.inference_mode()
def test_a_packed_convolution_computes_the_convolution(
    kernel: int, dilation: int, padding: int, has_packed_products: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_packed_products:
        monkeypatch.setattr(packed, "_packed", lambda weight: None)
    torch.manual_seed(0)
    for bias in (True, False):
        conv = nn.Conv1d(12, 20, kernel, dilation=dilation, padding=padding, bias=bias)
        for shape in ((1, 12, 9), (3, 12, 40)):
            x = torch.randn(shape)
            torch.testing.assert_close(PackedConv1d(conv)(x), conv(x), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_a_decoder_with_packed_convolutions_makes_the_same_latents() -> None:
    torch.manual_seed(0)
    decoder = VitsDecoder(DECODER_CONFIG).eval()
    decoder.quantizer.codebook.normal_()
    tokens, phonemes = torch.randint(N_BINS, (1, 30)), torch.randint(700, (1, 12))
    style, noise = torch.randn(1, DECODER_CONFIG.style_dim, 1), torch.randn(decoder.noise_shape(30))
    expected = decoder.latent(tokens, phonemes, style, noise)
    n_weights = sum(weight.numel() for weight in decoder.prior.parameters())
    pack_convs(decoder.prior)
    pack_convs(decoder.flow)
    torch.testing.assert_close(decoder.latent(tokens, phonemes, style, noise), expected, rtol=1e-3, atol=1e-4)
    weights = (*decoder.prior.parameters(), *decoder.prior.buffers())
    assert sum(weight.numel() for weight in weights) == n_weights
