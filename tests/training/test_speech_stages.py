"""Content encoder, codebook, T2S and its preferences, each trained for a few steps on seconds of real speech.

`speech/` holds ten utterances of the synthetic corpus that the bundled model is trained on (Kokoro-82M,
Apache-2.0, speaking sentences of WordNet): eight in voices for training, two in a held-out one.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib", reason="the extra `train` is not installed")

from comps.gptsovits.training import codebook, features, prefer, reading, t2s
from comps.gptsovits.training.codebook import load_tokens
from comps.gptsovits.training.progress import load_checkpoint
from comps.gptsovits.training.sentences import Sentence
from comps.gptsovits.training.split import heldout_items, train_items
from comps.gptsovits.training.tokenizer import Tokenizer

SPEECH = Path(__file__).parent / "speech"
T2S_OPTIONS = ["--layers", "2", "--dim", "32", "--positions", "600", "--factors", "1.0", "--save-every", "2"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training_work")
    shared = ["--corpus", str(SPEECH), "--work", str(folder), "--threads", "1", "--device", "cpu"]
    small = ["--hidden", "32", "--layers", "1", "--batch-seconds", "6", "--rounds", "3"]
    features.main([*shared, "--epochs", "2", "--realign-after", "1", *small])
    codebook.main([*shared, "--bins", "16", "--dim", "8", "--rounds", "3"])
    t2s.main([*shared, "--steps", "3", *T2S_OPTIONS])
    return folder


def test_every_stage_leaves_what_the_next_one_reads(work: Path) -> None:
    tokenizer = Tokenizer(work)
    assert tokenizer.n_bins == 16
    tokens = load_tokens(work / "tokens.npz")
    assert set(tokens) == {item.file for item in train_items(SPEECH)}
    model = reading.load_t2s(work)
    assert model.config.vocab_size == 17


def test_held_out_voices_are_in_no_training_data(work: Path) -> None:
    held_out = {item.file for item in heldout_items(SPEECH)}
    assert held_out
    assert not held_out & set(load_tokens(work / "tokens.npz"))


def test_tokens_come_at_25_a_second_and_silence_adds_its_own(work: Path) -> None:
    tokenizer = Tokenizer(work)
    waveform = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1
    plain = tokenizer.encode(waveform)
    assert len(plain) == ((16_000 - 400) // 320 + 1) // 2
    assert len(tokenizer.encode(waveform, tail=9_600)) == len(plain) + 15
    assert plain.min() >= 0
    assert plain.max() < tokenizer.n_bins


def test_training_goes_on_where_it_stopped(work: Path) -> None:
    before = load_checkpoint(work / "t2s" / "training.pt")
    assert before is not None
    shared = ["--corpus", str(SPEECH), "--work", str(work), "--threads", "1", "--device", "cpu"]
    t2s.main([*shared, "--steps", "5", *T2S_OPTIONS])
    after = load_checkpoint(work / "t2s" / "training.pt")
    assert after is not None
    assert (before["step"], after["step"]) == (3, 5)
    name = "head.weight"
    assert not torch.equal(before["model"][name], after["model"][name])
    steps = [json.loads(line)["step"] for line in (work / "logs" / "t2s.jsonl").read_text().splitlines()]
    assert steps == [3, 5]


def test_t2s_goes_on_by_what_the_ear_prefers(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = [
        Sentence("The cat sat and slept.", ("DH AH0", "K AE1 T", "S AE1 T", "AH0 N D", "S L EH1 P T", ".")),
        Sentence("A dog barked.", ("AH0", "D AO1 G", "B AA1 R K T", ".")),
    ]
    monkeypatch.setattr(prefer, "wordnet_sentences", lambda _: sentences)
    before = (work / "t2s" / "model.safetensors").read_bytes()
    shared = ["--corpus", str(SPEECH), "--work", str(work), "--threads", "1", "--device", "cpu"]
    small = ["--pairs", "2", "--positions", "600", "--factors", "1.0"]
    options = [*shared, *small, "--tasks", "30", "--attempts", "6", "--temperature", "1"]
    prefer.main([*options, "--steps", "2", "--report", "1"])
    after = (work / "t2s" / "model.safetensors").read_bytes()
    assert after != before
    assert len(after) == len(before)
    prefer.main([*options, "--steps", "3"])
    taught = load_checkpoint(work / "t2s" / "training.pt")
    assert taught is not None
    state = load_checkpoint(prefer.preference_file(work / "t2s", taught["step"]))
    assert state is not None
    assert state["step"] == 3
    figures = [json.loads(line) for line in (work / "logs" / "prefer.jsonl").read_text().splitlines()]
    assert [line["step"] for line in figures] == [1, 2, 3]
    assert "fit" in figures[0]  # what the ear made of the first attempts
