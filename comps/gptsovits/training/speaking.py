"""Speech to be judged: held-out sentences in held-out voices, spoken as a user would have them spoken."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from comps.cores.audio.waveform import Waveform
from comps.gptsovits.dsp.resample import resample_sinc, resample_soxr
from comps.gptsovits.engine import Engine, SpeechOptions, SpeechRequest
from comps.gptsovits.engine.references import reference_spectrogram
from comps.gptsovits.model import Model
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.text.pipeline import phonemize
from comps.gptsovits.training.sounds import CONTENT_RATE
from comps.gptsovits.training.split import Item, heldout_items, heldout_sentences

SHORTEST_REFERENCE = 3.0
SENTENCES_OF_A_PARAGRAPH = 5


@dataclass(frozen=True)
class Spoken:
    """One text as the model said it."""

    text: str
    speaker: str
    samples: NDArray[np.float32]
    rate: int
    seconds_to_make: float
    seconds_to_first: float
    n_warnings: int = 0  # of the guard: too short, stuck, no end
    segments: tuple[NDArray[np.float32], ...] = ()  # the samples, sentence by sentence

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def references_of(corpus: Path) -> list[Item]:
    """One clip a held-out voice: the first that is long enough to be recommended, else its longest."""
    voices: dict[str, list[Item]] = {}
    for item in heldout_items(corpus):
        voices.setdefault(item.speaker, []).append(item)
    return [
        next(
            (i for i in items if SHORTEST_REFERENCE <= i.seconds <= 10.0), max(items, key=lambda i: i.seconds)
        )
        for items in voices.values()
    ]


def outside_references(folder: Path) -> list[Item]:
    """Voices from outside the corpus: every `NAME.wav` in `folder` beside its transcript, `NAME.txt`."""
    items = []
    for path in sorted(folder.glob("*.wav")):
        text = path.with_suffix(".txt").read_text("utf-8").strip()
        items.append(Item(path, path.name, path.stem, text, (), soundfile.info(path).duration))
    return items


def sentences_of(corpus: Path, n: int, *, shortest: int = 3, longest: int = 25) -> list[str]:
    """`n` held-out sentences of so many words, evenly spread over all of them in order of length."""
    fit = [s for s in heldout_sentences(corpus) if shortest <= len(s.split()) <= longest]
    fit.sort(key=lambda s: (len(s.split()), s))
    return [fit[i] for i in np.linspace(0, len(fit) - 1, min(n, len(fit))).astype(int)]


def paragraphs_of(corpus: Path, n: int) -> list[str]:
    """`n` paragraphs of five held-out sentences."""
    sentences = sentences_of(corpus, n * SENTENCES_OF_A_PARAGRAPH)
    return [" ".join(sentences[k::n]) for k in range(n)]


async def speak_all(
    model: Model, references: list[Item], sentences: list[str], sampling: dict[str, float]
) -> list[Spoken]:
    """Every sentence in the voice whose turn it is, one after another."""
    spoken = []
    with Engine(model) as engine:
        voices = []
        for item in tqdm(references, desc="profiles"):
            samples, rate = soundfile.read(item.path, dtype="float32")
            result = await engine.profile(Waveform(samples, rate), text=item.text, language="en")
            voices.append(result.voice)
        for k, text in enumerate(tqdm(sentences, desc="speaking")):
            at = k % len(references)
            options = SpeechOptions(language="en", seed=k, **sampling)  # type: ignore[arg-type]
            began = time.perf_counter()
            handle = await engine.submit(SpeechRequest(text=text, voice=voices[at], options=options))
            first = 0.0
            segments: dict[int, list[NDArray[np.float32]]] = {}
            async for chunk in handle:
                first = first or time.perf_counter() - began
                segments.setdefault(chunk.segment, []).append(chunk.samples)
            parts = tuple(np.concatenate(chunks) for _, chunks in sorted(segments.items()))
            spoken.append(
                Spoken(
                    text=text,
                    speaker=references[at].speaker,
                    samples=np.concatenate(parts),
                    rate=handle.sample_rate,
                    seconds_to_make=time.perf_counter() - began,
                    seconds_to_first=first,
                    n_warnings=len(handle.warnings),
                    segments=parts,
                )
            )
    return spoken


def spread(items: list[Item], references: list[Item], n: int) -> list[Item]:
    """`n` utterances that are nobody's reference, evenly spread over all of them."""
    used = {item.file for item in references}
    fit = [item for item in items if item.file not in used]
    return [fit[i] for i in np.linspace(0, len(fit) - 1, min(n, len(fit))).astype(int)]


def recordings_of(items: list[Item], references: list[Item], n: int) -> list[Spoken]:
    """Held-out utterances as they were recorded."""
    found = []
    for item in spread(items, references, n):
        samples, rate = soundfile.read(item.path, dtype="float32")
        found.append(Spoken(item.text, item.speaker, samples, rate, 0.0, 0.0))
    return found


@torch.no_grad()
def copy_all(model: Model, items: list[Item], references: list[Item], n: int) -> list[Spoken]:
    """Held-out utterances through tokens and decoder, each styled by its voice's reference clip."""
    decoder = model.decoder
    assert isinstance(decoder, VitsDecoder), "copy synthesis is measured for VITS decoders"
    styled_by = {item.speaker: item for item in references}
    copied = []
    for k, item in enumerate(tqdm(spread(items, references, n), desc="copying")):
        began = time.perf_counter()
        samples, rate = soundfile.read(item.path, dtype="float32")
        at_16k = torch.from_numpy(resample_soxr(samples, from_rate=rate, to_rate=CONTENT_RATE))
        tokens = decoder.quantizer.encode(model.content(at_16k[None].to(model.device, model.dtype)))[0]
        said = phonemize(item.text, "en", inventory=model.facts.symbols)
        style = decoder.style([_spectrogram(model, styled_by[item.speaker])])
        generator = torch.Generator().manual_seed(k)
        noise = torch.randn(decoder.noise_shape(len(tokens)), generator=generator)
        audio = decoder.decode(tokens[None], torch.tensor([said.phone_ids]), style, noise.to(style))
        taken = time.perf_counter() - began
        copied.append(
            Spoken(item.text, item.speaker, audio.flatten().cpu().numpy(), model.sample_rate, taken, taken)
        )
    return copied


def _spectrogram(model: Model, item: Item) -> torch.Tensor:
    samples, rate = soundfile.read(item.path, dtype="float32")
    at_rate = resample_sinc(torch.from_numpy(samples)[None], from_rate=rate, to_rate=model.spectrogram.rate)
    return reference_spectrogram(model, at_rate.to(model.dtype))
