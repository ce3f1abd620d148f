"""CompiledVocos: a Vocos in one compiled call for a window, its inverse transform as one convolution."""

import ctypes
import math
from ctypes import POINTER, Structure, c_float, c_int32, c_void_p

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.native.decoders import DecoderLibrary
from comps.gptsovits.native.library import LANES, NormView
from comps.gptsovits.native.packing import round_up
from comps.gptsovits.native.taps import ConvView, Taps, norm_view, same_length
from comps.gptsovits.networks.vocoders.margins import Margins
from comps.gptsovits.networks.vocoders.vocos import (
    MAX_LOG_MAGNITUDE,
    AnyVocos,
    ConvNeXtBlock,
    Vocos,
    VocosConfig,
)


class BlockView(Structure):
    """`Block` of vocos.h."""

    _fields_ = (
        ("depthwise", c_void_p),
        ("bias", c_void_p),
        ("norm", NormView),
        ("widen", ConvView),
        ("narrow", ConvView),
        ("channels", c_int32),
        ("n_taps", c_int32),
    )


class VocosView(Structure):
    """`Vocos` of vocos.h."""

    _fields_ = (
        ("conv_in", ConvView),
        ("frame_blocks", POINTER(BlockView)),
        ("frame_norm", NormView),
        ("up", ConvView),
        ("window_blocks", POINTER(BlockView)),
        ("window_norm", NormView),
        ("spectrum", ConvView),
        ("inverse", ConvView),
        ("shares", c_void_p),
        ("n_frame_blocks", c_int32),
        ("n_window_blocks", c_int32),
        ("is_bfloat16", c_int32),
        ("n_channels", c_int32),
        ("rate", c_int32),
        ("hop", c_int32),
        ("n_bins", c_int32),
        ("n_frames", c_int32),
        ("n_rows", c_int32),
        ("n_skipped", c_int32),
        ("n_samples", c_int32),
        ("n_skipped_samples", c_int32),
        ("most", c_float),
    )


def suits_vocos(vocoder: Vocos, dtype: torch.dtype, library: DecoderLibrary) -> bool:
    """Whether the compiled code computes this network, in this type, on this processor."""
    config = vocoder.config
    whole_vectors = config.channels % LANES == config.window_channels % LANES == 0
    return whole_vectors and library.multiplies_in(dtype)


class _Part(nn.Module):
    depthwise: Tensor
    bias: Tensor

    def __init__(self, block: ConvNeXtBlock, dtype: torch.dtype, widest: int) -> None:
        super().__init__()
        assert block.depthwise.bias is not None
        scale = block.scale.detach()
        for name, value in (
            ("depthwise", block.depthwise.weight[:, 0].T),  # [taps, C]
            ("bias", block.depthwise.bias),
        ):
            self.register_buffer(name, value.detach().float().contiguous())
        self.norm = block.norm
        self.widen = _linear(block.widen.weight, block.widen.bias, dtype, widest)
        self.narrow = _linear(block.narrow.weight * scale[:, None], block.narrow.bias * scale, dtype, widest)

    def view(self) -> BlockView:
        """Valid while this lives."""
        n_taps, channels = self.depthwise.shape
        own = self.depthwise.data_ptr(), self.bias.data_ptr(), norm_view(self.norm)
        return BlockView(*own, self.widen.view, self.narrow.view, channels, n_taps)


def _linear(weight: Tensor, bias: Tensor, dtype: torch.dtype, widest: int) -> Taps:
    return Taps(weight.detach()[..., None], bias.detach(), dtype, first=0, widest=widest)


class CompiledVocos(AnyVocos):
    """For inference only, on a CPU. A sample is the same bits in any window and on any number of threads."""

    _shares: Tensor

    def __init__(
        self, vocoder: Vocos, dtype: torch.dtype, library: DecoderLibrary, *, n_threads: int | None = None
    ) -> None:
        """On `n_threads`; None: as many as torch has at the time."""
        super().__init__()
        self.config, self.dtype, self.n_threads = vocoder.config, dtype, n_threads
        self._library = library
        config, widest = vocoder.config, library.widest
        self._in = same_length(vocoder.conv_in, dtype, widest)
        self._frame_parts, self._window_parts = (
            nn.ModuleList(_Part(block, dtype, widest) for block in blocks if isinstance(block, ConvNeXtBlock))
            for blocks in (vocoder.frame_blocks, vocoder.window_blocks)
        )
        self._frame_blocks, self._window_blocks = (
            (BlockView * len(parts))(*(part.view() for part in parts))  # type: ignore[operator]
            for parts in (self._frame_parts, self._window_parts)
        )
        self.frame_norm, self.window_norm = vocoder.frame_norm, vocoder.window_norm
        self._up = _linear(vocoder.up.weight, vocoder.up.bias, dtype, widest)
        n_bins, padded = config.n_fft // 2 + 1, self._padded_bins
        weight, bias = (
            _spread(parameter.detach(), n_bins, padded)
            for parameter in (vocoder.spectrum.weight, vocoder.spectrum.bias)
        )
        self._spectrum = _linear(weight, bias, dtype, widest)
        inverse = _inverse_transform(config, vocoder.window)
        weight = _spread(inverse.transpose(0, 1), n_bins, padded).transpose(0, 1)
        self._inverse = Taps(weight, None, torch.float32, first=-(inverse.shape[-1] // 2), widest=widest)
        shares = _beside(vocoder.window.double().square()[None], config)[0].float()  # [taps, hop]
        self.register_buffer(
            "_shares", F.pad(shares, (0, -config.window_hop % LANES)).contiguous(), persistent=False
        )

    @property
    def _padded_bins(self) -> int:
        return round_up(self.config.n_fft // 2 + 1, LANES)

    def forward(self, x: Tensor, style: Tensor | None = None, *, context: tuple[int, int] = (0, 0)) -> Tensor:
        return torch.stack([self._one(frames, Margins(*context)) for frames in x])

    def _one(self, frames: Tensor, margins: Margins) -> Tensor:
        """Frames `[Z, F]` to `[n]`."""
        config = self.config
        frames = frames.float().contiguous()
        n_rows, n_skipped, margins = margins.cut(
            frames.shape[-1], math.ceil(config.window_context / config.rate)
        )
        n_samples, n_skipped_samples, _ = margins.scaled(config.hop_length).cut(n_rows * config.hop_length, 0)
        samples = torch.empty(n_samples)
        view = VocosView(
            self._in.view,
            self._frame_blocks,
            norm_view(self.frame_norm),
            self._up.view,
            self._window_blocks,
            norm_view(self.window_norm),
            self._spectrum.view,
            self._inverse.view,
            self._shares.data_ptr(),
            *(len(self._frame_blocks), len(self._window_blocks), self.dtype is torch.bfloat16),
            *(len(frames), config.rate, config.window_hop, self._padded_bins, frames.shape[-1]),
            *(n_rows, n_skipped, n_samples, n_skipped_samples),
            MAX_LOG_MAGNITUDE,
        )
        n_threads = self.n_threads or torch.get_num_threads()
        self._library.vocos(ctypes.byref(view), frames.data_ptr(), n_threads, samples.data_ptr())
        return samples


def _spread(x: Tensor, n: int, padded: int) -> Tensor:
    """The first and the second n of `x [2n, ...]`, each with zeros to `padded`."""
    zeros = x.new_zeros(padded - n, *x.shape[1:])
    return torch.cat([x[:n], zeros, x[n:], zeros])


def _inverse_transform(config: VocosConfig, window: Tensor) -> Tensor:
    """Weights `[hop, 2 · bins, taps]` of a convolution from real parts, then imaginary parts, to the hop of
    samples in the middle of each window, with what the windows around add to it."""
    unit = torch.eye(config.n_fft // 2 + 1, dtype=torch.float64)
    parts = [torch.fft.irfft(unit * factor, n=config.n_fft) for factor in (1.0, 1j)]
    return _beside(torch.cat(parts) * window.double(), config).permute(2, 0, 1).float().contiguous()


def _beside(waves: Tensor, config: VocosConfig) -> Tensor:
    """Of waves as long as a window, `[B, n_fft]`, what each gives to the hops around, `[B, taps, hop]`.

    Tap i is of the window `i - reach` later than the one in whose middle they are heard.
    """
    n_fft, hop = config.n_fft, config.window_hop
    reach = math.ceil((n_fft - hop) / 2 / hop)
    silent = reach * hop - (n_fft - hop) // 2  # samples that no window reaches
    return F.pad(waves, (silent, silent)).unflatten(-1, (-1, hop)).flip(1)
