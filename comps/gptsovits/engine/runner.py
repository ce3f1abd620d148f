"""Runner: builds tensors and calls the network. No policy, no sampling."""

from collections.abc import Callable, Generator
from collections.abc import Sequence as Row

import torch
from torch import Tensor

from comps.cores.errors import TextTooLong
from comps.gptsovits import native
from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.choosing import Choice, choose, is_busy_now, key_of
from comps.gptsovits.engine.forms import Form, forms_for, is_stored_as_half
from comps.gptsovits.engine.graphs import SPARE, GraphedDecoder, Run
from comps.gptsovits.engine.probing import measure_forms, torch_threads
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.engine.stepping import Step, TorchStep, lay_out, stepping
from comps.gptsovits.networks.t2s import T2S, KVCache

# Positions in a row of the cache: phonemes of prompt and text, tokens of prompt and text. On a CPU untouched
# memory costs nothing.
CAPACITY = 2_560


class Runner:
    """The T2S network and its cache.

    On a CPU the network's weights are laid out in place, in the form that is usual for the precision; a
    network that was laid out before keeps its form, unless that was `exact`. `library` None: everything with
    torch. `n_threads` None: form and threads are what is measured to be fast here. Torch has
    `n_torch_threads`. `form`: the one to be laid out, without a choice. With `record`, steps and draws are
    `graphs`, recorded so; all of one size where the precision is exact.
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
        n_torch_threads: int | None = None,
        form: Form | None = None,
        record: Callable[[Run], Run] | None = None,
    ) -> None:
        weight = t2s.phoneme_embedding.weight
        self.device, self.dtype = weight.device, weight.dtype
        self._t2s, self._capacity = t2s, capacity
        self.choice: Choice | None = None
        self.graphs: GraphedDecoder | None = None
        self._cache: KVCache | native.PackedCache
        self._step: Step
        if self.device.type != "cpu" or record is not None:
            spare = SPARE if record is not None else 0
            whole = KVCache(t2s.config, n_rows, capacity + spare, device=self.device, dtype=self.dtype)
            self._cache, self._step = whole, TorchStep(t2s, whole)
            if record is not None:
                self.graphs = GraphedDecoder(t2s, whole, record=record, one_size=precision is Precision.EXACT)
            return
        n_torch_threads = n_torch_threads or torch.get_num_threads()
        self.choice = (
            Choice(form) if form is not None else _choice(t2s, precision, library, n_threads, n_torch_threads)
        )
        with torch_threads(n_torch_threads):
            lay_out(t2s, self.choice.form, library)
        self._cache, self._step = stepping(t2s, self.choice.form, library, n_rows=n_rows, capacity=capacity)
        if isinstance(self._step, native.CompiledStep):
            self._step.n_threads = n_threads or 1

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
        if isinstance(self._step, native.CompiledStep) and self.choice is not None:
            self._step.n_threads = self.choice.threads_for(len(rows)) or self._step.n_threads
        return self._step([sequence.tokens[-1] for sequence in sequences], rows)


def _choice(
    t2s: T2S,
    precision: Precision,
    library: native.Library | None,
    n_threads: int | None,
    n_torch_threads: int,
) -> Choice:
    forms = forms_for(t2s, precision, has_library=library is not None)
    was_packed = library is None and forms[0].kind is not None  # earlier, with a library
    if n_threads is not None or was_packed:
        return Choice(forms[0])
    available, is_half = torch.get_num_threads(), is_stored_as_half(t2s)
    return choose(
        forms,
        key_of(t2s.config, forms, (available, n_torch_threads), is_half=is_half),
        lambda wanted: measure_forms(
            t2s.config,
            wanted,
            library,
            n_threads=available,
            n_torch_threads=n_torch_threads,
            is_half=is_half,
        ),
        is_busy=is_busy_now(),
    )
