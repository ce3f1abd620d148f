"""References: a clip to a `Voice`, in slices that the worker can interleave with speech."""

from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from comps.cores.audio.waveform import Waveform
from comps.cores.errors import InvalidAudio, InvalidOption
from comps.gptsovits.dsp.fbank import filter_bank
from comps.gptsovits.dsp.mel import log_mel, normalize_mel
from comps.gptsovits.dsp.resample import resample_sinc, resample_soxr
from comps.gptsovits.dsp.spectrogram import magnitude_spectrogram
from comps.gptsovits.engine.clip import Clip, padded
from comps.gptsovits.engine.features import bert_features
from comps.gptsovits.engine.segments import Segment
from comps.gptsovits.model import Model
from comps.gptsovits.networks.encoders.content import SAMPLE_RATE
from comps.gptsovits.voice import Floats, Voice

# 0.6 s at 16 kHz: the reference implementation counts 0.3 s at the wrong rate. Kept, so that our prompt
# tokens equal its tokens.
PROMPT_TAIL_SAMPLES = 9_600
# A signal louder than full scale is brought back by its peak, but by no more than this: as the style encoder
# was trained.
LARGEST_ATTENUATION = 2.0

Slices = Generator[None, None, Voice]


def voice_slices(
    model: Model,
    clip: Clip,
    *,
    transcript: Segment | None = None,
    text: str = "",
    language: str = "",
    aux: Sequence[Clip] = (),
) -> Slices:
    """Makes a voice; yields between pieces of work, returns it at the end.

    With a transcript the clip becomes the prompt that speech continues; without one it gives the style alone.
    Style is the mean over the clip and the auxiliary clips.
    """
    if transcript is None and model.facts.requires_transcript:
        raise InvalidOption(f"model {model.id!r} needs the transcript of the reference clip")
    tokens = np.zeros(0, np.int32)
    if transcript is not None:
        tokens = prompt_tokens(model, clip.waveform).cpu().numpy().astype(np.int32)
        yield
    spectrograms: list[Tensor] = []
    speakers: list[Tensor] = []
    for part in (clip, *aux):
        samples = _at_rate(part.waveform, model)
        spectrograms.append(reference_spectrogram(model, samples))
        if model.speaker is not None:
            speakers.append(_speaker_vector(model, samples))
            yield
    style = model.decoder.style(spectrograms, speakers or None)
    if not torch.isfinite(style).all():
        raise InvalidAudio("no voice can be made of this clip")
    yield
    bert = None if transcript is None else bert_features(model, transcript)
    return Voice(
        fingerprint=model.fingerprint,
        model_id=model.id,
        style=style.flatten().float().cpu().numpy(),
        prompt_tokens=tokens,
        prompt_phonemes=np.array([] if transcript is None else transcript.phonemes, np.int32),
        prompt_bert=None if bert is None else bert.float().cpu().numpy(),
        reference_mel=_reference_mel(model, clip.waveform),
        prompt_text=text if transcript is not None else "",
        prompt_language=language if transcript is not None else "",
        seconds=round(clip.waveform.seconds, 3),
    )


def prompt_tokens(model: Model, waveform: Waveform) -> Tensor:
    """What is said in a clip, as semantic tokens `[S]`."""
    samples = resample_soxr(waveform.samples, from_rate=waveform.rate, to_rate=SAMPLE_RATE)
    samples = np.pad(padded(samples, SAMPLE_RATE), (0, PROMPT_TAIL_SAMPLES))
    features = model.content(_tensor(samples, model)[None])  # [1, D, T]
    return model.decoder.quantizer.encode(features)[0]


def reference_spectrogram(model: Model, samples: Tensor) -> Tensor:
    """Magnitudes `[1, K, T]` of `samples [1, N]` at the rate of the model's spectrograms."""
    facts = model.spectrogram
    peak = float(samples.abs().max())
    if peak > 1.0:
        samples = samples / min(LARGEST_ATTENUATION, peak)
    return magnitude_spectrogram(samples, n_fft=facts.n_fft, hop_length=facts.hop_length)


def _at_rate(waveform: Waveform, model: Model) -> Tensor:
    samples = _tensor(waveform.samples, model)[None]
    return resample_sinc(samples, from_rate=waveform.rate, to_rate=model.spectrogram.rate)


def _speaker_vector(model: Model, samples: Tensor) -> Tensor:
    assert model.speaker is not None
    at_16k = resample_sinc(samples, from_rate=model.spectrogram.rate, to_rate=SAMPLE_RATE)
    vector: Tensor = model.speaker(filter_bank(at_16k).to(samples))
    return vector


def _reference_mel(model: Model, waveform: Waveform) -> Floats | None:
    """The mel `[n_mels, R]` that flow matching continues: of as much of the clip's end as it can use."""
    flow = model.facts.flow
    if flow is None:
        return None
    samples = _tensor(waveform.samples, model)[None]
    samples = resample_sinc(samples, from_rate=waveform.rate, to_rate=flow.mel.rate)
    mel = log_mel(
        samples, rate=flow.mel.rate, n_fft=flow.mel.n_fft, hop_length=flow.mel.hop_length, n_mels=flow.n_mels
    )
    return np.asarray(normalize_mel(mel)[0].float().cpu().numpy(), np.float32)


def _tensor(samples: Floats, model: Model) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(samples)).to(model.device, model.dtype)
