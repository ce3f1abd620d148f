"""What T2S says when asked several times: many texts at once, tokens alone, sampled as the engine does."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.forms import forms_for
from comps.gptsovits.engine.guard import max_tokens
from comps.gptsovits.engine.noise import exponential
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.sampling import MIN_TOKENS
from comps.gptsovits.engine.stepping import lay_out, stepping
from comps.gptsovits.networks.t2s import T2S

Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """A text after a prompt: ids of both's phonemes, and the prompt's tokens."""

    prompt_phonemes: Tokens
    prompt: Tokens
    phonemes: Tokens

    @property
    def all_phonemes(self) -> Tokens:
        return np.concatenate([self.prompt_phonemes, self.phonemes])


@dataclass(frozen=True)
class Attempt:
    """Tokens without the prompt's and without the end."""

    tokens: list[int]
    has_ended: bool


@dataclass
class _Row:
    """A row of the cache that is at work."""

    index: int  # of the attempt, among all
    seed: int
    limit: int
    tokens: list[int] = field(default_factory=list)


class Speaker:
    """Attempts by a copy of a T2S, laid out as the engine would, `n_rows` side by side."""

    def __init__(
        self,
        t2s: T2S,
        *,
        precision: Precision = Precision.BF16,
        n_rows: int = 64,
        capacity: int = 1_024,
    ) -> None:
        self._t2s = copy.deepcopy(t2s).float().cpu().eval()
        self._library = native.load_library()
        form = forms_for(self._t2s, precision, has_library=self._library is not None)[0]
        lay_out(self._t2s, form, self._library)
        self._cache, self._step = stepping(self._t2s, form, self._library, n_rows=n_rows, capacity=capacity)
        self._n_rows, self._capacity = n_rows, capacity
        self._seen = torch.zeros(n_rows, t2s.config.vocab_size, dtype=torch.bool)

    @torch.no_grad()
    def attempts(self, tasks: Sequence[Task], n: int, *, seed: int) -> list[list[Attempt]]:
        """`n` attempts at each task. The same for the same seed, but for the order of sums in a batch."""
        waiting = iter(range(len(tasks) * n))
        found: dict[int, Attempt] = {}
        rows: dict[int, _Row] = {}
        logits = torch.zeros(self._n_rows, self._t2s.config.vocab_size)
        options = SpeechOptions()
        while True:
            for place in range(self._n_rows):
                if place not in rows and (index := next(waiting, None)) is not None:
                    rows[place], logits[place] = self._begin(tasks[index // n], index, seed, place)
            if not rows:
                return [[found[task * n + i] for i in range(n)] for task in range(len(tasks))]
            places = sorted(rows)
            drawn, is_end = self._draw(logits[places], places, rows, options)
            goes_on: list[int] = []
            for place, token, ends in zip(places, drawn, is_end, strict=True):
                row = rows[place]
                if not ends:
                    row.tokens.append(token)
                    self._seen[place, token] = True
                if ends or len(row.tokens) >= row.limit:
                    found[row.index] = Attempt(row.tokens, ends)
                    del rows[place]
                else:
                    goes_on.append(place)
            if goes_on:
                logits[goes_on] = self._step([rows[p].tokens[-1] for p in goes_on], goes_on).float()

    def _begin(self, task: Task, index: int, seed: int, place: int) -> tuple[_Row, Tensor]:
        given, prompt = torch.from_numpy(task.all_phonemes), torch.from_numpy(task.prompt)
        logits = self._t2s.prefill(given, None, prompt, self._cache, place)
        self._seen[place] = False
        self._seen[place, prompt] = True
        room = self._capacity - len(given) - len(prompt)
        return _Row(index, seed + index, min(room, max_tokens(len(task.phonemes)))), logits.float()

    def _draw(
        self, logits: Tensor, places: list[int], rows: dict[int, _Row], options: SpeechOptions
    ) -> tuple[list[int], list[bool]]:
        """As `engine.sampling.Sampler` draws with the API's defaults, for all rows in one go."""
        end = self._t2s.config.end_token
        n_new = torch.tensor([len(rows[p].tokens) for p in places])
        logits[n_new < MIN_TOKENS, end] = -torch.inf
        penalty = options.repetition_penalty
        penalised = torch.where(logits < 0, logits * penalty, logits / penalty)
        logits = torch.where(self._seen[places], penalised, logits)
        best = logits.argmax(-1)
        logits = logits / options.temperature
        least = logits.topk(options.top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
        seeds = torch.tensor([rows[p].seed for p in places])
        token = (logits - exponential(seeds, n_new, logits.shape[1]).log()).argmax(-1)
        return token.tolist(), ((token == end) | (best == end)).tolist()
