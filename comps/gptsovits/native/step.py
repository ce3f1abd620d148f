"""The compiled step: a T2S and its cache, in the forms that step.cpp reads."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from comps.gptsovits.native.cache import PackedCache
from comps.gptsovits.native.library import (
    LANES,
    BlockView,
    Kind,
    Library,
    NetworkView,
    NormView,
    TurnView,
)
from comps.gptsovits.native.linear import PackedLinear, by_head
from comps.gptsovits.native.packing import Packed, fits_half, together
from comps.gptsovits.networks.t2s import T2S

LAYERS = ("qkv", "out", "expand", "contract")


def suits(t2s: T2S) -> bool:
    """Whether the compiled step can compute a network: vectors divide its sizes, its layers are as loaded."""
    config = t2s.config
    layers = [getattr(block, name) for block in t2s.blocks for name in LAYERS] + [t2s.head]
    return (
        config.dim % config.n_heads == 0
        and not any(size % LANES for size in (config.head_dim, config.dim, config.ffn_dim))
        and all(isinstance(layer, nn.Linear | PackedLinear) for layer in layers)
    )


def pack(t2s: T2S, kind: Kind, library: Library) -> None:
    """Packs the linear layers of a loaded T2S on a CPU, in place: its state dict no longer holds them.

    Where a layer's weights are numbers of float16, as official checkpoints store them, half the bytes are
    as exact as float32: every product and every sum is the same. They take the place of bfloat16 too.
    The head is never stored in less: it is small, and its errors go straight to the logits.
    Layers that are packed already stay so, unless exactly, for of those any other kind can be made.
    """
    holders = [(block, name) for block in t2s.blocks for name in LAYERS] + [(t2s, "head")]
    kinds = [Kind.BFLOAT16 if name == "head" and kind is Kind.INT8 else kind for _, name in holders]
    if all(_is_packed_as(getattr(*place), own) for place, own in zip(holders, kinds, strict=True)):
        return
    layers = []
    for (holder, name), own in zip(holders, kinds, strict=True):
        layers.append(_packed(getattr(holder, name), own, n_heads=_heads(t2s, name)))
        setattr(holder, name, nn.Identity())  # one after another: the memory of what is packed is free again
    for (holder, name), layer in zip(holders, together(layers), strict=True):
        setattr(holder, name, PackedLinear(layer, library, n_heads=_heads(t2s, name)))


def _heads(t2s: T2S, name: str) -> int | None:
    return t2s.config.n_heads if name == "qkv" else None


def _is_packed_as(layer: nn.Module, kind: Kind) -> bool:
    if not isinstance(layer, PackedLinear):
        return False
    is_exact = layer.packed.kind in (Kind.FLOAT32, Kind.FLOAT16)
    return not is_exact or layer.packed.kind is _narrowed(layer.packed, kind)


def stored_kind(weight: Tensor, kind: Kind) -> Kind:
    """What a layer is stored as that is to be packed as `kind`."""
    return Kind.FLOAT16 if kind is not Kind.INT8 and fits_half(weight) else kind


def _narrowed(old: Packed, kind: Kind) -> Kind:
    return Kind.FLOAT16 if kind is not Kind.INT8 and old.kind is Kind.FLOAT16 else kind


def _packed(layer: nn.Module, kind: Kind, *, n_heads: int | None) -> Packed:
    if isinstance(layer, PackedLinear):
        old = layer.packed
        kind = _narrowed(old, kind)
        bias = None if old.bias is None else old.bias[: old.n_out]
        return Packed.of(old.unpacked(), bias, kind, width=old.width)
    assert isinstance(layer, nn.Linear)
    kind = stored_kind(layer.weight, kind)
    if n_heads is None:
        return Packed.of(layer.weight, layer.bias, kind)
    # A head's queries, keys and values are computed together: whole blocks of them.
    vectors = 3 * layer.in_features // n_heads // LANES
    rows = by_head(layer.weight, n_heads), by_head(layer.bias, n_heads)
    return Packed.of(*rows, kind, width=6 if vectors % 6 == 0 else 3)


class CompiledStep:
    """`step` as `T2S.step`, over a network that is packed and a cache of its own."""

    def __init__(self, t2s: T2S, cache: PackedCache, library: Library, *, n_threads: int = 1) -> None:
        config = t2s.config
        self._cache, self._library, self.n_threads = cache, library, n_threads
        self._n_logits = config.vocab_size
        self._t2s = t2s  # what the views point to has to stay, like this list
        self._kept = [t2s.token_embedding.weight.detach().float().contiguous()]
        self._kept.append(t2s.token_positions.first(cache.capacity).detach().float().contiguous())
        self._blocks = (BlockView * config.n_layers)(*(self._block_view(block) for block in t2s.blocks))
        self._head = _packed_of(t2s.head)
        self._network = NetworkView(
            self._blocks,
            self._head.view,
            *(tensor.data_ptr() for tensor in self._kept[:2]),
            cache.keys.data_ptr(),
            cache.values.data_ptr(),
            cache.n_rows,
            cache.capacity,
            config.n_layers,
            config.dim,
            config.n_heads,
            config.ffn_dim,
            cache.kind,
        )

    def __call__(self, tokens: Sequence[int], rows: Sequence[int]) -> Tensor:
        """Appends one token to each of the rows; the next tokens' logits `[B, V]`.

        Raises `IndexError` where a row is full: the compiled code does not look.
        """
        cache = self._cache
        if any(cache.lengths_of[row] >= cache.capacity for row in rows):
            raise IndexError(f"a row of the cache has its {cache.capacity} positions already")
        turns = (TurnView * len(rows))(
            *(
                TurnView(token, row, cache.lengths_of[row], cache.lengths_of[row] - cache.phonemes_of[row])
                for token, row in zip(tokens, rows, strict=True)
            )
        )
        logits = torch.empty(len(rows), self._head.padded_out)
        self._library.step(self._network, turns, len(rows), self.n_threads, logits.data_ptr())
        for row in rows:
            cache.lengths_of[row] += 1
        return logits[:, : self._n_logits]

    def _block_view(self, block: nn.Module) -> BlockView:
        layers = (_packed_of(getattr(block, name)).view for name in LAYERS)
        return BlockView(*layers, self._norm_view(block.norm1), self._norm_view(block.norm2))

    def _norm_view(self, norm: nn.Module | Tensor) -> NormView:
        assert isinstance(norm, nn.LayerNorm)
        kept = [part.detach().float().contiguous() for part in (norm.weight, norm.bias)]
        self._kept += kept
        return NormView(*(part.data_ptr() for part in kept))


def _packed_of(layer: nn.Module) -> Packed:
    assert isinstance(layer, PackedLinear)
    return layer.packed
