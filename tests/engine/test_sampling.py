"""The filters, each alone, and the draw."""

from collections import Counter

import pytest
import torch

from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.sampling import (
    MIN_TOKENS,
    History,
    Sampler,
    forbid_end_before,
    penalise_repeats,
    temperature,
    top_k,
    top_p,
)

V = 8
END = V - 1
LOGITS = torch.tensor([2.0, -1.0, 0.5, 3.0, 0.0, -2.0, 1.0, 4.0])


def history(*seen: int, n_new: int = 0) -> History:
    made = History.of_prompt(torch.tensor(seen, dtype=torch.long), V)
    made.n_new = n_new
    return made


def test_the_end_is_forbidden_for_exactly_so_many_tokens() -> None:
    apply = forbid_end_before(11, END)
    assert apply(LOGITS, history(n_new=10))[END] == -torch.inf
    assert apply(LOGITS, history(n_new=11))[END] == LOGITS[END]


def test_a_repeat_is_penalised_once_in_the_direction_of_less_likely() -> None:
    past = history(0, 0, 0, 1)
    past.append(3)
    got = penalise_repeats(2.0)(LOGITS, past)
    assert got.tolist() == [1.0, -2.0, 0.5, 1.5, 0.0, -2.0, 1.0, 4.0]


def test_top_p_drops_the_token_that_crosses_the_threshold() -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    kept = top_p(0.8001)(logits, history()) > -torch.inf
    assert kept.tolist() == [True, True, False, False]
    kept = top_p(0.79)(logits, history()) > -torch.inf
    assert kept.tolist() == [True, False, False, False]


def test_top_p_always_keeps_the_best() -> None:
    kept = top_p(0.01)(LOGITS, history()) > -torch.inf
    assert kept.nonzero().flatten().tolist() == [END]


def test_top_k_keeps_ties_with_the_last() -> None:
    logits = torch.tensor([3.0, 1.0, 1.0, 0.0])
    assert (top_k(2)(logits, history()) > -torch.inf).tolist() == [True, True, True, False]
    assert (top_k(99)(logits, history()) > -torch.inf).all()


def test_temperature_zero_means_the_best_token() -> None:
    sampler = Sampler.of(SpeechOptions(temperature=0.0, top_k=5), END)
    draws = {sampler.draw(LOGITS, history(), Noise(seed)).token for seed in range(50)}
    assert draws == {3}
    assert torch.isfinite(temperature(0.0)(LOGITS, history())).all()


def test_filters_leave_their_arguments_alone() -> None:
    logits, past = LOGITS.clone(), history(1, 2)
    for apply in (forbid_end_before(5, END), penalise_repeats(1.35), top_p(0.5), temperature(2.0), top_k(3)):
        apply(logits, past)
    assert torch.equal(logits, LOGITS)
    assert past.n_new == 0


def test_an_end_that_is_the_best_token_ends_even_if_another_is_drawn() -> None:
    sampler = Sampler.of(SpeechOptions(top_k=V, temperature=10.0), END)
    draws = [sampler.draw(LOGITS, history(n_new=MIN_TOKENS), Noise(seed)) for seed in range(20)]
    assert all(draw.is_end for draw in draws)
    assert any(draw.token != END for draw in draws)


def test_an_end_that_is_drawn_ends() -> None:
    logits = LOGITS.clone()
    logits[END] = 2.9
    sampler = Sampler.of(SpeechOptions(top_k=V), END)
    draws = [sampler.draw(logits, history(n_new=MIN_TOKENS), Noise(seed)) for seed in range(200)]
    assert all(draw.is_end == (draw.token == END) for draw in draws)
    assert any(draw.is_end for draw in draws)


def test_a_fixed_number_of_tokens_never_ends_by_itself() -> None:
    sampler = Sampler.of(SpeechOptions(n_tokens=100), END)
    assert not any(sampler.draw(LOGITS, history(n_new=500), Noise(seed)).is_end for seed in range(50))


def test_draws_follow_the_softmax() -> None:
    sampler = Sampler.of(SpeechOptions(top_k=V, repetition_penalty=1.0), END)
    n = 4_000
    counts = Counter(sampler.draw(LOGITS, history(n_new=MIN_TOKENS + k), Noise(0)).token for k in range(n))
    for token, share in enumerate(LOGITS.softmax(-1).tolist()):
        assert abs(counts[token] / n - share) < 0.03


def test_seeds_draw_independently() -> None:
    sampler = Sampler.of(SpeechOptions(top_k=V, repetition_penalty=1.0), END)
    n = 4_000
    counts = Counter(sampler.draw(LOGITS, history(n_new=MIN_TOKENS), Noise(k)).token for k in range(n))
    for token, share in enumerate(LOGITS.softmax(-1).tolist()):
        assert abs(counts[token] / n - share) < 0.03


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_noise_is_exponential_and_depends_on_seed_step_and_token_alone(seed: int) -> None:
    noise = torch.stack([Noise(seed).of_step(step, 1025) for step in range(100)])
    assert noise.min() > 0
    assert abs(noise.mean() - 1.0) < 0.02
    assert abs(noise.std() - 1.0) < 0.02
    assert torch.equal(noise[7, :10], Noise(seed).of_step(7, 10))
    assert len(noise.unique()) > 0.95 * noise.numel()
