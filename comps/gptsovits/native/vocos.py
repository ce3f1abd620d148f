"""CompiledVocos: a Vocos with its blocks in compiled code, and its inverse transform as one convolution."""

import ctypes
import math
from ctypes import Structure, c_int32, c_void_p

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.native.convs import CompiledConv1d
from comps.gptsovits.native.library import LANES
from comps.gptsovits.native.taps import ConvView, Taps
from comps.gptsovits.native.vocoder import VocoderLibrary
from comps.gptsovits.networks.vocoders.margins import Margins
from comps.gptsovits.networks.vocoders.vocos import (
    MAX_LOG_MAGNITUDE,
    AnyVocos,
    ConvNeXtBlock,
    Vocos,
    VocosConfig,
)


class BlockView(Structure):
    """`Block` of blocks.h."""

    _fields_ = (
        ("depthwise", c_void_p),
        ("bias", c_void_p),
        ("norm_weight", c_void_p),
        ("norm_bias", c_void_p),
        ("widen", ConvView),
        ("narrow", ConvView),
        ("channels", c_int32),
        ("n_taps", c_int32),
    )


def suits_vocos(vocoder: Vocos, dtype: torch.dtype, library: VocoderLibrary) -> bool:
    """Whether the compiled code computes this network, in this type, on this processor."""
    if dtype is torch.bfloat16 and not (library.has_bfloat16 and torch.cpu._is_avx512_bf16_supported()):
        return False
    config = vocoder.config
    whole_vectors = config.channels % LANES == config.window_channels % LANES == 0
    return whole_vectors and dtype in (torch.float32, torch.bfloat16)


class CompiledBlocks(nn.Module):
    """Rows `[n, C]` through blocks in a row."""

    def __init__(self, blocks: nn.Sequential, dtype: torch.dtype, library: VocoderLibrary) -> None:
        super().__init__()
        self._library, self._is_bfloat16 = library, dtype is torch.bfloat16
        self._parts = nn.ModuleList()
        views = []
        for block in blocks:
            assert isinstance(block, ConvNeXtBlock)
            part = _Part(block, dtype, library.widest)
            self._parts.append(part)
            views.append(part.view())
        self._views = (BlockView * len(views))(*views)

    def forward(self, x: Tensor, n_threads: int) -> Tensor:
        x = x.float().clone(memory_format=torch.contiguous_format)
        self._library.run_blocks(
            ctypes.byref(self._views), len(self._views), self._is_bfloat16, x.data_ptr(), len(x), n_threads
        )
        return x


class _Part(nn.Module):
    depthwise: Tensor
    bias: Tensor
    norm_weight: Tensor
    norm_bias: Tensor

    def __init__(self, block: ConvNeXtBlock, dtype: torch.dtype, widest: int) -> None:
        super().__init__()
        assert block.depthwise.bias is not None
        scale = block.scale.detach()
        for name, value in (
            ("depthwise", block.depthwise.weight[:, 0].T),  # [taps, C]
            ("bias", block.depthwise.bias),
            ("norm_weight", block.norm.weight),
            ("norm_bias", block.norm.bias),
        ):
            self.register_buffer(name, value.detach().float().contiguous())
        self.widen = _linear(block.widen.weight, block.widen.bias, dtype, widest)
        self.narrow = _linear(block.narrow.weight * scale[:, None], block.narrow.bias * scale, dtype, widest)

    def view(self) -> BlockView:
        """Valid while this lives."""
        n_taps, channels = self.depthwise.shape
        own = (self.depthwise, self.bias, self.norm_weight, self.norm_bias)
        return BlockView(*(t.data_ptr() for t in own), self.widen.view, self.narrow.view, channels, n_taps)


def _linear(weight: Tensor, bias: Tensor, dtype: torch.dtype, widest: int) -> Taps:
    return Taps(weight.detach()[..., None], bias.detach(), dtype, first=0, widest=widest)


class CompiledVocos(AnyVocos):
    """For inference only, on a CPU. A sample is the same bits in any window and on any number of threads."""

    _share: Tensor

    def __init__(
        self, vocoder: Vocos, dtype: torch.dtype, library: VocoderLibrary, *, n_threads: int | None = None
    ) -> None:
        """On `n_threads`; None: as many as torch has at the time."""
        super().__init__()
        self.config, self.dtype, self.n_threads = vocoder.config, dtype, n_threads
        self.frame_norm, self.window_norm = vocoder.frame_norm, vocoder.window_norm
        self._frame_blocks = CompiledBlocks(vocoder.frame_blocks, dtype, library)
        self._window_blocks = CompiledBlocks(vocoder.window_blocks, dtype, library)
        layers = {
            "conv_in": (vocoder.conv_in, dtype),
            "up": (_as_conv(vocoder.up), dtype),
            "spectrum": (_as_conv(vocoder.spectrum), dtype),
            "inverse": (_inverse_transform(vocoder.config, vocoder.window), torch.float32),
        }
        self._layers = nn.ModuleDict(
            {
                name: CompiledConv1d(conv, own, library, n_threads=n_threads)
                for name, (conv, own) in layers.items()
            }
        )
        self.register_buffer("_share", vocoder.window.float().square(), persistent=False)

    def forward(self, x: Tensor, style: Tensor | None = None, *, context: tuple[int, int] = (0, 0)) -> Tensor:
        return torch.stack([self._one(frames, Margins(*context)) for frames in x])

    def _one(self, frames: Tensor, margins: Margins) -> Tensor:
        """Frames `[Z, F]` to `[n]`."""
        config, n_threads = self.config, self.n_threads or torch.get_num_threads()
        rows = self._frame_blocks(self._layers["conv_in"](frames[None])[0].T, n_threads)  # [F, C]
        n, skipped, margins = margins.cut(len(rows), math.ceil(config.window_context / config.rate))
        rows = self._layers["up"](self.frame_norm(rows[skipped : skipped + n]).T[None])[0].T
        rows = rows.reshape(n * config.rate, config.window_channels)
        rows = self.window_norm(self._window_blocks(rows, n_threads))
        log_magnitude, phase = self._layers["spectrum"](rows.T[None])[0].chunk(2)  # [bins, W] of each
        magnitude = log_magnitude.clamp(max=MAX_LOG_MAGNITUDE).exp()
        bins = torch.cat([magnitude * phase.cos(), magnitude * phase.sin()])
        samples = self._layers["inverse"](bins[None])[0].T.flatten() / self._shares(n * config.rate)
        n_kept, skipped, _ = margins.scaled(config.hop_length).cut(len(samples), 0)
        return samples[skipped : skipped + n_kept].clamp(-1.0, 1.0)

    def _shares(self, n: int) -> Tensor:
        """What the windows add up to at each sample of n of them."""
        n_fft, hop = self.config.n_fft, self.config.window_hop
        length, edge = (n - 1) * hop + n_fft, (n_fft - hop) // 2
        parts = self._share[None, :, None].expand(1, n_fft, n)
        return F.fold(parts, (1, length), (1, n_fft), stride=(1, hop))[0, 0, 0, edge : length - edge].clamp(
            min=1e-3
        )


def _as_conv(linear: nn.Linear) -> nn.Conv1d:
    conv = nn.Conv1d(linear.in_features, linear.out_features, 1)
    conv.weight.data, conv.bias = linear.weight.detach()[..., None], linear.bias
    return conv


def _inverse_transform(config: VocosConfig, window: Tensor) -> nn.Conv1d:
    """Real parts, then imaginary parts, `[B, n_fft + 2, W]` -> the hop of samples in the middle of each
    window, with what the windows around add to it, `[B, hop, W]`."""
    n_fft, hop = config.n_fft, config.window_hop
    n_bins = n_fft // 2 + 1
    unit = torch.eye(n_bins, dtype=torch.float64)
    parts = [torch.fft.irfft(unit * factor, n=n_fft) for factor in (1.0, 1j)]
    waves = torch.cat(parts) * window.double()  # [2 · bins, n_fft]
    reach = math.ceil((n_fft - hop) / 2 / hop)
    beside = reach * hop - (n_fft - hop) // 2  # samples that no window reaches
    padded = F.pad(waves, (beside, beside)).unflatten(-1, (-1, hop))  # [2 · bins, taps, hop]
    conv = nn.Conv1d(2 * n_bins, hop, 2 * reach + 1, padding=reach, bias=False)
    # Tap i is of the window i - reach later, of which these samples are so much earlier a part.
    conv.weight.data = padded.flip(1).permute(2, 0, 1).float().contiguous()
    return conv
