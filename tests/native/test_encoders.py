"""A prior's compiled encoders compute what torch does, on any number of threads."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.native.encoders import CompiledAttention, CompiledEncoder
from comps.gptsovits.networks.layers.attention import Attention
from comps.gptsovits.networks.layers.encoder import Encoder
from comps.gptsovits.networks.layers.masks import length_mask
from comps.gptsovits.networks.semantic.prior import PriorConfig, SemanticPrior
from tests.engine.small import DECODER_CONFIG
from tests.native.test_convs import ERRORS, library_or_skip

# Shorter than the window of relative positions, about it, and of several parts.
LENGTHS = (1, 4, 5, 33, 150)
PRIOR = PriorConfig(
    n_symbols=50,
    feature_dim=24,
    channels=96,
    latent_channels=20,
    ffn_channels=72,
    n_heads=2,
    n_layers=4,
    kernel_size=3,
    mrte_channels=64,
)


def encoder(kernel_size: int = 3) -> Encoder:
    torch.manual_seed(0)
    made = Encoder(96, 72, 3, 2, kernel_size).eval()
    for parameter in made.parameters():  # so that every part of it is heard
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return made


def inputs(length: int, channels: int = 96) -> Tensor:
    return torch.randn(1, channels, length, generator=torch.Generator().manual_seed(length))


def is_near(got: Tensor, expected: Tensor, dtype: torch.dtype) -> bool:
    return bool((got - expected).norm() < 3 * ERRORS[dtype] * expected.norm())


@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize("kernel_size", [3, 4])
@torch.inference_mode()
def test_an_encoder_is_the_encoder(kernel_size: int, dtype: torch.dtype) -> None:
    plain = encoder(kernel_size)
    compiled = CompiledEncoder(plain, dtype, library_or_skip(dtype))
    for length in LENGTHS:
        x = inputs(length)
        kept = x.clone()
        compiled.n_threads = 1
        got = compiled(x)
        assert is_near(got, plain(x), dtype)
        assert torch.equal(x, kept)
        for n_threads in (2, 3):
            compiled.n_threads = n_threads
            assert torch.equal(compiled(x), got)


@torch.inference_mode()
def test_rows_of_a_batch_are_as_alone() -> None:
    plain = encoder()
    compiled = CompiledEncoder(plain, torch.float32, library_or_skip(torch.float32))
    x, lengths = torch.cat([inputs(150), inputs(150).flip(-1)]), torch.tensor([150, 33])
    mask = length_mask(lengths, 150)
    got = compiled(x, mask)
    assert is_near(got, plain(x, mask), torch.float32)
    for row, own, length in zip(x, got, lengths.tolist(), strict=True):
        assert torch.equal(compiled(row[None, :, :length])[0], own[:, :length])
        assert not own[:, length:].any()


@pytest.mark.parametrize("n_heads", [1, 4])
@torch.inference_mode()
def test_attention_to_text_is_attention(n_heads: int) -> None:
    torch.manual_seed(0)
    plain = Attention(64, n_heads).eval()
    compiled = CompiledAttention(plain, library_or_skip(torch.float32))
    for length in LENGTHS:
        for n_keys in LENGTHS:
            x, context = 3 * inputs(length, 64), 3 * inputs(n_keys, 64)
            assert is_near(compiled(x, context), plain(x, context), torch.float32)
    context, mask = torch.cat([inputs(33, 64)] * 2), length_mask(torch.tensor([33, 20]), 33)
    x = torch.cat([inputs(5, 64)] * 2)
    assert is_near(compiled(x, context, mask), plain(x, context, mask), torch.float32)


@pytest.mark.parametrize("dtype", ERRORS)
@torch.inference_mode()
def test_a_prior_is_compiled_as_a_whole(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    plain = SemanticPrior(PRIOR).eval()
    compiled = copy.deepcopy(plain)
    native.compile_prior(compiled, dtype, library_or_skip(dtype))
    assert not any(isinstance(module, Encoder | Attention | torch.nn.Conv1d) for module in compiled.modules())
    content, phonemes, style = inputs(61, 24), torch.randint(50, (1, 17)), inputs(1, 64)
    for speed in (1.0, 1.2):
        expected, got = (network(content, phonemes, style, speed=speed).mean for network in (plain, compiled))
        assert is_near(got, expected, dtype)


def test_heads_that_fill_no_vectors_are_left_to_torch() -> None:
    odd = SemanticPrior(replace(DECODER_CONFIG.prior, mrte_channels=64)).eval()
    native.compile_prior(odd, torch.float32, library_or_skip(torch.float32))
    assert isinstance(odd.text_encoder, Encoder)
    assert isinstance(odd.mrte.attention, CompiledAttention)
    assert not any(isinstance(module, torch.nn.Conv1d) for module in odd.modules())
