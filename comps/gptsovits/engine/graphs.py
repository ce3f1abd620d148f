"""Graphs: a step and its draws as one launch for a GPU, and what they said read while the next one runs.

A GPU is done with a step sooner than Python has said what to do. So a step of up to 1, 2, 4 … 64 rows, over
up to so many positions, is recorded once and then launched as a whole. Everything it needs lies in tensors
that stay where they are, tokens too: the next step need not wait for the last one's to be read. An end is
therefore seen one step late; what the row said after it is thrown away.

Recording is handed in, so that the same code runs, unrecorded, on any device.
"""

import logging
from collections.abc import Callable
from collections.abc import Sequence as Row
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.engine.noise import exponential
from comps.gptsovits.engine.sampling import MIN_TEMPERATURE, Draw
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.networks.t2s import T2S, KVCache

logger = logging.getLogger(__name__)

BUCKETS = (1, 2, 4, 8, 16, 32, 64)
# The step that is wasted on an end, two that recording takes, and where rows write that do not step.
SPARE = 4
WINDOWS = (256, 512, 1024)  # positions; beyond them the whole row

Run = Callable[[], None]


def bucket_of(n: int, buckets: Row[int], largest: int) -> int:
    """The smallest of the buckets that holds n, at most `largest`."""
    return min([bucket for bucket in buckets if bucket >= n] + [largest])


def recorded(run: Run) -> Run:
    """A CUDA graph of what `run` does; it runs a few times before, for what is allocated at first.

    On the current device. What a driver refuses to record runs as it is: slower, and the same.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        # Other threads go on allocating meanwhile: they may load another model.
        pool = _shared_memory(torch.cuda.current_device())
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            run()
    except RuntimeError:
        logger.warning("a step could not be recorded as a CUDA graph", exc_info=True)
        return run
    return graph.replay


@cache
def _shared_memory(device: int) -> Any:
    """What graphs compute with in between. They run one after another and leave nothing there."""
    return torch.cuda.graph_pool_handle()


class WindowTurn:
    """Rows 0 … B-1 attend over the first W positions, whoever of them is active; nothing waits for a number.

    A row that is not active keeps its length, and writes into the last position of its row, which no sequence
    reaches: another may just be read into it.
    """

    def __init__(self, cache: KVCache, n_rows: int, window: int, is_active: Tensor) -> None:
        self._cache, self._window, self._is_active = cache, window, is_active
        self._rows = torch.arange(n_rows, device=is_active.device)
        self._lengths = cache.lengths[:n_rows]
        self._at = torch.where(is_active, self._lengths, cache.capacity - 1)
        reach = torch.arange(window, device=is_active.device)
        self._mask = (reach <= self._lengths[:, None])[:, None, None]  # [B, 1, 1, W]
        self.token_positions = (self._lengths - cache.n_phonemes[:n_rows]).clamp_min(0)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        keys, values, n = self._cache.keys[layer], self._cache.values[layer], len(self._rows)
        keys[self._rows, :, self._at] = key[:, :, 0]
        values[self._rows, :, self._at] = value[:, :, 0]
        span = slice(n), slice(None), slice(self._window)
        return F.scaled_dot_product_attention(query, keys[span], values[span], attn_mask=self._mask)

    def finish(self) -> None:
        self._lengths += self._is_active


class GraphedDecoder:
    """Steps and draws for rows of a cache that has `SPARE` positions more than sequences use."""

    def __init__(
        self,
        t2s: T2S,
        cache: KVCache,
        *,
        record: Callable[[Run], Run] = recorded,
        one_size: bool = False,
    ) -> None:
        """`one_size`: every step is of all rows over all positions, so that it is computed in one way."""
        self._t2s, self._cache, self._record = t2s, cache, record
        self._n_rows, vocab_size = len(cache.lengths), t2s.config.vocab_size
        self._buckets: tuple[int, ...] = () if one_size else BUCKETS
        self._windows: tuple[int, ...] = () if one_size else WINDOWS
        device = cache.keys.device

        def numbers(dtype: torch.dtype) -> Tensor:
            # Ones, for rows that belong to nobody are computed too.
            return torch.ones(self._n_rows, dtype=dtype, device=device)

        self._tokens, self._seeds, self._steps = (numbers(torch.long) for _ in range(3))
        self._top_k, self._min_tokens = (numbers(torch.long) for _ in range(2))
        self._penalty, self._temperature, self._top_p = (numbers(torch.float32) for _ in range(3))
        self._is_active = numbers(torch.bool).logical_not_()
        self._active_rows: frozenset[int] = frozenset()
        self._seen = torch.zeros(self._n_rows, vocab_size, dtype=torch.bool, device=device)
        self._said = torch.zeros(self._n_rows, 2, dtype=torch.long, device=device)  # token, whether it ends
        self._runs: dict[tuple[int, int], Run] = {}
        self._last: list[tuple[Sequence, int]] = []
        self._answer: Tensor | None = None
        self._is_read: torch.cuda.Event | None = None
        self._lengths: dict[int, int] = {}  # of running rows, as known without asking the device

    def admit(self, sequence: Sequence, row: int) -> None:
        """A sequence was prefilled into `row` and has its first token."""
        options = sequence.sampler.options
        for values, value in (
            (self._tokens, sequence.tokens[-1]),
            (self._seeds, sequence.noise.seed),
            (self._steps, sequence.history.n_new),
            (self._top_k, min(options.top_k, self._seen.shape[1])),
            (self._min_tokens, sequence.sampler.min_tokens),
            (self._penalty, options.repetition_penalty),
            (self._temperature, max(options.temperature, MIN_TEMPERATURE)),
            (self._top_p, options.top_p),
        ):
            values[row] = value
        self._seen[row] = sequence.history.seen.to(self._seen.device)
        self._lengths[row] = len(sequence.phonemes) + len(sequence.prompt)  # the device need not be asked

    def turn(self, sequences: Row[Sequence], rows: Row[int]) -> list[tuple[Sequence, Draw | None]]:
        """Launches a step of the rows, and answers what the step before it said; of whom it is, too."""
        earlier, answer, is_read = self._last, self._answer, self._is_read
        n = bucket_of(max(rows) + 1, self._buckets, self._n_rows)
        longest = max(self._lengths[row] for row in rows)
        window = bucket_of(longest + 1, self._windows, self._cache.capacity)
        self._activate(frozenset(rows))
        self._run(n, window)()
        for row in rows:
            self._lengths[row] += 1
        self._last = list(zip(sequences, rows, strict=True))
        self._answer = torch.empty(self._said.shape, dtype=torch.long, pin_memory=self._said.is_cuda)
        self._answer.copy_(self._said, non_blocking=True)
        if self._said.is_cuda:
            self._is_read = torch.cuda.Event()
            self._is_read.record()
        if answer is None:
            return []
        if is_read is not None:
            is_read.synchronize()
        return [(sequence, _draw(answer[row])) for sequence, row in earlier]

    def record_all(self) -> None:
        """Records every step that there will be, so that none of them has to wait for it later."""
        capacity = self._cache.capacity
        for n in sorted({bucket_of(n, self._buckets, self._n_rows) for n in range(1, self._n_rows + 1)}):
            for window in sorted({*(w for w in self._windows if w < capacity), capacity}):
                self._run(n, window)

    def _run(self, n: int, window: int) -> Run:
        if (n, window) not in self._runs:
            self._runs[n, window] = self._recorded(n, window)
        return self._runs[n, window]

    def _activate(self, rows: frozenset[int]) -> None:
        """From pinned memory, and only when they change: the copy must not wait for the step before."""
        if rows == self._active_rows:
            return
        flags = torch.tensor([row in rows for row in range(self._n_rows)], pin_memory=self._said.is_cuda)
        self._is_active.copy_(flags, non_blocking=True)
        self._active_rows = rows

    def _recorded(self, n: int, window: int) -> Run:
        """Recording runs it a few times: whatever it changes is put back."""
        changed = (self._tokens, self._steps, self._seen, self._said, self._cache.lengths)
        before = [tensor.clone() for tensor in changed]
        run = self._record(lambda: self._step(n, window))
        for tensor, value in zip(changed, before, strict=True):
            tensor.copy_(value)
        return run

    def _step(self, n: int, window: int) -> None:
        active, tokens, steps = self._is_active[:n], self._tokens[:n], self._steps[:n]
        turn = WindowTurn(self._cache, n, window, active)
        logits = self._t2s.step_of(turn, tokens).float()
        drawn, best = self._drawn(logits, n)
        end = self._t2s.config.end_token
        is_number = torch.isfinite(logits).all(1)
        self._said[:n, 0] = torch.where(is_number, drawn, -1)
        self._said[:n, 1] = (drawn == end) | (best == end)
        tokens.copy_(torch.where(active, drawn, tokens))
        seen = self._seen[:n]
        seen |= active[:, None] & (drawn[:, None] == torch.arange(seen.shape[1], device=seen.device))
        steps += active

    def _drawn(self, logits: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """The sampler's filters in its order, all rows at once: the tokens drawn and the likeliest `[B]`."""
        tokens = torch.arange(logits.shape[1], device=logits.device)
        is_early = (self._steps[:n] < self._min_tokens[:n])[:, None] & (tokens == logits.shape[1] - 1)
        logits = logits.masked_fill(is_early, -torch.inf)
        penalty = self._penalty[:n, None]
        penalised = torch.where(logits < 0, logits * penalty, logits / penalty)
        logits = torch.where(self._seen[:n], penalised, logits)
        best = logits.argmax(1)
        ordered, order = logits.sort(1, descending=True)
        share = self._top_p[:n, None]
        dropped = (ordered.softmax(1).cumsum(1) > share) & (share < 1.0) & (tokens > 0)
        ordered = ordered.masked_fill(dropped, -torch.inf)
        logits = logits.masked_fill(torch.zeros_like(dropped).scatter(1, order, dropped), -torch.inf)
        threshold = ordered.gather(1, self._top_k[:n, None] - 1)  # temperature keeps the order
        logits = logits.masked_fill(logits < threshold, -torch.inf) / self._temperature[:n, None]
        noise = exponential(self._seeds[:n], self._steps[:n], logits.shape[1])
        return (logits - noise.log()).argmax(1), best


def _draw(said: Tensor) -> Draw | None:
    token, is_end = said.tolist()
    return Draw(token, is_end=bool(is_end)) if token >= 0 else None
