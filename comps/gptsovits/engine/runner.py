"""Runner: builds tensors and calls the network. No policy, no sampling."""

from collections.abc import Sequence as Row

import torch
from torch import Tensor

from comps.cores.errors import TextTooLong
from comps.gptsovits.engine.linears import make_row_stable
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.networks.t2s import T2S, KVCache, RowwiseCache

# Positions in a row of the cache: phonemes of prompt and text, tokens of prompt and text. On a CPU untouched
# memory costs nothing.
CAPACITY = 2_560


class Runner:
    """The T2S network and its cache."""

    def __init__(self, t2s: T2S, n_rows: int, *, capacity: int = CAPACITY) -> None:
        weight = t2s.phoneme_embedding.weight
        self.device, self.dtype = weight.device, weight.dtype
        make_row_stable(t2s)
        self._t2s = t2s
        cache = RowwiseCache if self.device.type == "cpu" else KVCache
        self._cache = cache(t2s.config, n_rows, capacity, device=self.device, dtype=self.dtype)

    def prefill(self, sequence: Sequence, row: int) -> Tensor:
        """Reads a sequence's phonemes and prompt into `row`; the logits `[V]` of its first token."""
        if sequence.n_positions > self._cache.capacity:
            raise TextTooLong(
                f"a segment and its prompt take {sequence.n_positions} positions; there are"
                f" {self._cache.capacity}"
            )
        return self._t2s.prefill(sequence.phonemes, sequence.bert, sequence.prompt, self._cache, row)

    def step(self, sequences: Row[Sequence], rows: Row[int]) -> Tensor:
        """Tells the network what each sequence said last; the logits `[B, V]` of what each says next."""
        tokens = torch.tensor([sequence.tokens[-1] for sequence in sequences], device=self.device)
        return self._t2s.step(tokens, self._cache, torch.tensor(rows, device=self.device))
