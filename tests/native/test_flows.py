"""A flow's compiled inverse computes what torch does, each frame for itself."""

import pytest
import torch
from torch import Tensor, nn

from comps.gptsovits import native
from comps.gptsovits.networks.vits.coupling import CouplingFlow
from tests.native.test_convs import ERRORS, library_or_skip

STYLE_DIM, REACH = 12, 4 * 3 * 2
# Halves that fill whole vectors and such that do not, wider than the layers between and narrower.
SHAPES = {"even": (64, 48), "odd": (100, 96), "wide": (70, 32)}


def network(latent_channels: int, channels: int) -> CouplingFlow:
    torch.manual_seed(0)
    made = CouplingFlow(
        latent_channels, channels, n_flows=4, n_layers=3, kernel_size=5, style_dim=STYLE_DIM
    ).eval()
    for coupling in made.flows:  # begins as the identity
        nn.init.normal_(coupling.post.weight, std=0.1)  # type: ignore[union-attr, arg-type]
    return made


def inputs(latent_channels: int, n_frames: int = 120) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n_frames)
    return (
        torch.randn(1, latent_channels, n_frames, generator=generator),
        torch.randn(1, STYLE_DIM, 1, generator=generator),
    )


@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize("name", SHAPES)
@torch.inference_mode()
def test_the_inverse_is_the_inverse(name: str, dtype: torch.dtype) -> None:
    plain = network(*SHAPES[name])
    compiled = native.CompiledFlow(plain, dtype, library_or_skip(dtype))
    for n_frames in (1, 3, 49, 120):
        z, style = inputs(SHAPES[name][0], n_frames)
        kept = z.clone()
        expected, got = plain.inverse(z, style), compiled.inverse(z, style)
        assert (got - expected).norm() < ERRORS[dtype] * expected.norm()
        assert torch.equal(z, kept)


@pytest.mark.parametrize("dtype", ERRORS)
@torch.inference_mode()
def test_windows_threads_and_rows_change_no_bit(dtype: torch.dtype) -> None:
    compiled = native.CompiledFlow(network(*SHAPES["odd"]), dtype, library_or_skip(dtype), n_threads=1)
    z, style = inputs(SHAPES["odd"][0])
    whole = compiled.inverse(z, style)
    for n_threads, (start, stop) in ((2, (0, 50)), (3, (7, 90)), (5, (60, 120))):
        compiled.n_threads = n_threads
        assert torch.equal(compiled.inverse(z, style), whole)
        left, right = min(start, REACH), min(120 - stop, REACH)
        window = compiled.inverse(z[..., start - left : stop + right], style)
        assert torch.equal(window[..., left : left + stop - start], whole[..., start:stop])
    both = compiled.inverse(torch.cat([z.flip(-1), z]), torch.cat([-style, style]))
    assert torch.equal(both[1:], whole)


def test_layers_that_fill_no_vectors_are_left_to_torch() -> None:
    assert native.suits_flow(network(64, 48))
    assert not native.suits_flow(network(64, 40))
