"""Sampling: pure filters over one sequence's logits, and one draw with that sequence's own noise.

The order and the arithmetic are the reference implementation's (its `logits_to_probs` and `sample`), so that
equal logits and greedy options give its tokens:

    forbid_end_before -> penalise_repeats -> [is the end the best token?]
    -> top_p -> temperature -> top_k -> draw
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.request import SpeechOptions

# 0.44 s: the model may not end a segment sooner.
MIN_TOKENS = 11
MIN_TEMPERATURE = 1e-5
NEVER = 10**9


@dataclass
class History:
    """What a sequence has said: `seen [V]` is True for every token of it and of its prompt."""

    seen: Tensor
    n_new: int = 0  # tokens drawn so far, without the prompt

    @classmethod
    def of_prompt(cls, prompt: Tensor, vocab_size: int) -> "History":
        seen = torch.zeros(vocab_size, dtype=torch.bool, device=prompt.device)
        seen[prompt] = True
        return cls(seen)

    def append(self, token: int) -> None:
        if self.seen.device.type == "cpu":
            self._flags[token] = True  # ten times as fast as through torch
        else:
            self.seen[token] = True
        self.n_new += 1

    @cached_property
    def _flags(self) -> NDArray[np.bool_]:
        return self.seen.numpy()


Filter = Callable[[Tensor, History], Tensor]  # logits [V] -> logits [V]; neither argument is changed


def forbid_end_before(n_tokens: int, end_token: int) -> Filter:
    """No end among the first `n_tokens`."""

    def apply(logits: Tensor, history: History) -> Tensor:
        if history.n_new >= n_tokens:
            return logits
        logits = logits.clone()
        logits[end_token] = -torch.inf
        return logits

    return apply


def penalise_repeats(penalty: float) -> Filter:
    """Every token heard before, the prompt's too, becomes less likely: once, however often it was heard."""

    def apply(logits: Tensor, history: History) -> Tensor:
        penalised = torch.where(logits < 0, logits * penalty, logits / penalty)
        return torch.where(history.seen, penalised, logits)

    return apply


def top_p(share: float) -> Filter:
    """The most likely tokens up to a cumulative probability of `share`.

    The token that crosses the threshold is dropped, unlike in the usual form (which keeps it); the most
    likely one always stays. On logits before temperature.
    """

    def apply(logits: Tensor, history: History) -> Tensor:
        ordered, order = logits.sort(descending=True)
        dropped = ordered.softmax(-1).cumsum(-1) > share
        dropped[0] = False
        return logits.masked_fill(torch.zeros_like(dropped).scatter(0, order, dropped), -torch.inf)

    return apply


def temperature(value: float) -> Filter:
    def apply(logits: Tensor, history: History) -> Tensor:
        return logits / max(value, MIN_TEMPERATURE)

    return apply


def top_k(k: int) -> Filter:
    """The k most likely tokens, and those as likely as the k-th."""

    def apply(logits: Tensor, history: History) -> Tensor:
        threshold = logits.topk(min(k, len(logits))).values[-1]
        return logits.masked_fill(logits < threshold, -torch.inf)

    return apply


@dataclass(frozen=True)
class Draw:
    token: int
    is_end: bool


@dataclass(frozen=True)
class Sampler:
    """`adjust` decides what the model would say, `narrow` from what is drawn."""

    adjust: tuple[Filter, ...]
    narrow: tuple[Filter, ...]
    end_token: int
    options: SpeechOptions  # that both were made of
    min_tokens: int

    @classmethod
    def of(cls, options: SpeechOptions, end_token: int) -> "Sampler":
        # A fixed number of tokens has no end of its own.
        min_tokens = NEVER if options.n_tokens is not None else MIN_TOKENS
        adjust = [forbid_end_before(min_tokens, end_token)]
        if options.repetition_penalty != 1.0:
            adjust.append(penalise_repeats(options.repetition_penalty))
        narrow = [top_p(options.top_p)] if options.top_p < 1.0 else []
        narrow += [temperature(options.temperature), top_k(options.top_k)]
        return cls(tuple(adjust), tuple(narrow), end_token, options, min_tokens)

    def draw(self, logits: Tensor, history: History, noise: Noise) -> Draw:
        """The next token of `logits [V]`. A segment ends when the end is drawn, or when it is the likeliest.

        Depends on the noise's seed and the number of tokens drawn before, on nothing else that is random.
        """
        logits = logits.float()
        for adjust in self.adjust:
            logits = adjust(logits, history)
        best = int(logits.argmax())
        for narrow in self.narrow:
            logits = narrow(logits, history)
        # Gumbel's trick: the largest of logits less log of exponential noise is a draw from their softmax.
        noisy = logits - noise.of_step(history.n_new, len(logits), logits.device).log()
        token = int(noisy.argmax())
        return Draw(token, is_end=self.end_token in (token, best))
