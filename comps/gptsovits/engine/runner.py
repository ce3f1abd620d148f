"""Runner: builds tensors and calls the network. No policy, no sampling."""

import logging
from collections.abc import Callable, Generator
from collections.abc import Sequence as Row

import torch
from torch import Tensor

from comps.cores.errors import TextTooLong
from comps.gptsovits import native
from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.graphs import SPARE, GraphedDecoder, Run
from comps.gptsovits.engine.linears import make_row_stable
from comps.gptsovits.engine.probing import MANY_ROWS, StepTimes, key_of, measure, remembered
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.networks.t2s import T2S, KVCache, RowwiseCache

logger = logging.getLogger(__name__)

# Positions in a row of the cache: phonemes of prompt and text, tokens of prompt and text. On a CPU untouched
# memory costs nothing.
CAPACITY = 2_560
PROBE_POSITIONS = 256  # a sentence after a prompt
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
    unless that was `exact`. `library` None: everything with torch, in float32. `n_threads` None: as many for
    a step as are found to be fast. With `record`, steps and draws are `graphs`, recorded so.
    """

    def __init__(
        self,
        t2s: T2S,
        n_rows: int,
        *,
        capacity: int = CAPACITY,
        precision: Precision = Precision.AUTO,
        library: native.Library | None = None,
        n_threads: int | None = 1,
        record: Callable[[Run], Run] | None = None,
    ) -> None:
        weight = t2s.phoneme_embedding.weight
        self.device, self.dtype = weight.device, weight.dtype
        self._t2s, self._capacity = t2s, capacity
        self._compiled: native.CompiledStep | None = None
        self.step_times: StepTimes | None = None
        self.graphs: GraphedDecoder | None = None
        if self.device.type != "cpu" or record is not None:
            spare = SPARE if record is not None else 0
            whole = KVCache(t2s.config, n_rows, capacity + spare, device=self.device, dtype=self.dtype)
            self._cache: KVCache | native.PackedCache = whole
            self.graphs = GraphedDecoder(t2s, whole, record=record) if record is not None else None
        elif library is not None and native.suits(t2s):
            kind = KINDS[precision]
            native.pack(t2s, kind, library)
            self._cache = native.PackedCache(t2s.config, n_rows, capacity, kind=kind)
            self._compiled = native.CompiledStep(t2s, self._cache, library, n_threads=n_threads or 1)
            if n_threads is None:
                key = key_of(t2s.config, kind.name, torch.get_num_threads())
                self.step_times = remembered(key, self._measured)
        else:
            make_row_stable(t2s)
            self._cache = RowwiseCache(t2s.config, n_rows, capacity, dtype=self.dtype)

    def prefill(self, sequence: Sequence, row: int) -> Generator[None, None, Tensor]:
        """Reads a sequence's phonemes and prompt into `row`, layer by layer.

        Returns the logits `[V]` of its first token. Raises `TextTooLong`.
        """
        if sequence.n_positions > self._capacity:
            raise TextTooLong(
                f"a segment and its prompt take {sequence.n_positions} positions; there are {self._capacity}"
            )
        return self._t2s.prefill_slices(sequence.phonemes, sequence.bert, sequence.prompt, self._cache, row)

    def step(self, sequences: Row[Sequence], rows: Row[int]) -> Tensor:
        """Tells the network what each sequence said last; the logits `[B, V]` of what each says next."""
        said = [sequence.tokens[-1] for sequence in sequences]
        if self._compiled is not None:
            if self.step_times is not None:
                self._compiled.n_threads = self.step_times.threads_for(len(rows))
            return self._compiled(said, rows)
        assert isinstance(self._cache, KVCache)
        tokens = torch.tensor(said, device=self.device)
        return self._t2s.step(tokens, self._cache, torch.tensor(rows, device=self.device))

    def _measured(self) -> StepTimes:
        """Of steps in the rows as they will be, while nobody uses them."""
        compiled, cache = self._compiled, self._cache
        assert compiled is not None
        assert isinstance(cache, native.PackedCache)
        n_rows = min(MANY_ROWS, cache.n_rows)

        def step(n: int, n_threads: int) -> None:
            rows = range(min(n, n_rows))
            for row in rows:
                cache.occupy(row, n_phonemes=1, n_tokens=n_positions - 2)
            compiled.n_threads = n_threads
            compiled([0] * len(rows), rows)

        n_positions = min(PROBE_POSITIONS, cache.capacity)
        for row in range(n_rows):
            cache.blank(row, n_positions)
        return measure(step, torch.get_num_threads())
