"""T2S is taught what the ear understands: pairs of its attempts, and a step towards the better ones."""

import argparse

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib", reason="the extra `train` is not installed")

from comps.gptsovits.ear import SILENCE, Ear
from comps.gptsovits.networks.t2s import T2S, T2SConfig
from comps.gptsovits.training.attempts import Attempt, Task
from comps.gptsovits.training.pieces import Example
from comps.gptsovits.training.prefer import (
    LENGTHS,
    TEMPOS,
    Pair,
    Trainer,
    disturbed,
    examples_of,
    fits_of,
    log_likelihood,
    pair_of,
    sharpened,
)
from comps.gptsovits.training.t2s import collate

N_PHONEMES = 6
# Token k is heard as phoneme k; phoneme 0 is the pause.
SOUNDS = np.log(np.full((N_PHONEMES, N_PHONEMES), 0.01) + 0.94 * np.eye(N_PHONEMES)).astype(np.float32)
EAR = Ear(SOUNDS, np.arange(N_PHONEMES))
assert SILENCE == 0
CONFIG = T2SConfig(
    n_symbols=N_PHONEMES, vocab_size=N_PHONEMES + 1, dim=32, n_heads=2, ffn_dim=64, n_layers=4, bert_dim=16
)
TASK = Task(np.array([1, 2, 0]), np.array([1, 1, 2, 2, 0]), np.array([1, 2, 3, 4, 5]))
GOOD = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5]
BAD = [1, 1, 2, 2, 5, 5, 1, 1, 3, 3, 2, 2]


def test_the_better_attempt_says_the_phonemes_and_the_worse_one_does_not() -> None:
    attempts = [Attempt(BAD, True), Attempt(GOOD, True), Attempt([1, 2, 2, 2, 2, 2, 2, 4, 4, 5, 5], True)]
    pair = pair_of(TASK, attempts, fits_of(TASK, attempts, EAR))
    assert pair is not None
    assert (pair.better, pair.worse) == (GOOD, BAD)


def test_what_did_not_end_is_never_the_better_one() -> None:
    attempts = [Attempt(GOOD, False), Attempt(BAD, True), Attempt([1, 1, 2, 2, 3, 3, 4, 4, 1, 1, 1], True)]
    pair = pair_of(TASK, attempts, fits_of(TASK, attempts, EAR))
    assert pair is not None
    assert pair.better == attempts[2].tokens
    faulty = [Attempt(GOOD, False), Attempt(BAD, False)]
    assert pair_of(TASK, faulty, fits_of(TASK, faulty, EAR)) is None


def test_neither_of_a_pair_is_much_longer() -> None:
    long = [token for token in BAD for _ in range(2)]
    attempts = [Attempt(GOOD, True), Attempt(long, True)]
    assert len(long) > LENGTHS * len(GOOD)
    assert pair_of(TASK, attempts, fits_of(TASK, attempts, EAR)) is None


def test_attempts_that_are_alike_teach_nothing() -> None:
    attempts = [Attempt(GOOD, True), Attempt(GOOD, True)]
    assert pair_of(TASK, attempts, fits_of(TASK, attempts, EAR)) is None


def model_of(seed: int) -> T2S:
    torch.manual_seed(seed)
    return T2S(CONFIG).eval()


def test_the_likelihood_is_that_of_what_follows_the_prompt_and_of_the_end() -> None:
    model, example = model_of(0), examples_of([pair()])[0]
    tokens = torch.from_numpy(example.tokens)[None]
    logits = model(torch.from_numpy(example.phonemes)[None], None, tokens)[0] / 0.5
    targets = torch.cat([tokens[0], torch.tensor([CONFIG.end_token])])
    each = logits.log_softmax(-1).gather(-1, targets[:, None])[:, 0]
    expected = each[example.n_given :].sum()
    alone = log_likelihood(model, [example], 0.5)[0]
    beside = log_likelihood(model, [example, longer(example)], 0.5)[0]
    assert torch.allclose(alone, expected, atol=1e-4)
    assert torch.allclose(beside, expected, atol=1e-3)  # whatever it is padded to


def pair() -> Pair:
    attempts = [Attempt(BAD, True), Attempt(GOOD, True)]
    found = pair_of(TASK, attempts, fits_of(TASK, attempts, EAR))
    assert found is not None
    return found


def longer(example: Example) -> Example:
    twice = np.concatenate([example.tokens, example.tokens])
    return Example(np.tile(example.phonemes, 2), twice, np.zeros_like(twice), example.n_given)


def test_steps_make_the_better_likelier_beside_the_worse() -> None:
    options = argparse.Namespace(
        device="cpu", rate=3e-3, dropout=0.1, temperature=0.5, strength=0.1, speech=0.5, own_tokens=0.2
    )
    trainer = Trainer(model_of(1), options)
    examples = examples_of([pair()])
    speech = collate(examples[:1], CONFIG.end_token, 0.0, np.random.default_rng(0))

    def lead() -> float:
        with torch.no_grad():
            better, worse = log_likelihood(trainer.model.eval(), examples, options.temperature)
        trainer.model.train()
        return float(better - worse)

    begun = lead()
    reports = [trainer.step([pair()] * 2, speech, step) for step in range(12)]
    assert lead() > begun + 1.0
    assert reports[-1]["preference"] < reports[0]["preference"] == pytest.approx(np.log(2.0), abs=0.02)
    assert reports[-1]["told_apart"] == 1.0


def test_a_sharpened_copy_has_logits_that_are_that_much_larger() -> None:
    model = model_of(2)
    phonemes, tokens = torch.tensor([[1, 2, 3]]), torch.tensor([[1, 2]])
    with torch.no_grad():
        plain, sharp = model(phonemes, None, tokens), sharpened(model, 0.4)(phonemes, None, tokens)
    assert torch.allclose(sharp, plain / 0.4, atol=1e-5)


def test_a_strangers_prompt_is_as_its_kin_but_not_the_same() -> None:
    rng = np.random.default_rng(3)
    prompt = np.repeat(np.arange(100), 2)
    for _ in range(20):
        heard = disturbed(prompt, 512, rng)
        assert len(prompt) * 0.7 / TEMPOS[1] - 1 <= len(heard) <= len(prompt) / TEMPOS[0] + 1
        assert 0 <= heard.min() <= heard.max() < 512
        assert np.isin(heard, prompt).mean() >= 0.5
        assert not np.array_equal(heard, prompt)
