"""Stage `evaluate`: a model's figures on voices and sentences that training never heard.

Speaks held-out sentences in held-out voices through the engine, as a user would, and measures: word error
rate and words dropped, repeated or cut off (Whisper), likeness of clone and reference (cosine of Resemblyzer
embeddings), how often the right one of eight references is recognised, how often the engine's guard warned,
real-time factor, time to first audio, file sizes.

`--paragraphs` speaks five sentences in one request and compares the voice of the first and the last.
`--copy-synthesis` leaves T2S out: tokens of real speech through the decoder, styled by another clip of the
same voice. `--recordings` judges the real speech itself, which says what the judges make of the best there
could be. `--voices` takes references from outside the corpus. Prints a table and one JSON line last.
"""

import argparse
import asyncio
import json
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from comps.gptsovits.checkpoints.build import load_model
from comps.gptsovits.model import Model
from comps.gptsovits.training.judge import similarity, speaker_embedding, transcribe
from comps.gptsovits.training.pictures import draw_spectrograms
from comps.gptsovits.training.sounds import CONTENT_RATE, read_mono
from comps.gptsovits.training.speaking import (
    Spoken,
    copy_all,
    outside_references,
    paragraphs_of,
    recordings_of,
    references_of,
    sentences_of,
    speak_all,
)
from comps.gptsovits.training.split import Item, heldout_items
from comps.gptsovits.training.words import compare, error_rate

N_REFERENCES = 8


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
    compared = [compare(s.text, h) for s, h in zip(spoken, heard, strict=True)]
    figures = {
        "sentences": len(spoken),
        "voices": len(references),
        "wer": error_rate(compared),
        "sentences_without_error": sum(c.wrong == 0 for c in compared) / len(spoken),
        "words": sum(c.said for c in compared),
        "words_dropped": sum(c.dropped for c in compared),
        "words_repeated": sum(c.repeated for c in compared),
        "words_cut_at_the_end": sum(c.cut_short for c in compared),
        "sentences_with_warnings": sum(s.n_warnings > 0 for s in spoken) / len(spoken),
        "speaker_similarity": float(np.mean(likeness)),
        "recognised_of_8": recognised / len(spoken),
        "rtf": sum(s.seconds_to_make for s in spoken) / sum(s.seconds for s in spoken),
        "first_audio_seconds": float(np.median([s.seconds_to_first for s in spoken])),
        "seconds_of_audio": sum(s.seconds for s in spoken),
    }
    if any(len(s.segments) > 1 for s in spoken):
        figures |= _steadiness(spoken, embeddings)
    return figures, heard


def _steadiness(spoken: list[Spoken], embeddings: dict[str, NDArray[np.float32]]) -> dict[str, float]:
    """How like its reference a voice is in the first and in the last sentence of a paragraph."""
    ends = {"first": 0, "last": -1}
    likeness: dict[str, list[float]] = {name: [] for name in ends}
    for s in spoken:
        for name, at in ends.items():
            if len(s.segments) > 1:
                clone = speaker_embedding(s.segments[at], s.rate)
                likeness[name].append(similarity(clone, embeddings[s.speaker]))
    return {f"similarity_of_the_{n}_sentence": float(np.mean(scores)) for n, scores in likeness.items()}


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
    made.add_argument(
        "--words", type=int, nargs=2, default=(3, 25), metavar=("FROM", "TO"), help="length of the sentences"
    )
    made.add_argument("--paragraphs", action="store_true", help="speak paragraphs of five sentences")
    made.add_argument("--voices", type=Path, help="folder of NAME.wav and NAME.txt: voices of other origin")
    made.add_argument("--copy-synthesis", action="store_true", help="real tokens instead of T2S")
    made.add_argument("--recordings", action="store_true", help="real speech: the model is not asked")
    made.add_argument("--samples", type=Path, help="folder to write the audio and what was heard to")
    made.add_argument("--picture", type=Path, help="PNG of spectrograms: reference, clone, copy synthesis")
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--top-k", type=int, default=None)
    made.add_argument("--temperature", type=float, default=None)
    made.add_argument("--repetition-penalty", type=float, default=None)
    return made


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    model = load_model(options.model)
    references = outside_references(options.voices) if options.voices else references_of(options.corpus)
    if options.recordings:
        spoken = recordings_of(heldout_items(options.corpus), references, options.sentences)
    elif options.copy_synthesis:
        spoken = copy_all(model, heldout_items(options.corpus), references, options.sentences)
    else:
        given = {name: getattr(options, name) for name in ("top_k", "temperature", "repetition_penalty")}
        sampling = {name: value for name, value in given.items() if value is not None}
        texts = (
            paragraphs_of(options.corpus, options.sentences)
            if options.paragraphs
            else sentences_of(
                options.corpus, options.sentences, shortest=options.words[0], longest=options.words[1]
            )
        )
        spoken = asyncio.run(speak_all(model, references, texts, sampling))
    figures, heard = figures_of(spoken, references)
    figures["megabytes"] = megabytes(options.model)
    if options.samples is not None:
        _write_samples(options.samples, spoken, heard)
    if options.picture is not None:
        _draw(options.picture, model, references, spoken[-1], options.corpus)
    for name, value in figures.items():
        print(f"{name:26s} {value:10.3f}")
    print(
        json.dumps(
            {
                "copy_synthesis": options.copy_synthesis,
                "recordings": options.recordings,
                **{k: round(v, 4) for k, v in figures.items()},
            }
        )
    )


def _draw(path: Path, model: Model, references: list[Item], clone: Spoken, corpus: Path) -> None:
    reference = next(item for item in references if item.speaker == clone.speaker)
    others = [item for item in heldout_items(corpus) if item.speaker == clone.speaker]
    (copied,) = copy_all(model, others, [reference], 1)
    original = next(item for item in others if item.text == copied.text)
    rate = clone.rate
    draw_spectrograms(
        {
            f"reference: {reference.text}": read_mono(reference.path, rate),
            f"clone: {clone.text}": clone.samples,
            f"recording: {original.text}": read_mono(original.path, rate),
            "copy synthesis of it": copied.samples,
        },
        rate,
        path,
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
