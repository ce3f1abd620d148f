"""A sequence says how much of it can be spoken, and a second attempt goes on from there."""

import numpy as np
import torch

from comps.gptsovits.engine.guard import DOUBTFUL_RUN, Fault
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.pacing import FIRST_TOKENS, LOOKAHEAD_TOKENS, Cuts
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.sampling import Draw, History, Sampler
from comps.gptsovits.engine.scheduler import Key
from comps.gptsovits.engine.sequence import Sequence

VOCABULARY = 65
N_PHONEMES = 40
FIRST_NEEDED = FIRST_TOKENS + LOOKAHEAD_TOKENS


def sequence(**changes: object) -> Sequence:
    prompt = torch.zeros(0, dtype=torch.long)
    facts = {
        "key": Key(0, 0),
        "phonemes": torch.zeros(N_PHONEMES, dtype=torch.long),
        "bert": None,
        "prompt": prompt,
        "n_phonemes": N_PHONEMES,
        "sampler": Sampler.of(SpeechOptions(), VOCABULARY - 1),
        "noise": Noise(0),
        "history": History.of_prompt(prompt, VOCABULARY),
        "max_tokens": 300,
        "cuts": Cuts(0),
    }
    return Sequence(**(facts | changes))  # type: ignore[arg-type]


def speech(n: int) -> list[int]:
    return np.random.default_rng(0).integers(0, 60, n).tolist()


def told(live: Sequence, tokens: list[int]) -> Sequence:
    for token in tokens:
        live.take(Draw(token, is_end=False))
    return live


def cut(live: Sequence) -> int:
    assert live.cuts is not None
    return live.cuts.last


def test_the_first_cut_is_passed_as_soon_as_enough_is_ahead_of_it() -> None:
    live = told(sequence(), speech(FIRST_NEEDED - 1))
    assert cut(live) == 0
    live.take(Draw(5, is_end=False))
    assert cut(live) == FIRST_TOKENS


def test_what_may_be_a_loop_is_not_spoken_until_it_is_over() -> None:
    live = told(sequence(), [*speech(20), *[7] * 14])
    before = cut(live)
    assert before + LOOKAHEAD_TOKENS < 20 + DOUBTFUL_RUN
    told(live, [7] * 10)
    assert cut(live) == before
    told(live, [8, 9])  # it was a pause
    assert cut(live) > before


def test_what_is_longer_than_its_text_is_not_spoken_until_it_ends() -> None:
    live = told(sequence(), speech(290))
    assert cut(live) < 1.5 * 2.3 * N_PHONEMES
    assert live.fault is Fault.NO_END


def test_a_fixed_number_of_tokens_is_spoken_whatever_it_says() -> None:
    live = told(sequence(is_guarded=False, max_tokens=200), [7] * 200)
    assert cut(live) > 100


def test_a_second_attempt_has_said_what_the_first_has() -> None:
    first = told(sequence(), speech(80))
    assert first.cuts is not None
    kept = first.tokens[: first.cuts.n_kept]
    second = sequence(cuts=first.cuts, tokens=list(kept), prompt=torch.tensor(kept), n_said=len(kept))
    assert second.n_positions == first.n_positions
    told(second, speech(300)[len(kept) : len(kept) + 60])
    assert cut(second) > len(kept) - LOOKAHEAD_TOKENS
