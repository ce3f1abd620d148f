"""Laws of flow matching: how a long mel is made of chunks, and that nothing is remembered."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from comps.gptsovits.networks.cfm.chunks import (
    ChunkSizes,
    FlowReference,
    cut_by_length,
    mel_in_sequence,
    mel_side_by_side,
)
from comps.gptsovits.networks.cfm.dit import Dit, DitConfig, rotated
from comps.gptsovits.networks.cfm.sampler import sample_mel

SIZES = ChunkSizes(reference=8, chunk=20, overlap=3)
N_MELS, WIDTH = 10, 16


@pytest.fixture(scope="module")
def dit() -> Dit:
    torch.manual_seed(0)
    network = Dit(DitConfig(N_MELS, WIDTH, 32, 2, 2, 16, 64, 1, 32))
    return network.eval().requires_grad_(False)


def _tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def _source(seed: int = 0) -> Callable[[tuple[int, ...]], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator)


@pytest.fixture
def reference() -> FlowReference:
    return FlowReference.of_clip(_tensor(1, N_MELS, 11), _tensor(1, WIDTH, 9), SIZES)


def test_a_reference_is_the_end_of_what_mel_and_features_both_cover() -> None:
    mel, features = _tensor(1, N_MELS, 11), _tensor(1, WIDTH, 9)
    reference = FlowReference.of_clip(mel, features, SIZES)
    assert torch.equal(reference.mel, mel[..., 1:9])
    assert torch.equal(reference.features, features[..., 1:9])


@pytest.mark.parametrize("n_frames", [1, 12, 13, 40])
def test_chunks_in_sequence_cover_every_frame_once(dit: Dit, reference: FlowReference, n_frames: int) -> None:
    features = _tensor(1, WIDTH, n_frames)
    chunks = list(mel_in_sequence(dit, features, reference, _source(), sizes=SIZES, steps=1))
    assert sum(chunk.shape[-1] for chunk in chunks) == n_frames
    assert all(chunk.shape[-1] == 12 for chunk in chunks[:-1])


def test_a_short_text_in_one_chunk_is_one_call_of_the_solver(dit: Dit, reference: FlowReference) -> None:
    features = _tensor(1, WIDTH, 10)
    (chunk,) = mel_in_sequence(dit, features, reference, _source(), sizes=SIZES, steps=3)
    joined = torch.cat([reference.features, features], -1)
    alone = sample_mel(dit, joined, reference.mel, _source()((1, N_MELS, 18)), steps=3)
    assert torch.equal(chunk, alone[..., 8:])


def test_later_chunks_leave_earlier_ones_as_they_were(dit: Dit, reference: FlowReference) -> None:
    features = _tensor(1, WIDTH, 30)
    whole = list(mel_in_sequence(dit, features, reference, _source(), sizes=SIZES, steps=2))
    begun = next(mel_in_sequence(dit, features[..., :12], reference, _source(), sizes=SIZES, steps=2))
    assert torch.equal(whole[0], begun)


@pytest.mark.parametrize("n_frames", [1, 9, 10, 31])
def test_chunks_side_by_side_overlap_and_end_in_padding(
    dit: Dit, reference: FlowReference, n_frames: int
) -> None:
    features = _tensor(1, WIDTH, n_frames)
    mel = mel_side_by_side(dit, features, reference, _source(), sizes=SIZES, steps=1)
    n_chunks, _, length = mel.chunks.shape
    covered = n_chunks * (length - SIZES.overlap) + SIZES.overlap - mel.n_padding
    assert covered == SIZES.overlap + n_frames


def test_the_prompt_comes_back_as_zeros(dit: Dit) -> None:
    mel = sample_mel(dit, _tensor(1, WIDTH, 9), _tensor(1, N_MELS, 4), _tensor(1, N_MELS, 9), steps=2)
    assert (mel[..., :4] == 0).all()
    assert (mel[..., 4:] != 0).all()


def test_a_row_of_a_batch_does_not_hear_the_others(dit: Dit) -> None:
    features, prompt, noise = _tensor(3, WIDTH, 9), _tensor(1, N_MELS, 4), _tensor(3, N_MELS, 9)
    together = sample_mel(dit, features, prompt, noise, steps=2)
    alone = sample_mel(dit, features[1:2], prompt, noise[1:2], steps=2)
    assert torch.allclose(together[1:2], alone, atol=1e-5)


def test_guidance_of_zero_is_none_and_more_of_it_changes_the_mel(dit: Dit) -> None:
    arguments = (dit, _tensor(1, WIDTH, 9), _tensor(1, N_MELS, 4), _tensor(1, N_MELS, 9))
    plain = sample_mel(*arguments, steps=2)
    assert torch.equal(sample_mel(*arguments, steps=2, guidance=0.0), plain)
    assert not torch.allclose(sample_mel(*arguments, steps=2, guidance=0.5), plain)


def test_a_solver_without_steps_is_refused(dit: Dit) -> None:
    with pytest.raises(ValueError, match="at least one step"):
        sample_mel(dit, _tensor(1, WIDTH, 9), _tensor(1, N_MELS, 4), _tensor(1, N_MELS, 9), steps=0)


def test_rotation_keeps_lengths_and_leaves_the_other_channels_alone() -> None:
    x, angles = _tensor(1, 5, 12), torch.arange(5)[:, None] * torch.tensor([1.0, 0.1])
    turned = rotated(x, angles)
    assert torch.equal(turned[..., 4:], x[..., 4:])
    assert torch.allclose(turned[..., :2].norm(dim=-1), x[..., :2].norm(dim=-1), atol=1e-6)
    assert torch.equal(turned[:, 0], x[:, 0])


def test_samples_are_cut_at_the_lengths_asked_for() -> None:
    pieces = cut_by_length(torch.arange(10), [3, 4, 5])
    assert [piece.tolist() for piece in pieces] == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9]]
