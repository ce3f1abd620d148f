"""Utterance: a segment on its way from tokens to audio."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from comps.cores.errors import SynthesisFailed
from comps.gptsovits.engine.job import Job
from comps.gptsovits.engine.streaming import LiveSpeech
from comps.gptsovits.engine.synthesis import Edges, cfm_parts, vits_parts
from comps.gptsovits.engine.windows import WHOLE_WINDOW_SECONDS, WINDOW_SECONDS, Part, Slice, Window
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.vits.decoder import VitsDecoder

# Audio is passed on in pieces of at most this length.
CHUNK_SECONDS = 1.0


@dataclass
class Utterance:
    job: Job
    segment: int
    parts: Iterator[Part]
    edges: Edges
    made: Window | Slice | None = field(default=None, init=False)  # and not taken yet
    _is_long: bool = field(default=False, init=False)  # what comes next takes long to be made
    _is_over: bool = field(default=False, init=False)  # the last has been taken

    @classmethod
    def of(cls, job: Job, segment: int, tokens: list[int]) -> "Utterance":
        """Of a segment whose tokens are all known."""
        parts = _parts(job, segment, tokens) if tokens else iter([Slice(torch.zeros(0), is_last=True)])
        return cls(job, segment, parts, Edges(job.model.sample_rate))

    @property
    def is_ready(self) -> bool:
        """Whether there is something to speak now."""
        return not self._is_over

    def take(self) -> Window | Slice:
        """The next window, or what needs no vocoder; only while it `is_ready`. Made now, if need be."""
        part = self.made
        while part is None:
            part = next(self.parts)
        self.made, self._is_long, self._is_over = None, False, part.is_last
        return part

    def peek(self) -> Window | Slice | None:
        """What `take` takes next, which now is made; None where there is nothing, or it would take long."""
        if self.made is None and self.is_ready and not self._is_long:
            self.made = next(self.parts)
            self._is_long = self.made is None
        return self.made

    def say(self, part: Slice) -> bool:
        """Hands the next slice to the job's outlet; True when it was the last.

        Raises `SynthesisFailed` for samples that are no numbers.
        """
        if not torch.isfinite(part.samples).all():
            raise SynthesisFailed("the decoder made samples that are not numbers")
        samples = np.ascontiguousarray(self.edges(part).float().cpu().numpy(), np.float32)
        n = int(CHUNK_SECONDS * self.job.model.sample_rate)
        for start in range(0, max(1, len(samples)), n):
            is_last = part.is_last and start + n >= len(samples)
            self.job.outlet.add(self.segment, samples[start : start + n], is_last=is_last)
        return part.is_last


@dataclass
class LiveUtterance(Utterance):
    """Of a segment whose tokens are still coming; only a VITS decoder speaks so."""

    parts: LiveSpeech

    @classmethod
    def begin(cls, job: Job, segment: int) -> "LiveUtterance":
        decoder = job.model.decoder
        assert isinstance(decoder, VitsDecoder)
        speech = LiveSpeech(
            decoder,
            _phonemes(job, segment),
            _style(job),
            job.noise(segment),
            sample_rate=job.model.sample_rate,
            speed=job.options.speed,
        )
        return cls(job, segment, speech, Edges(job.model.sample_rate))

    @property
    def is_ready(self) -> bool:
        return self.made is not None or self.parts.is_ready


def _style(job: Job) -> Tensor:
    return torch.from_numpy(job.voice.style.copy()).to(job.model.decoder.quantizer.codebook)[None, :, None]


def _phonemes(job: Job, segment: int) -> Tensor:
    device = job.model.decoder.quantizer.codebook.device
    return torch.tensor(job.segments[segment].phonemes, device=device)[None]


def _parts(job: Job, segment: int, tokens: list[int]) -> Iterator[Part]:
    decoder, voice, options = job.model.decoder, job.voice, job.options
    weight = decoder.quantizer.codebook
    style, phonemes = _style(job), _phonemes(job, segment)  # [1, G, 1], [1, P]
    token_row = torch.tensor(tokens, device=weight.device)[None]
    rate, generator = job.model.sample_rate, job.noise(segment)
    if isinstance(decoder, VitsDecoder):
        is_awaited = options.stream and segment == 0
        return vits_parts(
            decoder,
            token_row,
            phonemes,
            style,
            generator,
            sample_rate=rate,
            speed=options.speed,
            window_seconds=WINDOW_SECONDS if is_awaited else WHOLE_WINDOW_SECONDS,
        )
    if not isinstance(decoder, CfmDecoder) or voice.reference_mel is None:
        raise SynthesisFailed("the voice lacks what this model's decoder needs")
    return cfm_parts(
        decoder,
        token_row,
        phonemes,
        style,
        generator,
        mel=torch.from_numpy(voice.reference_mel.copy()).to(weight)[None],
        prompt_tokens=torch.from_numpy(voice.prompt_tokens.copy()).long().to(weight.device)[None],
        prompt_phonemes=torch.from_numpy(voice.prompt_phonemes.copy()).long().to(weight.device)[None],
        sample_rate=rate,
        speed=options.speed,
        steps=options.sample_steps,
    )
