"""Audio in slices equals audio in one piece."""

import pytest
import torch

from comps.gptsovits.engine.synthesis import Edges, FrameNoise, vits_parts
from comps.gptsovits.engine.windows import WINDOW_SECONDS, Slice, sounded, windows
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from tests.engine.small import DECODER_CONFIG, N_BINS, SAMPLE_RATE


@pytest.fixture(scope="module")
def decoder() -> VitsDecoder:
    torch.manual_seed(0)
    made = VitsDecoder(DECODER_CONFIG).eval()
    made.quantizer.codebook.normal_()
    return made


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.mark.parametrize("n_tokens", [1, 11, 26, 90])
@pytest.mark.parametrize("speed", [1.0, 1.3])
@torch.inference_mode()
def test_slices_join_to_the_whole(decoder: VitsDecoder, n_tokens: int, speed: float) -> None:
    g = torch.Generator().manual_seed(1)
    tokens = torch.randint(N_BINS, (1, n_tokens), generator=g)
    phonemes = torch.randint(700, (1, 12), generator=g)
    style = torch.randn(1, DECODER_CONFIG.style_dim, 1, generator=g)
    _, n_channels, n_frames = decoder.noise_shape(n_tokens, speed)
    noise = FrameNoise(generator(), n_channels).first(n_frames)
    whole = decoder.decode(tokens, phonemes, style, noise, speed=speed)[0]
    made = vits_parts(
        decoder,
        tokens,
        phonemes,
        style,
        generator(),
        sample_rate=SAMPLE_RATE,
        speed=speed,
        window_seconds=WINDOW_SECONDS,
    )
    parts = list(sounded(made))
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert len(parts[0].samples) <= SAMPLE_RATE // 2
    joined = torch.cat([part.samples for part in parts])
    torch.testing.assert_close(joined, whole, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("n_channels", [16, 100])
def test_the_noise_of_the_first_frames_does_not_depend_on_how_many_follow(n_channels: int) -> None:
    few, many = FrameNoise(generator(), n_channels), FrameNoise(generator(), n_channels)
    assert many.first(0).shape == (1, n_channels, 0)
    assert torch.equal(few.first(3), many.first(200)[..., :3])
    assert torch.equal(few.first(77), many.first(77))


@torch.inference_mode()
def test_frames_that_come_in_pieces_give_the_same_samples(decoder: VitsDecoder) -> None:
    config = DECODER_CONFIG.vocoder
    frames = torch.randn(1, config.in_channels, 333, generator=generator())
    style = torch.zeros(1, DECODER_CONFIG.style_dim, 1)
    whole = decoder.vocoder(frames, style)[0]
    pieces = frames.split(71, dim=-1)
    parts = windows(pieces, decoder.vocoder, style, sample_rate=SAMPLE_RATE, window_seconds=(0.2, 0.4))
    joined = torch.cat([part.samples for part in sounded(parts)])
    torch.testing.assert_close(joined, whole, rtol=1e-3, atol=2e-5)


def test_edges_keep_within_full_scale_and_begin_and_end_in_silence() -> None:
    edges = Edges(SAMPLE_RATE)
    loud = torch.sin(torch.arange(4_000) * 0.3) * 1.7
    parts = [edges(Slice(loud[:2_000] * 0.4, False)), edges(Slice(loud[2_000:], True))]
    joined = torch.cat(parts)
    assert joined.abs().max() <= 1.0
    assert joined[0] == 0.0
    assert joined[-1] == 0.0
    assert len(joined) == len(loud)
    # The first part was not too loud and is as it was, but for the fade at its beginning.
    torch.testing.assert_close(parts[0][100:], loud[100:2_000] * 0.4)


def test_edges_leave_the_middle_of_a_segment_alone() -> None:
    edges = Edges(SAMPLE_RATE)
    part = torch.linspace(-0.5, 0.5, 1_000)
    edges(Slice(part, False))
    assert torch.equal(edges(Slice(part, False)), part)
