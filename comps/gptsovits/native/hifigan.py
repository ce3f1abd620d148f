"""CompiledHifiGan: a HiFi-GAN in one compiled call for a window.

What a stage computes hardly leaves the processor's caches, and residual sums stay float32 where convolutions
compute in bfloat16: it is faster than what torch does, and closer to float32.
"""

import ctypes
from ctypes import POINTER, Structure, c_int32

import torch
from torch import Tensor, nn

from comps.gptsovits.native.decoders import DecoderLibrary
from comps.gptsovits.native.library import LANES
from comps.gptsovits.native.packing import round_up
from comps.gptsovits.native.taps import ConvView, Taps, same_length
from comps.gptsovits.networks.vocoders.hifigan import AnyHifiGan, HifiGan, ResBlock, Stage
from comps.gptsovits.networks.vocoders.margins import Margins


class PairView(Structure):
    _fields_ = (("dilated", ConvView), ("plain", ConvView))


class StageView(Structure):
    """`Stage` of hifigan.h."""

    _fields_ = (
        ("up", POINTER(ConvView)),
        ("pairs", POINTER(PairView)),
        ("rate", c_int32),
        ("padding", c_int32),
        ("channels", c_int32),
        ("n_blocks", c_int32),
        ("n_pairs", c_int32),
        ("n_rows", c_int32),
        ("n_skipped", c_int32),
        ("n_rows_out", c_int32),
        ("n_skipped_out", c_int32),
    )


class HifiGanView(Structure):
    """`HifiGan` of hifigan.h."""

    _fields_ = (
        ("conv_in", ConvView),
        ("conv_out", ConvView),
        ("stages", POINTER(StageView)),
        ("n_stages", c_int32),
        ("is_bfloat16", c_int32),
        ("n_channels", c_int32),
        ("in_channels", c_int32),
        ("n_frames", c_int32),
        ("n_rows_in", c_int32),
        ("n_skipped_in", c_int32),
        ("n_samples", c_int32),
        ("n_skipped_samples", c_int32),
    )


def suits_hifigan(vocoder: HifiGan, dtype: torch.dtype, library: DecoderLibrary) -> bool:
    """Whether the compiled code computes this network, in this type, on this processor."""
    config = vocoder.config
    pairs = zip(config.upsample_rates, config.upsample_kernels, strict=True)
    is_even = all(kernel >= rate and (kernel - rate) % 2 == 0 for rate, kernel in pairs)
    n_pairs = {len(dilations) for dilations in config.resblock_dilations}
    return is_even and len(n_pairs) == 1 and library.multiplies_in(dtype)


class CompiledStage(nn.Module):
    def __init__(self, stage: Stage, dtype: torch.dtype, widest: int) -> None:
        super().__init__()
        self.rate, padding = stage.up.stride[0], stage.up.padding[0]
        assert isinstance(padding, int)
        # A transposed convolution is a convolution for each phase of its output.
        by_output = stage.up.weight.detach().transpose(0, 1)  # [D, C, taps]
        phases = [by_output[..., phase :: self.rate].flip(-1) for phase in range(self.rate)]
        up = [Taps(phase, stage.up.bias, dtype, first=1 - phase.shape[-1], widest=widest) for phase in phases]
        pairs = [
            (same_length(dilated, dtype, widest), same_length(plain, dtype, widest))
            for block in stage.blocks
            if isinstance(block, ResBlock)
            for dilated, plain in zip(block.dilated, block.plain, strict=True)
        ]
        n_blocks = len(stage.blocks)
        self.taps = nn.ModuleList([*up, *(taps for pair in pairs for taps in pair)])
        self._up = (ConvView * len(up))(*(taps.view for taps in up))
        self._pairs = (PairView * len(pairs))(*(PairView(a.view, b.view) for a, b in pairs))
        self._sizes = self.rate, padding, round_up(len(by_output), LANES), n_blocks, len(pairs) // n_blocks

    def view(self, n_rows: int, n_skipped: int, n_rows_out: int, n_skipped_out: int) -> StageView:
        return StageView(self._up, self._pairs, *self._sizes, n_rows, n_skipped, n_rows_out, n_skipped_out)


class CompiledHifiGan(AnyHifiGan):
    """For inference only, on a CPU. A sample is the same bits in any window and on any number of threads."""

    def __init__(
        self, vocoder: HifiGan, dtype: torch.dtype, library: DecoderLibrary, *, n_threads: int | None = None
    ) -> None:
        """On `n_threads`; None: as many as torch has at the time."""
        super().__init__()
        self.config, self.dtype, self.condition = vocoder.config, dtype, vocoder.condition
        self.n_threads = n_threads
        self._library = library
        self._in = same_length(vocoder.conv_in, dtype, library.widest)
        self._stages = nn.ModuleList(
            CompiledStage(stage, dtype, library.widest)
            for stage in vocoder.stages
            if isinstance(stage, Stage)
        )
        self._out = _sixteen_at_once(vocoder.conv_out, dtype, library.widest)

    def forward(self, x: Tensor, style: Tensor | None = None, *, context: tuple[int, int] = (0, 0)) -> Tensor:
        styles = [None] * len(x) if style is None else style.expand(len(x), -1, -1).split(1)
        samples = [self._one(frames, own, Margins(*context)) for frames, own in zip(x, styles, strict=True)]
        return torch.tanh(torch.stack(samples))

    def _one(self, frames: Tensor, style: Tensor | None, margins: Margins) -> Tensor:
        """Frames `[Z, F]` and `style [1, G, 1]` to `[n]`."""
        frames = frames.float().contiguous()
        bias = self._in.bias
        if self.condition is not None and style is not None:
            bias = bias.clone()
            bias[: self.config.initial_channels] += self.condition(style)[0, :, 0]
        needed, n = self.config.margins, frames.shape[-1]
        n_in, skipped_in, margins = margins.cut(n, needed.embedded)
        n, views = n_in, []
        for stage, need in zip(self._stages, needed.stages, strict=True):
            assert isinstance(stage, CompiledStage)
            n_up, skipped, margins = margins.scaled(stage.rate).cut(n * stage.rate, need.upsampled)
            n, skipped_out, margins = margins.cut(n_up, need.out)
            views.append(stage.view(n_up, skipped, n, skipped_out))
        n_samples, skipped_samples, _ = margins.cut(n, 0)
        samples = torch.empty(round_up(n_samples, LANES))
        view = HifiGanView(
            self._in.view_with(bias),
            self._out.view,
            (StageView * len(views))(*views),
            len(views),
            self.dtype is torch.bfloat16,
            *frames.shape[:1],
            round_up(self.config.initial_channels, LANES),
            *frames.shape[1:],
            *(n_in, skipped_in, n_samples, skipped_samples),
        )
        n_threads = self.n_threads or torch.get_num_threads()
        self._library.hifigan(ctypes.byref(view), frames.data_ptr(), n_threads, samples.data_ptr())
        return samples[:n_samples]


def _sixteen_at_once(conv: nn.Conv1d, dtype: torch.dtype, widest: int) -> Taps:
    """A convolution to one channel, as one to sixteen that are sixteen samples after another."""
    _, n_in, n_taps = conv.weight.shape
    weight = torch.zeros(LANES, n_in, n_taps + LANES - 1)
    for i in range(LANES):
        weight[i, :, i : i + n_taps] = conv.weight.detach()[0]
    bias = None if conv.bias is None else conv.bias.detach().expand(LANES)
    assert isinstance(conv.padding, tuple)
    return Taps(weight, bias, dtype, first=-conv.padding[0], pace=LANES, widest=widest)
