"""The compiled vocoder computes what torch does, and each sample the same wherever work is divided."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.devices import Precision, computes_bfloat16_well
from comps.gptsovits.engine.packing import pack_decoder
from comps.gptsovits.engine.synthesis import vits_parts
from comps.gptsovits.engine.windows import WHOLE_WINDOW_SECONDS, WINDOW_SECONDS, sounded
from comps.gptsovits.networks.vits.decoder import VitsConfig, VitsDecoder
from comps.gptsovits.networks.vocoders.hifigan import HifiGan, HifiGanConfig
from comps.gptsovits.networks.vocoders.packed import PackedHifiGan
from tests.engine.small import DECODER_CONFIG, N_BINS, SAMPLE_RATE

N_FRAMES = 90
# Many channels and few, official kernels and dilations, widths that are padded, three vectors at once, and an
# odd number of inputs.
CONFIGS = {
    "narrow": DECODER_CONFIG.vocoder,
    "padded": HifiGanConfig(
        in_channels=21,
        initial_channels=96,
        upsample_rates=(4, 2),
        upsample_kernels=(8, 2),
        resblock_kernels=(3, 11),
        resblock_dilations=((1, 3, 5), (1, 3, 5)),
        has_output_bias=True,
    ),
    "wide": HifiGanConfig(
        in_channels=32,
        initial_channels=384,
        upsample_rates=(5, 2),
        upsample_kernels=(9, 4),
        resblock_kernels=(3, 7),
        resblock_dilations=((1, 3), (1, 2)),
        style_dim=8,
    ),
}
# Of the samples' norm: what rounding may cost.
ERRORS = {torch.float32: -100.0, torch.bfloat16: -30.0}


def vocoder_or_skip(network: HifiGan, dtype: torch.dtype) -> native.CompiledHifiGan:
    library = native.load_decoder_library()
    if library is None or not native.suits_hifigan(network, dtype, library):
        pytest.skip("there is no C++ compiler, or none that makes such code for this processor")
    return native.CompiledHifiGan(network, dtype, library)


def network(config: HifiGanConfig) -> HifiGan:
    torch.manual_seed(0)
    made = HifiGan(config).eval()
    for parameter in made.parameters():  # so that every part of it is heard
        parameter.data.mul_(1.4)
    return made


def inputs(config: HifiGanConfig, n_frames: int = N_FRAMES) -> tuple[Tensor, Tensor | None]:
    g = torch.Generator().manual_seed(1)
    frames = torch.randn(1, config.in_channels, n_frames, generator=g)
    return frames, torch.randn(1, config.style_dim, 1, generator=g) if config.style_dim else None


@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize("name", CONFIGS)
@torch.inference_mode()
def test_samples_are_those_of_the_network(name: str, dtype: torch.dtype) -> None:
    plain = network(CONFIGS[name])
    compiled = vocoder_or_skip(plain, dtype)
    for n_frames in (1, 7, N_FRAMES):
        x, style = inputs(plain.config, n_frames)
        expected, got = plain(x, style), compiled(x, style)
        assert got.shape == expected.shape
        assert decibels(got - expected, expected) < ERRORS[dtype]


@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize("name", CONFIGS)
@torch.inference_mode()
def test_windows_and_threads_change_no_bit(name: str, dtype: torch.dtype) -> None:
    compiled = vocoder_or_skip(network(CONFIGS[name]), dtype)
    x, style = inputs(compiled.config)
    hop, context = compiled.config.hop_length, compiled.config.context_frames
    whole = compiled(x, style)
    for n_threads, (start, stop) in ((1, (0, 20)), (2, (3, 50)), (3, (50, 51)), (5, (44, N_FRAMES))):
        compiled.n_threads = n_threads
        assert torch.equal(compiled(x, style), whole)
        left, right = min(start, context), min(N_FRAMES - stop, context)
        window = compiled(x[..., start - left : stop + right], style, context=(left, right))
        assert torch.equal(window, whole[:, start * hop : stop * hop])


@torch.inference_mode()
def test_speech_is_the_same_samples_in_windows_of_any_length() -> None:
    """So a reply whose sentences are spoken whole is the same, whether it is streamed or not."""
    dtype = torch.bfloat16 if computes_bfloat16_well() else torch.float32
    vocoder_or_skip(HifiGan(DECODER_CONFIG.vocoder), dtype)
    torch.manual_seed(0)
    decoder = VitsDecoder(DECODER_CONFIG).eval()
    decoder.quantizer.codebook.normal_()
    pack_decoder(decoder, Precision.AUTO, n_threads=2)
    tokens, phonemes = torch.randint(N_BINS, (1, 90)), torch.randint(700, (1, 12))
    style = torch.randn(1, DECODER_CONFIG.style_dim, 1)

    def spoken(window_seconds: tuple[float, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(5)
        parts = vits_parts(
            decoder,
            tokens,
            phonemes,
            style,
            generator,
            sample_rate=SAMPLE_RATE,
            window_seconds=window_seconds,
        )
        return torch.cat([part.samples for part in sounded(parts)])

    whole = spoken((60.0,))
    assert len(whole) == 90 * DECODER_CONFIG.samples_per_token
    assert torch.equal(spoken(WINDOW_SECONDS), whole)
    assert torch.equal(spoken(WHOLE_WINDOW_SECONDS), whole)


@torch.inference_mode()
def test_rows_of_a_batch_are_computed_each_for_itself() -> None:
    compiled = vocoder_or_skip(network(CONFIGS["narrow"]), torch.float32)
    x, style = inputs(compiled.config)
    batch, styles = torch.cat([x, x.flip(-1)]), torch.cat([style, -style]) if style is not None else None
    both = compiled(batch, styles)
    for i in range(2):
        own = styles[i : i + 1] if styles is not None else None
        assert torch.equal(both[i : i + 1], compiled(batch[i : i + 1], own))


@torch.inference_mode()
def test_residual_sums_in_float32_bring_half_precision_nearer() -> None:
    plain = network(CONFIGS["narrow"])
    compiled, stock = vocoder_or_skip(plain, torch.bfloat16), PackedHifiGan(plain, torch.bfloat16)
    x, style = inputs(plain.config)
    expected = plain(x, style)
    assert (compiled(x, style) - expected).norm() < 0.8 * (stock(x, style) - expected).norm()


def packed_vocoders(
    config: VitsConfig, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> list[type[object]]:
    """Of a decoder that is packed, of one that is to be without compiled code, and of one that finds none."""

    def packed(**options: bool) -> type[object]:
        decoder = VitsDecoder(config).eval()
        pack_decoder(decoder, precision, **options)
        return type(decoder.vocoder)

    kinds = [packed(), packed(compiled=False)]
    monkeypatch.setattr(native, "load_decoder_library", lambda: None)
    return [*kinds, packed()]


def test_a_decoder_is_packed_with_compiled_code_where_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    dtype = torch.bfloat16 if computes_bfloat16_well() else torch.float32
    vocoder_or_skip(HifiGan(DECODER_CONFIG.vocoder), dtype)
    kinds = packed_vocoders(DECODER_CONFIG, Precision.AUTO, monkeypatch)
    assert kinds == [native.CompiledHifiGan, PackedHifiGan, PackedHifiGan]


def test_what_it_holds_is_counted_as_weights_are() -> None:
    plain = network(CONFIGS["narrow"])
    held = vocoder_or_skip(plain, torch.float32).state_dict()
    assert sum(t.numel() for t in held.values()) >= sum(t.numel() for t in plain.parameters())


def test_networks_it_does_not_know_are_left_to_torch() -> None:
    library = native.load_decoder_library()
    if library is None:
        pytest.skip("there is no C++ compiler")
    odd = replace(DECODER_CONFIG.vocoder, upsample_kernels=(15, 8, 4, 4))
    assert not native.suits_hifigan(HifiGan(odd), torch.float32, library)
    assert not native.suits_hifigan(HifiGan(DECODER_CONFIG.vocoder), torch.float64, library)


def decibels(error: Tensor, signal: Tensor) -> float:
    return 10 * float(torch.log10(error.square().sum() / signal.square().sum()))
