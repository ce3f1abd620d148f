"""Sequence: one attempt at one segment's tokens, with noise of its own."""

from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from comps.cores.errors import SynthesisFailed
from comps.gptsovits.ear import Ear
from comps.gptsovits.engine import guard
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.pacing import Cuts
from comps.gptsovits.engine.sampling import Draw, History, Sampler
from comps.gptsovits.engine.scheduler import Key

# How often a running sequence is looked at for being stuck.
CHECK_EVERY = 16


@dataclass
class Sequence:
    """`phonemes [P]` are the prompt's and then the segment's own, of which there are `n_phonemes`.

    With `cuts`, the segment is spoken while it is being decoded. An attempt at a segment whose beginning has
    been spoken has those tokens in its `prompt` and `tokens` from the start.
    """

    key: Key
    phonemes: Tensor
    bert: Tensor | None
    prompt: Tensor  # [S] tokens
    n_phonemes: int
    sampler: Sampler
    noise: Noise
    history: History
    max_tokens: int
    rate: float = guard.TOKENS_PER_PHONEME  # of the speaker, for the guard
    is_guarded: bool = True
    ear: Ear | None = None  # the model's, if it has one
    attempt: int = 0
    tokens: list[int] = field(default_factory=list)
    has_ended: bool = False
    is_stuck: bool = False
    cuts: Cuts | None = None
    n_said: int = 0  # of `tokens`, by an earlier attempt

    @property
    def n_positions(self) -> int:
        """Positions that the sequence takes up in the cache at most."""
        return len(self.phonemes) + len(self.prompt) + self.max_tokens - self.n_said

    @property
    def is_done(self) -> bool:
        return self.has_ended or self.is_stuck or len(self.tokens) >= self.max_tokens

    def take(self, draw: Draw | None) -> None:
        """The next token. The end token itself is not kept. Raises `SynthesisFailed` for None."""
        if draw is None:
            raise SynthesisFailed("the model answered with numbers that are none")
        if draw.is_end:
            self.has_ended = True
            return
        self.tokens.append(draw.token)
        self.history.append(draw.token)
        if self.is_guarded and len(self.tokens) % CHECK_EVERY == 0:
            self.is_stuck = guard.stuck_from(self.tokens) is not None
        if self.cuts is not None and len(self.tokens) >= self.cuts.needed <= self._n_sound():
            self.cuts.advance()

    def _n_sound(self) -> int:
        if not self.is_guarded:
            return len(self.tokens)
        return guard.n_sound(self.tokens, self.n_phonemes, self.rate)

    @property
    def fault(self) -> guard.Fault | None:
        if not self.is_guarded:
            return None
        fault = guard.fault_of(self.tokens, self.n_phonemes, has_ended=self.has_ended, rate=self.rate)
        if fault is None and self.ear is not None and self.fit < self.ear.clear:
            return guard.Fault.UNCLEAR
        return fault

    @cached_property
    def fit(self) -> float:
        """How well the tokens of a sequence that is done say its text, by the model's ear; 0 without one."""
        if self.ear is None:
            return 0.0
        return self.ear.fit(self.tokens, self.phonemes[len(self.phonemes) - self.n_phonemes :].tolist())
