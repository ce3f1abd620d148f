"""Job: the worker's end of a request."""

import time
from collections.abc import Sequence as Row
from dataclasses import dataclass, field

import torch
from torch import Tensor

from comps.gptsovits.engine import guard
from comps.gptsovits.engine.features import bert_features
from comps.gptsovits.engine.handle import Handle
from comps.gptsovits.engine.outlet import Outlet
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.sampling import History, Sampler
from comps.gptsovits.engine.scheduler import Key
from comps.gptsovits.engine.seeds import derived_seed
from comps.gptsovits.engine.segments import Segment
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.engine.source import Source
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice


@dataclass
class Attempt:
    """The tokens of a faulty attempt, and how strange they are."""

    strangeness: float
    tokens: list[int]
    fault: guard.Fault


@dataclass
class Job:
    id: int
    handle: Handle
    model: Model
    voice: Voice
    options: SpeechOptions
    segments: Row[Segment]
    seed: int
    outlet: Outlet
    source: Source | None = None  # a recording whose tokens are spoken, instead of tokens of the model's own
    submitted_at: float = field(default_factory=time.monotonic)
    first_audio_at: float | None = None
    has_begun: bool = False
    n_decoder_threads: int = 1
    attempts: dict[int, list[Attempt]] = field(default_factory=dict)  # faulty ones, by segment

    @property
    def deadline(self) -> float:
        return self.submitted_at + self.options.deadline_seconds

    @property
    def is_listening(self) -> bool:
        """Whether this is a transfer that has not sounded yet: its recording is being heard."""
        return self.source is not None and self.first_audio_at is None

    def slack_seconds(self, now: float) -> float | None:
        """How far the audio is ahead of a listener who began when the first of it came; None before that."""
        if self.first_audio_at is None:
            return None
        return self.outlet.sent_seconds - (now - self.first_audio_at)

    def sequence(self, index: int) -> Sequence:
        """The next attempt at a segment. The first depends on the request and its seed alone."""
        segment, voice, t2s = self.segments[index], self.voice, self.model.t2s
        device = self.model.device
        attempt = len(self.attempts.get(index, ()))
        prompt = torch.from_numpy(voice.prompt_tokens.copy()).long().to(device)
        phonemes = torch.tensor([*voice.prompt_phonemes.tolist(), *segment.phonemes], device=device)
        n_tokens = self.options.n_tokens
        rate = guard.speaking_rate(voice.seconds, len(voice.prompt_phonemes))
        return Sequence(
            key=Key(self.id, index),
            phonemes=phonemes,
            bert=self._bert(segment),
            prompt=prompt,
            n_phonemes=len(segment.phonemes),
            sampler=Sampler.of(self.options, t2s.config.end_token),
            generator=torch.Generator().manual_seed(derived_seed(self.seed, index, attempt, "tokens")),
            history=History.of_prompt(prompt, t2s.config.vocab_size),
            max_tokens=n_tokens or guard.max_tokens(len(segment.phonemes), rate),
            rate=rate,
            is_guarded=n_tokens is None,
            attempt=attempt,
        )

    def noise(self, index: int) -> torch.Generator:
        """The source of a segment's acoustic noise."""
        return torch.Generator().manual_seed(derived_seed(self.seed, index, "noise"))

    def fail_attempt(self, sequence: Sequence, fault: guard.Fault) -> None:
        strange = guard.strangeness(sequence.tokens, sequence.n_phonemes, fault, sequence.rate)
        attempt = Attempt(strange, guard.salvaged(sequence.tokens), fault)
        self.attempts.setdefault(sequence.key.segment, []).append(attempt)

    def best_attempt(self, index: int) -> Attempt:
        return min(self.attempts[index], key=lambda attempt: attempt.strangeness)

    def _bert(self, segment: Segment) -> Tensor | None:
        """Features of prompt and segment; None where all of them are zeros."""
        own = bert_features(self.model, segment)
        prompt = self.voice.prompt_bert
        if own is None and prompt is None:
            return None
        model, n_prompt = self.model, len(self.voice.prompt_phonemes)
        shape = n_prompt + len(segment.phonemes), model.t2s.config.bert_dim
        features = torch.zeros(shape, device=model.device, dtype=model.dtype)
        if prompt is not None:
            features[:n_prompt] = torch.from_numpy(prompt.copy()).to(features)
        if own is not None:
            features[n_prompt:] = own
        return features
