"""Stage `grow`: what a corpus gained is taken in, and what was there stays as it is."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from comps.gptsovits.training.codebook import load_tokens, save_tokens
from comps.gptsovits.training.content import ContentTeacher, content_config
from comps.gptsovits.training.grow import take_in
from comps.gptsovits.training.labels import load_states, save_states
from comps.gptsovits.training.sounds import CONTENT_RATE
from comps.gptsovits.training.split import train_items

SECONDS = 1.5
N_BINS = 16


def say(folder: Path, files: list[str]) -> None:
    """Add noises under these names to the corpus of `folder`."""
    random = np.random.default_rng(len(files))
    with (folder / "corpus" / "metadata.jsonl").open("a", encoding="utf-8") as lines:
        for n, file in enumerate(files):
            path = folder / "corpus" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            samples = 0.1 * random.standard_normal(int(SECONDS * CONTENT_RATE))
            soundfile.write(path, samples.astype(np.float32), CONTENT_RATE)
            row = {"file": file, "speaker": path.parent.name, "text": f"Take {n}.", "seconds": SECONDS}
            lines.write(json.dumps({**row, "phones": ["T EY1 K", "T UW1", "."]}) + "\n")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A corpus of two utterances with made-up alignment and tokens, and an untrained content encoder."""
    (tmp_path / "corpus").mkdir()
    say(tmp_path, ["a/0.wav", "a/1.wav"])
    torch.manual_seed(0)
    config = content_config(hidden=32, n_layers=1)
    teacher = ContentTeacher(config)
    teacher.encoder.save_pretrained(tmp_path / "content")
    heads = {k: v for k, v in teacher.state_dict().items() if not k.startswith("encoder.")}
    torch.save(heads, tmp_path / "content" / "heads.pt")
    project = {"weight": torch.randn(8, 32, 2), "bias": torch.zeros(8)}
    save_file(
        {
            "quantizer.codebook": torch.randn(N_BINS, 8),
            **{f"quantizer.project.{name}": value for name, value in project.items()},
        },
        tmp_path / "codebook.safetensors",
    )
    old = {"a/0.wav": np.arange(5), "a/1.wav": np.arange(7)}
    save_states(tmp_path / "alignment.npz", old)
    save_tokens(tmp_path / "tokens.npz", old)
    (tmp_path / "t2s").mkdir()
    save_tokens(tmp_path / "t2s" / "tokens-1.12.npz", old)
    return tmp_path


def test_new_utterances_are_aligned_and_tokenised(work: Path) -> None:
    say(work, ["b/0.wav", "b/1.wav"])
    items = train_items(work / "corpus")
    assert take_in(work, items, "cpu") == 2
    states = load_states(work / "alignment.npz")
    tokens = load_tokens(work / "tokens.npz")
    faster = load_tokens(work / "t2s" / "tokens-1.12.npz")
    assert set(states) == set(tokens) == set(faster) == {item.file for item in items}
    for file in ("b/0.wav", "b/1.wav"):
        assert np.all(np.diff(states[file]) >= 0)  # an alignment never goes back
        assert len(tokens[file]) == round(SECONDS * 25) - 1
        # The same speech played faster, and 0.6 s of silence after it.
        assert abs(len(faster[file]) - (SECONDS / 1.12 + 0.6) * 25) <= 1.5


def test_what_was_there_stays_and_a_second_run_finds_nothing(work: Path) -> None:
    say(work, ["b/0.wav"])
    items = train_items(work / "corpus")
    take_in(work, items, "cpu")
    assert load_tokens(work / "tokens.npz")["a/1.wav"].tolist() == list(range(7))
    assert load_states(work / "alignment.npz")["a/0.wav"].tolist() == list(range(5))
    assert take_in(work, items, "cpu") == 0
