"""Runner: builds tensors and calls the network. No policy, no sampling."""

import logging
from collections.abc import Generator
from collections.abc import Sequence as Row

import torch
from torch import Tensor

from comps.cores.errors import TextTooLong
from comps.gptsovits import native
from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.linears import make_row_stable
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.networks.t2s import T2S, KVCache, RowwiseCache

logger = logging.getLogger(__name__)

# Positions in a row of the cache: phonemes of prompt and text, tokens of prompt and text. On a CPU untouched
# memory costs nothing.
CAPACITY = 2_560
# How weights are stored. A step reads every one of them once, so the fewer bytes a weight has, the more
# steps there are in a second, on any processor; sums are in float32. No clock has a say in it: the same
# request is to give the same samples after a restart.
KINDS = {
    Precision.AUTO: native.Kind.INT8,
    Precision.EXACT: native.Kind.FLOAT32,
    Precision.BF16: native.Kind.BFLOAT16,
    Precision.INT8: native.Kind.INT8,
}


class Runner:
    """The T2S network and its cache.

    On a CPU the network's weights are packed in place; a network that was packed before keeps its form,
    unless that was `exact`. `library` None: everything with torch, in float32.
    """

    def __init__(
        self,
        t2s: T2S,
        n_rows: int,
        *,
        capacity: int = CAPACITY,
        precision: Precision = Precision.AUTO,
        library: native.Library | None = None,
        n_threads: int = 1,
    ) -> None:
        weight = t2s.phoneme_embedding.weight
        self.device, self.dtype = weight.device, weight.dtype
        self._t2s = t2s
        self._compiled: native.CompiledStep | None = None
        if self.device.type != "cpu":
            self._cache: KVCache | native.PackedCache = KVCache(
                t2s.config, n_rows, capacity, device=self.device, dtype=self.dtype
            )
        elif library is not None and native.suits(t2s):
            kind = KINDS[precision]
            native.pack(t2s, kind, library)
            self._cache = native.PackedCache(
                t2s.config, n_rows, capacity, kind=min(kind, native.Kind.BFLOAT16)
            )
            self._compiled = native.CompiledStep(t2s, self._cache, library, n_threads=n_threads)
        else:
            make_row_stable(t2s)
            self._cache = RowwiseCache(t2s.config, n_rows, capacity, dtype=self.dtype)

    def prefill(self, sequence: Sequence, row: int) -> Generator[None, None, Tensor]:
        """Reads a sequence's phonemes and prompt into `row`, layer by layer.

        Returns the logits `[V]` of its first token. Raises `TextTooLong`.
        """
        if sequence.n_positions > self._cache.capacity:
            raise TextTooLong(
                f"a segment and its prompt take {sequence.n_positions} positions; there are"
                f" {self._cache.capacity}"
            )
        return self._t2s.prefill_slices(sequence.phonemes, sequence.bert, sequence.prompt, self._cache, row)

    def step(self, sequences: Row[Sequence], rows: Row[int]) -> Tensor:
        """Tells the network what each sequence said last; the logits `[B, V]` of what each says next."""
        said = [sequence.tokens[-1] for sequence in sequences]
        if self._compiled is not None:
            return self._compiled(said, rows)
        assert isinstance(self._cache, KVCache)
        tokens = torch.tensor(said, device=self.device)
        return self._t2s.step(tokens, self._cache, torch.tensor(rows, device=self.device))
