"""Stepping: a network laid out in a form, its cache, and what computes a step of some rows."""

from collections.abc import Sequence

import torch
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.engine.forms import Form
from comps.gptsovits.engine.linears import make_row_stable
from comps.gptsovits.networks.t2s import T2S, KVCache, RowwiseCache


class TorchStep:
    """`step` as `T2S.step`, for tokens and rows as Python has them."""

    def __init__(self, t2s: T2S, cache: KVCache) -> None:
        self._t2s, self._cache = t2s, cache

    def __call__(self, tokens: Sequence[int], rows: Sequence[int]) -> Tensor:
        """Appends one token to each of the rows; the next tokens' logits `[B, V]`."""
        device = self._cache.keys.device
        return self._t2s.step(
            torch.tensor(tokens, device=device), self._cache, torch.tensor(rows, device=device)
        )


Step = TorchStep | native.CompiledStep


def lay_out(t2s: T2S, form: Form, library: native.Library | None) -> None:
    """Lays out the weights of a loaded T2S on a CPU, in place: its state dict no longer holds them.

    One that was packed before stays so without a library, and torch calls its layers.
    """
    if form.layout is not None:
        make_row_stable(t2s, form.layout)
    elif library is not None and form.kind is not None:
        native.pack(t2s, form.kind, library)


def stepping(
    t2s: T2S, form: Form, library: native.Library | None, *, n_rows: int, capacity: int
) -> tuple[KVCache | native.PackedCache, Step]:
    """An empty cache for a network that is laid out, and what computes steps of its rows."""
    if form.kind is None or library is None:
        dtype = t2s.phoneme_embedding.weight.dtype
        cache = RowwiseCache(t2s.config, n_rows, capacity, dtype=dtype)
        return cache, TorchStep(t2s, cache)
    packed = native.PackedCache(t2s.config, n_rows, capacity, kind=form.kind)
    return packed, native.CompiledStep(t2s, packed, library)
