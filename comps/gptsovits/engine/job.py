"""Job: the worker's end of a request."""

import time
from collections.abc import Sequence as Row
from dataclasses import dataclass, field

import torch
from torch import Tensor

from comps.gptsovits.engine import guard
from comps.gptsovits.engine.features import bert_features
from comps.gptsovits.engine.handle import Handle
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.outlet import Outlet
from comps.gptsovits.engine.pacing import Cuts
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.sampling import History, Sampler
from comps.gptsovits.engine.scheduler import Key
from comps.gptsovits.engine.seeds import derived_seed
from comps.gptsovits.engine.segments import Segment
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.engine.source import Source
from comps.gptsovits.engine.vocoding import BatchedVocoder
from comps.gptsovits.model import Model
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.voice import Voice

TOLERABLE_FIT = -1.0  # nats a token: about every second sentence that fits worse has a wrong word or more


@dataclass
class Attempt:
    """The tokens of a faulty attempt, how strange they are, and how well they fit the text."""

    strangeness: float
    tokens: list[int]
    fault: guard.Fault
    fit: float = 0.0

    @property
    def is_tolerable(self) -> bool:
        """Whether nobody need be told: somewhat unclear, that is all."""
        return self.fault is guard.Fault.UNCLEAR and self.fit > TOLERABLE_FIT


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
    vocoder: BatchedVocoder | None = None  # of the lane, told when the worker accepts the job
    attempts: dict[int, list[Attempt]] = field(default_factory=dict)  # faulty ones, by segment
    said: dict[int, list[int]] = field(default_factory=dict)  # tokens all attempts begin with, by segment
    cuts: dict[int, Cuts] = field(default_factory=dict)  # of segments that are spoken while they are decoded

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
        """The next attempt at a segment. The first depends on the request and its seed alone.

        What has been spoken of an earlier one is kept: the next goes on from there.
        """
        segment, voice, t2s = self.segments[index], self._voice_of(index), self.model.t2s
        device = self.model.device
        attempt = len(self.attempts.get(index, ()))
        said = self.said.get(index, [])
        prompt = torch.tensor([*voice.prompt_tokens.tolist(), *said], dtype=torch.long, device=device)
        phonemes = torch.tensor([*voice.prompt_phonemes.tolist(), *segment.phonemes], device=device)
        n_tokens = self.options.n_tokens
        rate = guard.speaking_rate(voice.seconds, len(voice.prompt_phonemes))
        history = History.of_prompt(prompt, t2s.config.vocab_size)
        history.n_new = len(said)
        return Sequence(
            key=Key(self.id, index),
            phonemes=phonemes,
            bert=self._bert(segment, voice),
            prompt=prompt,
            n_phonemes=len(segment.phonemes),
            sampler=Sampler.of(self.options, t2s.config.end_token),
            noise=Noise(derived_seed(self.seed, index, attempt, "tokens")),
            history=history,
            max_tokens=n_tokens or guard.max_tokens(len(segment.phonemes), rate),
            rate=rate,
            is_guarded=n_tokens is None,
            ear=self.model.ear,
            attempt=attempt,
            tokens=list(said),
            n_said=len(said),
            cuts=self._cuts(index),
        )

    def _voice_of(self, index: int) -> Voice:
        """The speaker of the next attempt: without the prompt, where that seems to mislead.

        A clip that is unlike all that the model has heard makes it skip words as often as it is asked to go
        on from it; the style carries the voice. So where half of the attempts that an ear asks for were no
        good, the other half is said by style alone.
        """
        ear, attempts = self.model.ear, self.attempts.get(index, ())
        if ear is None or len(attempts) <= ear.retries // 2 or any(a.is_tolerable for a in attempts):
            return self.voice
        return self.voice.without_prompt

    def _cuts(self, index: int) -> Cuts | None:
        if not self.options.stream or not isinstance(self.model.decoder, VitsDecoder):
            return None
        if self.model.ear is not None and self.options.n_tokens is None:
            return None  # what has been spoken can't be said again more clearly: first listen, then speak
        if index not in self.cuts:
            # The fastest speech there is: what comes before is rather longer than expected.
            earlier = (
                self.options.n_tokens or guard.FASTEST * len(segment.phonemes)
                for segment in self.segments[:index]
            )
            self.cuts[index] = Cuts(n_before=int(sum(earlier)))
        return self.cuts[index]

    def noise(self, index: int) -> torch.Generator:
        """The source of a segment's acoustic noise."""
        return torch.Generator().manual_seed(derived_seed(self.seed, index, "noise"))

    def fail_attempt(self, sequence: Sequence, fault: guard.Fault) -> None:
        index, tokens = sequence.key.segment, sequence.tokens
        fit = sequence.fit if fault is guard.Fault.UNCLEAR else 0.0
        strange = guard.strangeness(tokens, sequence.n_phonemes, fault, sequence.rate, fit=fit)
        n_kept = sequence.cuts.n_kept if sequence.cuts is not None else 0
        self.said[index] = tokens[:n_kept]
        kept = tokens[: max(n_kept, len(guard.salvaged(tokens)))]
        self.attempts.setdefault(index, []).append(Attempt(strange, kept, fault, fit))

    def best_attempt(self, index: int) -> Attempt:
        """The least strange of those that begin with what has been said; the latest does."""
        said = self.said[index]
        fitting = [attempt for attempt in self.attempts[index] if attempt.tokens[: len(said)] == said]
        return min(fitting, key=lambda attempt: attempt.strangeness)

    def _bert(self, segment: Segment, voice: Voice) -> Tensor | None:
        """Features of prompt and segment; None where all of them are zeros."""
        own = bert_features(self.model, segment)
        prompt = voice.prompt_bert
        if own is None and prompt is None:
            return None
        model, n_prompt = self.model, len(voice.prompt_phonemes)
        shape = n_prompt + len(segment.phonemes), model.t2s.config.bert_dim
        features = torch.zeros(shape, device=model.device, dtype=model.dtype)
        if prompt is not None:
            features[:n_prompt] = torch.from_numpy(prompt.copy()).to(features)
        if own is not None:
            features[n_prompt:] = own
        return features
