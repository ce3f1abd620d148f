"""What is chosen to be spoken when a model is measured."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from comps.gptsovits.training.speaking import outside_references, paragraphs_of, references_of, sentences_of
from comps.gptsovits.training.split import is_held_out, is_sentence_held_out

VOICES = [f"v{n}" for n in range(40)]
SENTENCES = [" ".join(["word"] * (1 + n % 25) + [str(n)]) for n in range(600)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rows = [
        {
            "file": f"{n}.wav",
            "speaker": VOICES[n % len(VOICES)],
            "text": sentence,
            "phones": [],
            "seconds": 1 + n % 12,
        }
        for n, sentence in enumerate(SENTENCES)
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return tmp_path


def test_every_held_out_voice_gives_one_reference_and_no_other_does(corpus: Path) -> None:
    references = references_of(corpus)
    assert {item.speaker for item in references} == {voice for voice in VOICES if is_held_out(voice)}
    assert all(3.0 <= item.seconds <= 10.0 for item in references)


def test_sentences_are_of_the_asked_lengths_and_never_trained_on(corpus: Path) -> None:
    chosen = sentences_of(corpus, 6, shortest=4, longest=9)
    lengths = [len(sentence.split()) for sentence in chosen]
    assert lengths == sorted(lengths)
    assert 4 <= lengths[0] < lengths[-1] <= 9
    assert all(is_sentence_held_out(s) or is_held_out(VOICES[SENTENCES.index(s) % 40]) for s in chosen)


def test_paragraphs_have_five_sentences_each_once(corpus: Path) -> None:
    made = paragraphs_of(corpus, 2)
    assert sorted(" ".join(made).split()) == sorted(" ".join(sentences_of(corpus, 10)).split())


def test_voices_from_outside_are_clips_beside_their_transcripts(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "ann.wav", np.zeros(48_000, np.float32), 16_000)
    (tmp_path / "ann.txt").write_text("Good morning.\n", "utf-8")
    (item,) = outside_references(tmp_path)
    assert (item.speaker, item.text, item.seconds) == ("ann", "Good morning.", 3.0)
