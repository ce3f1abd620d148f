"""Utterance: a segment on its way from tokens to audio."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from comps.cores.errors import SynthesisFailed
from comps.gptsovits.engine.job import Job
from comps.gptsovits.engine.streaming import LiveSpeech
from comps.gptsovits.engine.synthesis import (
    WHOLE_WINDOW_SECONDS,
    WINDOW_SECONDS,
    Edges,
    Slice,
    cfm_slices,
    vits_slices,
)
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.vits.decoder import VitsDecoder

# Audio is passed on in pieces of at most this length.
CHUNK_SECONDS = 1.0


@dataclass
class Utterance:
    job: Job
    segment: int
    slices: Iterator[Slice]
    edges: Edges

    @classmethod
    def of(cls, job: Job, segment: int, tokens: list[int]) -> "Utterance":
        """Of a segment whose tokens are all known."""
        slices = _slices(job, segment, tokens) if tokens else iter([Slice(torch.zeros(0), is_last=True)])
        return cls(job, segment, slices, Edges(job.model.sample_rate))

    @property
    def is_ready(self) -> bool:
        """Whether there is something to speak now."""
        return True

    def advance(self) -> bool:
        """Makes the next slice and hands it to the job's outlet; True when it was the last."""
        part = next(self.slices)
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

    slices: LiveSpeech

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
        return self.slices.is_ready


def _style(job: Job) -> Tensor:
    return torch.from_numpy(job.voice.style.copy()).to(job.model.decoder.quantizer.codebook)[None, :, None]


def _phonemes(job: Job, segment: int) -> Tensor:
    device = job.model.decoder.quantizer.codebook.device
    return torch.tensor(job.segments[segment].phonemes, device=device)[None]


def _slices(job: Job, segment: int, tokens: list[int]) -> Iterator[Slice]:
    decoder, voice, options = job.model.decoder, job.voice, job.options
    weight = decoder.quantizer.codebook
    style, phonemes = _style(job), _phonemes(job, segment)  # [1, G, 1], [1, P]
    token_row = torch.tensor(tokens, device=weight.device)[None]
    rate, generator = job.model.sample_rate, job.noise(segment)
    if isinstance(decoder, VitsDecoder):
        is_awaited = options.stream and segment == 0
        return vits_slices(
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
    return cfm_slices(
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
