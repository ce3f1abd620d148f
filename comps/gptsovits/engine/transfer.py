"""Voice transfer: what a recording says and how, as semantic tokens, spoken by another voice.

The tokens are the recording's own, so its timing and intonation stay; the decoder takes the style, and what
flow matching continues, from the target. Nothing is sampled but the decoder's noise.

The content encoder hears a recording in windows with context on both sides, so that its memory does not grow
with the length, and others may speak between two windows.

    recording  |--------------------------------------|
    window 1   [===========]ccc
    window 2            ccc[============]ccc
    window 3                         ccc[=============]      c: context, heard and left out
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from comps.cores.audio.waveform import Samples, Waveform
from comps.cores.errors import NotSupportedByModel, TextTooLong
from comps.gptsovits.dsp.resample import resample_soxr
from comps.gptsovits.engine.job import Job
from comps.gptsovits.engine.request import TransferRequest
from comps.gptsovits.engine.segments import Script, Segment, checked, segment_of
from comps.gptsovits.engine.source import Source
from comps.gptsovits.engine.synthesis import Edges
from comps.gptsovits.engine.utterance import Utterance
from comps.gptsovits.engine.windows import Part, Slice, announced
from comps.gptsovits.model import Model
from comps.gptsovits.networks.encoders.content import FRAME_HOP, FRAME_WIDTH, SAMPLE_RATE
from comps.gptsovits.text.pipeline import phonemize
from comps.gptsovits.voice import Voice

WINDOW_SECONDS, CONTEXT_SECONDS = 10.0, 2.0
# Nobody says more than that in the minute that a recording may last.
MAX_CHARACTERS = 2_000
# Tokens a phoneme between which a text may belong to a recording; speech has 1.6 to 3.5, and pauses.
LEAST_TOKENS, MOST_TOKENS = 1.2, 8.0


def check_transferable(model: Model, voice: Voice) -> None:
    """Raises `NotSupportedByModel` where the decoder cannot say one recording's tokens in another's voice.

    Flow matching must have a clip to continue; a VITS decoder takes the style alone.
    """
    if model.facts.flow is not None and voice.reference_mel is None:
        raise NotSupportedByModel(
            f"model {model.id!r} continues the target's clip, and this voice was made without it"
        )


def script_of_source(request: TransferRequest, model: Model) -> tuple[Script, Source]:
    """The transcript as one segment, whatever its length, and the recording as the content encoder hears it.

    Raises `UnspeakableText`, `TextTooLong`, `UnsupportedLanguage` or `MissingLanguageExtra`.
    """
    if len(request.text) > MAX_CHARACTERS:
        raise TextTooLong(
            f"the transcript has {len(request.text):,} characters; at most {MAX_CHARACTERS:,} are read"
        )
    phonemized = phonemize(
        request.text,
        request.options.language,
        inventory=model.facts.symbols,
        pronunciations=request.options.pronunciations,
    )
    segment = segment_of(request.text, checked(phonemized, model.languages), model.facts.symbols)
    source = source_of(request.source, model)
    warnings = (*phonemized.warnings, *_doubts(segment, source))
    return Script((segment,), warnings=warnings), source


def source_of(recording: Waveform, model: Model) -> Source:
    """The recording at the content encoder's rate, with silence up to the end of its last token."""
    samples = resample_soxr(recording.samples, from_rate=recording.rate, to_rate=SAMPLE_RATE)
    per_token = FRAME_HOP * model.decoder.config.token_stride
    n_tokens = math.ceil(len(samples) / per_token)
    n_heard = n_tokens * per_token + FRAME_WIDTH - FRAME_HOP
    return Source(np.pad(samples, (0, max(0, n_heard - len(samples))))[:n_heard], n_tokens, per_token)


def token_windows(model: Model, source: Source) -> Iterator[Tensor]:
    """Semantic tokens `[s]` of one window after another, `source.n_tokens` in all."""
    stride, rate = model.decoder.config.token_stride, SAMPLE_RATE / source.samples_per_token
    n_windows = math.ceil(source.n_tokens / (WINDOW_SECONDS * rate))
    bounds = [round(i * source.n_tokens / n_windows) for i in range(n_windows + 1)]
    n_context = round(CONTEXT_SECONDS * rate)
    for start, stop in itertools.pairwise(bounds):
        left, right = max(0, start - n_context), min(source.n_tokens, stop + n_context)
        heard = _tensor(source.between(left, right, FRAME_WIDTH - FRAME_HOP), model)
        features = model.content(heard[None])  # [1, D, (right - left) · stride]
        features = features[..., (start - left) * stride : (stop - left) * stride]
        yield model.decoder.quantizer.encode(features)[0]


def transfer_utterance(job: Job) -> Utterance:
    """A transfer on its way to audio: slices of nothing while it is being heard, then of sound."""
    return Utterance(job, 0, _parts(job), Edges(job.model.sample_rate))


def _parts(job: Job) -> Iterator[Part]:
    assert job.source is not None
    tokens: list[int] = []
    for heard in announced(token_windows(job.model, job.source)):
        if heard is None:
            yield None
            continue
        tokens += heard.tolist()
        yield Slice(torch.zeros(0), is_last=False)
    yield from Utterance.of(job, 0, tokens).parts


def _doubts(segment: Segment, source: Source) -> list[str]:
    seconds = len(source.samples) / SAMPLE_RATE
    rate = source.n_tokens / len(segment.phonemes)
    if LEAST_TOKENS <= rate <= MOST_TOKENS:
        return []
    much = "more" if rate < LEAST_TOKENS else "less"
    return [f"the text is {much} than a recording of {seconds:.1f} s says: is it its transcript?"]


def _tensor(samples: Samples, model: Model) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(samples)).to(model.device, model.dtype)
