"""Utterance: a segment whose tokens are known, on its way to audio."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from comps.cores.errors import SynthesisFailed
from comps.gptsovits.engine.job import Job
from comps.gptsovits.engine.synthesis import Edges, Slice, cfm_slices, vits_slices
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
        slices = _slices(job, segment, tokens) if tokens else iter([Slice(torch.zeros(0), is_last=True)])
        return cls(job, segment, slices, Edges(job.model.sample_rate))

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


def _slices(job: Job, segment: int, tokens: list[int]) -> Iterator[Slice]:
    decoder, voice, options = job.model.decoder, job.voice, job.options
    weight = decoder.quantizer.codebook
    device = weight.device
    style = torch.from_numpy(voice.style.copy()).to(weight)[None, :, None]  # [1, G, 1]
    token_row = torch.tensor(tokens, device=device)[None]
    phoneme_row = torch.tensor(job.segments[segment].phonemes, device=device)[None]
    rate, generator = job.model.sample_rate, job.noise(segment)
    if isinstance(decoder, VitsDecoder):
        return vits_slices(
            decoder, token_row, phoneme_row, style, generator, sample_rate=rate, speed=options.speed
        )
    if not isinstance(decoder, CfmDecoder) or voice.reference_mel is None:
        raise SynthesisFailed("the voice lacks what this model's decoder needs")
    return cfm_slices(
        decoder,
        token_row,
        phoneme_row,
        style,
        generator,
        mel=torch.from_numpy(voice.reference_mel.copy()).to(weight)[None],
        prompt_tokens=torch.from_numpy(voice.prompt_tokens.copy()).long().to(device)[None],
        prompt_phonemes=torch.from_numpy(voice.prompt_phonemes.copy()).long().to(device)[None],
        sample_rate=rate,
        speed=options.speed,
        steps=options.sample_steps,
    )
