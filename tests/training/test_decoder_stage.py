"""The decoder's two halves, for a few steps on a few seconds of made-up voices."""

import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

pytest.importorskip("matplotlib", reason="the extra `train` is not installed")

from comps.gptsovits.networks.t2s import T2S, T2SConfig
from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.training import joint, likeness, prior, vocoder
from comps.gptsovits.training.alignment import chain_of
from comps.gptsovits.training.codebook import save_tokens
from comps.gptsovits.training.discriminators import Discriminators
from comps.gptsovits.training.guesses import load_guesses
from comps.gptsovits.training.labels import save_states
from comps.gptsovits.training.latents import latent_frames, louder
from comps.gptsovits.training.sizes import LATENT_CHANNELS, SAMPLE_RATE
from comps.gptsovits.training.split import is_for_training, read_items

SECONDS = 1.6


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of three voices, each a few harmonic sounds, with tokens of chance."""
    folder = tmp_path_factory.mktemp("training")
    random = np.random.default_rng(0)
    time = np.arange(int(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    rows, tokens = [], {}
    for voice in range(3):
        (folder / "corpus" / f"v{voice}").mkdir(parents=True)
        for take in range(3):
            pitch = 90 * (voice + 1) * (1 + 0.2 * np.sin(2 * np.pi * (1 + take) * time))
            phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
            sound = sum(np.sin(phase * k) / k for k in range(1, 8)) * 0.2
            sound = sound + 0.01 * random.standard_normal(len(time))
            file = f"v{voice}/{take}.wav"
            soundfile.write(folder / "corpus" / file, sound.astype(np.float32), SAMPLE_RATE)
            row = {"file": file, "speaker": f"v{voice}", "text": f"Take {take}."}
            rows.append({**row, "phones": ["T EY1 K", "T UW1", "."], "seconds": SECONDS})
            tokens[file] = random.integers(0, 32, int(SECONDS * 25) - 1)
    (folder / "corpus" / "metadata.jsonl").write_text("\n".join(json.dumps(r) for r in rows), "utf-8")
    items = read_items(folder / "corpus")
    save_tokens(folder / "tokens.npz", {item.file: tokens[item.file] for item in items})
    frames = int(SECONDS * 100) - 2
    states = [np.linspace(0, len(chain_of(i.phones).phones) - 1, frames).round() for i in items]
    (folder / "t2s").mkdir()
    save_tokens(
        folder / "t2s" / "tokens-1.25.npz",
        {file: random.integers(0, 32, int(SECONDS / 1.25 * 25) + 15) for file in tokens},
    )
    save_states(
        folder / "alignment.npz",
        {item.file: row.astype(np.int64) for item, row in zip(items, states, strict=True)},
    )
    codebook = {"quantizer.codebook": torch.randn(32, 16), "quantizer.project.bias": torch.zeros(16)}
    save_file(
        {**codebook, "quantizer.project.weight": torch.randn(16, 24, 2)}, folder / "codebook.safetensors"
    )
    return folder


def run(stage: ModuleType, work: Path, *options: str) -> None:
    places = ["--corpus", str(work / "corpus"), "--work", str(work), "--batch", "2", "--report", "1"]
    stage.main([*places, "--device", "cpu", *options])


def figures(work: Path, stage: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in (work / "logs" / f"{stage}.jsonl").read_text().splitlines()]


def test_both_halves_train_resume_and_leave_what_the_next_stage_needs(work: Path) -> None:
    assert any(is_for_training(item) for item in read_items(work / "corpus"))
    few = ("--save-every", "2", "--adversarial-from", "2", "--frames", "12")
    run(vocoder, work, "--steps", "2", *few)
    run(vocoder, work, "--steps", "4", *few)
    assert [row["step"] for row in figures(work, "vocoder")] == [1, 2, 3, 4]
    assert "judge" not in figures(work, "vocoder")[1]
    assert "judge" in figures(work, "vocoder")[-1]

    run(prior, work, "--steps", "3", "--save-every", "3", "--tokens", "16", "--factors")
    rows = figures(work, "prior")
    assert np.isfinite([[row["divergence"], row["surprise"]] for row in rows]).all()
    assert (work / "logs" / "prior.png").exists()

    run(likeness, work, "--steps", "2", "--frames", "20", "--factors")
    run(likeness, work, "--steps", "3", "--frames", "20", "--factors")
    assert [row["step"] for row in figures(work, "likeness")] == [1, 2, 3]

    few = ("--tokens", "16", "--frames", "12", "--save-every", "2")
    run(joint, work, "--steps", "2", *few, "--factors")
    run(joint, work, "--steps", "3", *few, "--factors", "1.25")
    assert [row["step"] for row in figures(work, "joint")] == [1, 2, 3]
    assert np.isfinite(
        [[row["mel"], row["divergence"], row["deceive"]] for row in figures(work, "joint")]
    ).all()
    halves, _ = joint.joined_halves(work)
    last = torch.load(work / "decoder" / "joint.pt", weights_only=True)["model"]
    moved = {name for name, value in halves.state_dict().items() if not value.equal(last[name])}
    assert {name.split(".")[0] for name in moved} == {"style_encoder", "prior", "flow", "vocoder"}


def test_the_decoder_meets_what_t2s_would_have_said(work: Path) -> None:
    pairs = prior.load_pairs(work / "corpus", work)
    assert load_guesses(work, pairs.pieces, "cpu", seed=1) == {}, "T2S has not been trained"
    config = T2SConfig(
        n_symbols=len(symbol_table("v2")),
        vocab_size=33,
        dim=16,
        n_heads=2,
        ffn_dim=16,
        n_layers=1,
        bert_dim=4,
    )
    (work / "t2s" / "config.json").write_text(json.dumps(asdict(config)))
    save_file(T2S(config).state_dict(), work / "t2s" / "model.safetensors")
    pairs.guesses = load_guesses(work, pairs.pieces, "cpu", seed=1)
    again = load_guesses(work, pairs.pieces, "cpu", seed=2)
    for index, piece in pairs.pieces.items():
        assert pairs.guesses[index].shape == piece.tokens.shape
        assert pairs.guesses[index].max() < 32, "no end is among them"
        assert np.array_equal(pairs.guesses[index], again[index]), "they are kept"
    pairs.guesses = {index: np.full_like(tokens, 99) for index, tokens in again.items()}
    tokens = torch.cat([batch.tokens.flatten() for batch in islice(pairs.batches(4, 16, seed=1), 20)])
    assert 0.1 < float((tokens == 99).float().mean()) < 0.4


def test_a_voice_played_faster_is_another_voice_with_what_belongs_to_it(work: Path) -> None:
    once, twice = prior.load_pairs(work / "corpus", work), prior.load_pairs(work / "corpus", work, [1.25])
    assert set(twice.voices) == set(once.voices) | {f"{name}@1.25" for name in once.voices}
    for name, members in once.voices.items():
        for slow, quick in zip(members, twice.voices[f"{name}@1.25"], strict=True):
            assert twice.sounds.seconds(quick) == pytest.approx(once.sounds.seconds(slow) / 1.25, abs=0.01)
            assert len(twice.latents.of(quick)) // 2 == pytest.approx(len(twice.pieces[quick].tokens), abs=1)
            assert np.array_equal(twice.pieces[quick].phonemes, once.pieces[slow].phonemes)


def test_latents_of_a_louder_sound_are_the_latents_moved() -> None:
    sound = torch.randn(1, 4800) * 0.1
    moved = louder(latent_frames(sound)[0].numpy(), 2.0)
    assert np.allclose(moved, latent_frames(2.0 * sound)[0].numpy(), atol=1e-3)


@torch.no_grad()
def test_a_voice_is_like_itself_and_not_like_others() -> None:
    encoder = likeness.VoiceEncoder()
    latent, mask = torch.randn(2, LATENT_CHANNELS, 30), torch.ones(2, 30, dtype=torch.bool)
    assert likeness.unlikeness(encoder, latent, latent, mask) == pytest.approx(0.0, abs=1e-6)
    assert likeness.unlikeness(encoder, latent, latent.flip(0), mask) > 0.0
    assert encoder(latent, mask).norm(dim=1).tolist() == pytest.approx([1.0, 1.0])


def test_every_judge_scores_samples_of_any_length() -> None:
    judges = Discriminators((4, 4), 4)
    scores, features = judges(torch.randn(1, 2001))
    assert len(scores) == len(features) == len(judges.judges)
