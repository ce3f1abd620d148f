"""Stage `evaluate`: a model's figures on voices and sentences that training never heard.

Speaks held-out sentences in held-out voices through the engine, as a user would, and measures: word error
rate (Whisper), likeness of clone and reference (cosine of Resemblyzer embeddings), how often the right one
of eight references is recognised, how often the engine's guard warned, real-time factor, time to first
audio, file sizes.
`--copy-synthesis` leaves T2S out: tokens of real speech through the decoder, styled by another clip of the
same voice. Prints a table and one JSON line last.
"""

import argparse
import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from comps.cores.audio.waveform import Waveform
from comps.gptsovits.checkpoints.build import load_model
from comps.gptsovits.dsp.resample import resample_sinc, resample_soxr
from comps.gptsovits.engine import Engine, SpeechOptions, SpeechRequest
from comps.gptsovits.engine.references import reference_spectrogram
from comps.gptsovits.model import Model
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.text.pipeline import phonemize
from comps.gptsovits.training.judge import similarity, speaker_embedding, transcribe, wer, word_errors
from comps.gptsovits.training.sounds import CONTENT_RATE, read_mono
from comps.gptsovits.training.split import Item, heldout_items, heldout_sentences

N_REFERENCES = 8
SHORTEST_REFERENCE = 3.0
_MIN_WORDS, _MAX_WORDS = 3, 25


@dataclass(frozen=True)
class Spoken:
    """One sentence as the model said it."""

    text: str
    speaker: str
    samples: NDArray[np.float32]
    rate: int
    seconds_to_make: float
    seconds_to_first: float
    n_warnings: int = 0  # of the guard: too short, stuck, no end

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


def sentences_of(corpus: Path, n: int) -> list[str]:
    """`n` held-out sentences of ordinary length, evenly spread over all of them in order of length."""
    fit = [s for s in heldout_sentences(corpus) if _MIN_WORDS <= len(s.split()) <= _MAX_WORDS]
    fit.sort(key=lambda s: (len(s.split()), s))
    return [fit[i] for i in np.linspace(0, len(fit) - 1, min(n, len(fit))).astype(int)]


async def speak_all(
    model: Model, corpus: Path, references: list[Item], sentences: list[str], sampling: dict[str, float]
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
            first, chunks = 0.0, []
            async for chunk in handle:
                first = first or time.perf_counter() - began
                chunks.append(chunk.samples)
            spoken.append(
                Spoken(
                    text=text,
                    speaker=references[at].speaker,
                    samples=np.concatenate(chunks),
                    rate=handle.sample_rate,
                    seconds_to_make=time.perf_counter() - began,
                    seconds_to_first=first,
                    n_warnings=len(handle.warnings),
                )
            )
    return spoken


@torch.no_grad()
def copy_all(model: Model, items: list[Item], references: list[Item], n: int) -> list[Spoken]:
    """Held-out utterances through tokens and decoder, each styled by its voice's reference clip."""
    decoder = model.decoder
    assert isinstance(decoder, VitsDecoder), "copy synthesis is measured for VITS decoders"
    styled_by = {item.speaker: item for item in references}
    fit = [item for item in items if item.file != styled_by[item.speaker].file]
    chosen = [fit[i] for i in np.linspace(0, len(fit) - 1, min(n, len(fit))).astype(int)]
    copied = []
    for k, item in enumerate(tqdm(chosen, desc="copying")):
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


def figures_of(spoken: list[Spoken], references: list[Item]) -> tuple[dict[str, float], list[str]]:
    """All figures, and what the judge heard of each sentence."""
    heard = [transcribe(s.samples, s.rate) for s in tqdm(spoken, desc="judging words")]
    embeddings = {
        item.speaker: speaker_embedding(read_mono(item.path, CONTENT_RATE))
        for item in tqdm(references, desc="judging references")
    }
    names = list(embeddings)
    likeness, recognised = [], 0
    for s in tqdm(spoken, desc="judging voices"):
        clone = speaker_embedding(s.samples, s.rate)
        at = names.index(s.speaker)
        others = [names[(at + step) % len(names)] for step in range(min(N_REFERENCES, len(names)))]
        scores = [similarity(clone, embeddings[name]) for name in others]
        likeness.append(scores[0])
        recognised += int(np.argmax(scores) == 0)
    exact = sum(word_errors(s.text, h)[0] == 0 for s, h in zip(spoken, heard, strict=True))
    return {
        "sentences": len(spoken),
        "voices": len(references),
        "wer": wer([s.text for s in spoken], heard),
        "sentences_without_error": exact / len(spoken),
        "sentences_with_warnings": sum(s.n_warnings > 0 for s in spoken) / len(spoken),
        "speaker_similarity": float(np.mean(likeness)),
        "recognised_of_8": recognised / len(spoken),
        "rtf": sum(s.seconds_to_make for s in spoken) / sum(s.seconds for s in spoken),
        "first_audio_seconds": float(np.median([s.seconds_to_first for s in spoken])),
        "seconds_of_audio": sum(s.seconds for s in spoken),
    }, heard


def megabytes(path: Path) -> float:
    """Size of a file, or of all files of a folder, in MB."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def parser() -> argparse.ArgumentParser:
    """The options of this stage."""
    made = argparse.ArgumentParser(
        prog="python -m comps.gptsovits.training.evaluate",
        description="Measure a model on held-out voices and sentences (extra `eval`).",
    )
    made.add_argument("--model", type=Path, default=Path("models/starter"))
    made.add_argument("--corpus", type=Path, default=Path("corpus"))
    made.add_argument("--sentences", type=int, default=60)
    made.add_argument("--copy-synthesis", action="store_true", help="real tokens instead of T2S")
    made.add_argument("--samples", type=Path, help="folder to write the audio and what was heard to")
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--top-k", type=int, default=None)
    made.add_argument("--temperature", type=float, default=None)
    made.add_argument("--repetition-penalty", type=float, default=None)
    return made


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    model = load_model(options.model)
    references = references_of(options.corpus)
    if options.copy_synthesis:
        spoken = copy_all(model, heldout_items(options.corpus), references, options.sentences)
    else:
        given = {name: getattr(options, name) for name in ("top_k", "temperature", "repetition_penalty")}
        sampling = {name: value for name, value in given.items() if value is not None}
        sentences = sentences_of(options.corpus, options.sentences)
        spoken = asyncio.run(speak_all(model, options.corpus, references, sentences, sampling))
    figures, heard = figures_of(spoken, references)
    figures["megabytes"] = megabytes(options.model)
    if options.samples is not None:
        _write_samples(options.samples, spoken, heard)
    for name, value in figures.items():
        print(f"{name:26s} {value:10.3f}")
    print(
        json.dumps({"copy_synthesis": options.copy_synthesis, **{k: round(v, 4) for k, v in figures.items()}})
    )


def _write_samples(folder: Path, spoken: list[Spoken], heard: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for k, (s, what) in enumerate(zip(spoken, heard, strict=True)):
        soundfile.write(folder / f"{k:03d}-{s.speaker}.wav", s.samples, s.rate)
        lines.append(json.dumps({"n": k, "speaker": s.speaker, "said": s.text, "heard": what}))
    (folder / "heard.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
