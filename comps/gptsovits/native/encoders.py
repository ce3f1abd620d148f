"""The semantic prior's encoders in compiled code: rows of channels through a block after another."""

import ctypes
from ctypes import Structure, c_int32, c_int64, c_void_p

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.native.convs import compile_convs
from comps.gptsovits.native.decoders import DecoderLibrary
from comps.gptsovits.native.library import LANES, NormView
from comps.gptsovits.native.taps import ConvView, Taps, bias_of, norm_view
from comps.gptsovits.networks.layers.attention import Attention, RelativePositions
from comps.gptsovits.networks.layers.encoder import Encoder, EncoderBlock
from comps.gptsovits.networks.semantic.prior import SemanticPrior


class AttentionView(Structure):
    """`Attention` of encoder.h."""

    _fields_ = (
        ("queries", c_void_p),
        ("keys", c_void_p),
        ("values", c_void_p),
        ("n_queries", c_int64),
        ("n_keys", c_int64),
        ("query_stride", c_int64),
        ("key_stride", c_int64),
        ("n_heads", c_int32),
        ("dim", c_int32),
        ("window", c_int32),
        ("near_keys", c_void_p),
        ("near_values", c_void_p),
    )


class EncoderBlockView(Structure):
    """`EncoderBlock` of encoder.h."""

    _fields_ = (
        ("qkv", ConvView),
        ("mix", ConvView),
        ("expand", ConvView),
        ("contract", ConvView),
        ("norm1", NormView),
        ("norm2", NormView),
        ("near_keys", c_void_p),
        ("near_values", c_void_p),
        ("channels", c_int32),
        ("hidden", c_int32),
        ("n_heads", c_int32),
        ("window", c_int32),
    )


def compile_prior(
    prior: SemanticPrior, dtype: torch.dtype, library: DecoderLibrary, *, n_threads: int | None = None
) -> None:
    """Replaces a prior's encoders, its attention to text and its other convolutions, in place.

    What fills no whole vectors stays as it is, but for its convolutions.
    """
    for name in ("content_encoder", "text_encoder", "joint_encoder"):
        encoder = getattr(prior, name)
        if _suits(encoder):
            prior.register_module(name, CompiledEncoder(encoder, dtype, library, n_threads=n_threads))
    attention = prior.mrte.attention
    if attention.query.out_channels // attention.n_heads % LANES == 0:
        prior.mrte.register_module("attention", CompiledAttention(attention, library, n_threads=n_threads))
    compile_convs(prior, dtype, library, n_threads=n_threads)


def _suits(encoder: Encoder) -> bool:
    """Whether its heads fill whole vectors, and what they know of neighbours no more than one."""
    return all(
        isinstance(block, EncoderBlock)
        and block.norm1.normalized_shape[0] // block.attention.n_heads % LANES == 0
        and block.attention.relative is not None
        and 2 * block.attention.relative.window < LANES
        for block in encoder.blocks
    )


class CompiledEncoder(nn.Module):
    """An `Encoder` for inference on a CPU. A row's length is its mask's; it must begin with what is kept."""

    def __init__(
        self, encoder: Encoder, dtype: torch.dtype, library: DecoderLibrary, *, n_threads: int | None = None
    ) -> None:
        super().__init__()
        self.n_threads = n_threads
        self._library, self._is_bfloat16 = library, dtype is torch.bfloat16
        self._blocks = nn.ModuleList()
        views = []
        for block in encoder.blocks:
            assert isinstance(block, EncoderBlock)
            compiled = _Block(block, dtype, library.widest)
            self._blocks.append(compiled)
            views.append(compiled.view())
        self._views = (EncoderBlockView * len(views))(*views)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        rows = x.transpose(1, 2).float().clone(memory_format=torch.contiguous_format)  # [B, T, C]
        n_threads = self.n_threads or torch.get_num_threads()
        for row, length in zip(rows, _lengths(rows, mask), strict=True):
            n_blocks = len(self._views)
            self._library.encoder(
                ctypes.byref(self._views), n_blocks, self._is_bfloat16, row.data_ptr(), length, n_threads
            )
            row[length:] = 0.0
        return rows.transpose(1, 2)


class _Block(nn.Module):
    """Packed weights of an encoder's block."""

    def __init__(self, block: EncoderBlock, dtype: torch.dtype, widest: int) -> None:
        super().__init__()
        attention, feed_forward = block.attention, block.feed_forward
        parts = attention.query, attention.key, attention.value
        weight, bias = (
            torch.cat([part.weight for part in parts]),
            torch.cat([bias_of(part) for part in parts]),
        )
        self.qkv = Taps(weight, bias, dtype, first=0, widest=widest)
        self.mix = Taps(attention.out.weight, attention.out.bias, dtype, first=0, widest=widest)
        self.expand, self.contract = (
            Taps(conv.weight, conv.bias, dtype, first=-feed_forward.pads[0], widest=widest)
            for conv in (feed_forward.expand, feed_forward.contract)
        )
        self.norm1, self.norm2 = block.norm1, block.norm2
        assert attention.relative is not None
        self.near = _Near(attention.relative)
        self._sizes = len(bias) // 3, self.expand.n_out, attention.n_heads, attention.relative.window

    def view(self) -> EncoderBlockView:
        """Valid while this lives."""
        convs = (self.qkv, self.mix, self.expand, self.contract)
        norms = norm_view(self.norm1), norm_view(self.norm2)
        near = self.near.keys.data_ptr(), self.near.values.data_ptr()
        return EncoderBlockView(*(conv.view for conv in convs), *norms, *near, *self._sizes)


class _Near(nn.Module):
    """Keys `[D, 16]` and values `[2w + 1, D]` of the offsets."""

    keys: Tensor
    values: Tensor

    def __init__(self, relative: RelativePositions) -> None:
        super().__init__()
        keys = relative.keys[0].detach().float().T
        self.register_buffer("keys", F.pad(keys, (0, LANES - keys.shape[1])).contiguous())
        self.register_buffer("values", relative.values[0].detach().float().contiguous())


class CompiledAttention(nn.Module):
    """`Attention` without relative positions, `[B, C, T]` to `[B, C, U]`, for inference on a CPU."""

    def __init__(
        self, attention: Attention, library: DecoderLibrary, *, n_threads: int | None = None
    ) -> None:
        super().__init__()
        assert attention.relative is None
        self.n_heads, self.n_threads, self._library = attention.n_heads, n_threads, library
        self.query, self.key, self.value = attention.query, attention.key, attention.value
        self.out = attention.out

    def forward(self, x: Tensor, context: Tensor, context_mask: Tensor | None = None) -> Tensor:
        """`context_mask [B, U]` is True where the context holds data, at its beginning."""
        query, key, value = (
            rows.transpose(1, 2).contiguous()
            for rows in (self.query(x), self.key(context), self.value(context))
        )
        channels = key.shape[-1]
        found = torch.empty_like(query)
        n_threads = self.n_threads or torch.get_num_threads()
        for i, length in enumerate(_lengths(key, context_mask)):
            view = AttentionView(
                *(part[i].data_ptr() for part in (query, key, value)),
                *(query.shape[1], length, channels, channels),
                *(self.n_heads, channels // self.n_heads, 0, None, None),
            )
            self._library.attention(ctypes.byref(view), n_threads, found[i].data_ptr())
        return self.out(found.transpose(1, 2))


def _lengths(rows: Tensor, mask: Tensor | None) -> list[int]:
    """How many of the rows `[B, T, C]` hold data, by a mask `[B, T]` that is True at the beginning."""
    return [rows.shape[1]] * len(rows) if mask is None else mask.sum(-1).tolist()
