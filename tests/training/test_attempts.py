"""Attempts of a T2S are those that the engine's sampler would draw, whoever else is speaking."""

import numpy as np
import torch

from comps.gptsovits.devices import Precision
from comps.gptsovits.engine import SpeechOptions
from comps.gptsovits.networks.t2s import T2S, T2SConfig
from comps.gptsovits.training.attempts import Speaker, Task
from comps.gptsovits.training.reading import read

CONFIG = T2SConfig(n_symbols=40, vocab_size=33, dim=32, n_heads=2, ffn_dim=64, n_layers=2, bert_dim=16)


def model_of(seed: int) -> T2S:
    torch.manual_seed(seed)
    model = T2S(CONFIG).eval()
    for embedding in (model.phoneme_embedding, model.token_embedding):
        torch.nn.init.normal_(embedding.weight, std=0.3)
    return model


def task_of(rng: np.random.Generator, n_phonemes: int) -> Task:
    return Task(
        prompt_phonemes=rng.integers(0, 40, 7),
        prompt=rng.integers(0, 32, 12),
        phonemes=rng.integers(0, 40, n_phonemes),
    )


def test_there_are_as_many_attempts_as_asked_for_at_each_task_however_few_rows() -> None:
    rng = np.random.default_rng(0)
    tasks = [task_of(rng, n) for n in (3, 9, 6)]
    found = Speaker(model_of(0), n_rows=4, capacity=256).attempts(tasks, 3, seed=5)
    assert [len(own) for own in found] == [3, 3, 3]
    for task, own in zip(tasks, found, strict=True):
        for attempt in own:
            assert all(0 <= token < 32 for token in attempt.tokens)
            assert attempt.has_ended or len(attempt.tokens) > 2 * len(task.phonemes)


def test_an_attempt_is_what_the_sampler_draws_alone() -> None:
    rng = np.random.default_rng(1)
    tasks = [task_of(rng, n) for n in (4, 8)]
    model = model_of(1)
    speaker = Speaker(model, precision=Precision.EXACT, n_rows=8, capacity=256)
    found = speaker.attempts(tasks, 2, seed=40)
    for k, (task, own) in enumerate(zip(tasks, found, strict=True)):
        prompt = (task.prompt_phonemes.tolist(), task.prompt)
        for i, attempt in enumerate(own):
            tokens, has_ended = read(
                model, prompt, task.phonemes.tolist(), SpeechOptions(), seed=40 + 2 * k + i
            )
            assert (attempt.tokens, attempt.has_ended) == (tokens.tolist(), has_ended)


def test_attempts_do_not_change_the_model_that_makes_them() -> None:
    model = model_of(2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Speaker(model, n_rows=2, capacity=128).attempts([task_of(np.random.default_rng(2), 5)], 2, seed=0)
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
