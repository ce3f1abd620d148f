"""The ear: tokens that say their phonemes fit, whatever pauses there are, and a skipped word does not."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from comps.gptsovits.ear import SILENCE, STRAY, UNHEARD, WORST, Ear

# Token t is heard in class t alone; symbol s is of class s, and 7, a mark, makes no sound.
N = 7
MARK = 7
EAR = Ear(
    np.log(np.full((N, N), 1e-3) + np.eye(N)).astype(np.float32),
    np.array([*range(N), SILENCE]),
)
TEXT = [1, 2, 3, 4, 5, 6, MARK]


def spoken(phonemes: list[int], n: int = 2) -> list[int]:
    return [token for phoneme in phonemes for token in [phoneme] * n]


def test_tokens_that_say_their_phonemes_fit_perfectly() -> None:
    assert EAR.fit(spoken([1, 2, 3, 4, 5, 6]), TEXT) == 0.0
    marked = [1, 2, MARK, 3, 4, MARK, 5, 6, MARK]
    assert EAR.fit([0, 0, 1, 2, 2, 2, 0, 3, 4, 0, 0, 5, 6, 0], marked) == 0.0  # with pauses, and unevenly


def test_the_longer_a_pause_that_no_mark_explains_the_worse_it_fits() -> None:
    fits = [EAR.fit(spoken([1, 2, 3]) + [0] * n + spoken([4, 5, 6]), TEXT) for n in range(6)]
    assert fits == sorted(fits, reverse=True)
    assert fits[1] == pytest.approx(STRAY / 13)


def test_the_more_is_left_out_the_worse_it_fits() -> None:
    fits = [EAR.fit(spoken([1, 2, 3, 4, 5, 6][: 6 - n]), TEXT) for n in range(6)]
    assert fits == sorted(fits, reverse=True)
    assert len(set(fits)) == len(fits)


@pytest.mark.parametrize("said", [[1, 2, 5, 6], [3, 4, 5, 6], [1, 2, 3, 4, 3, 4, 5, 6], [4, 5, 6, 1, 2, 3]])
def test_words_dropped_repeated_or_in_another_order_do_not_fit(said: list[int]) -> None:
    assert EAR.fit(spoken(said), TEXT) < EAR.fit(spoken([1, 2, 3, 4, 5, 6]), TEXT) - 0.2


def test_nothing_is_the_worst() -> None:
    assert EAR.fit([], TEXT) == WORST
    assert EAR.fit([1, 2], [MARK]) == WORST
    assert EAR.fit(spoken([6, 5] * 40), [1, 2]) >= WORST


def cheapest(misfit: NDArray[np.float32], phonemes: tuple[int, ...]) -> float:
    """The best of all ways to lay phonemes along tokens, tried one by one."""
    n, best = len(misfit), -np.inf
    for n_heard in range(1, len(phonemes) + 1):
        for heard in itertools.combinations(range(len(phonemes)), n_heard):
            # No two that are passed over may be neighbours, but at the ends.
            inner = [i for i in range(heard[0], heard[-1]) if i not in heard]
            if any(b - a == 1 for a, b in itertools.pairwise(inner)):
                continue
            cost = float(UNHEARD) * (len(phonemes) - n_heard)
            for places in itertools.product(range(-1, n_heard), repeat=n):
                path = [place for place, _ in itertools.groupby(places) if place >= 0]
                # Every phoneme that is heard is heard once, in one piece: a pause within it would be two.
                if path == list(range(n_heard)):
                    row = [SILENCE if p < 0 else phonemes[heard[p]] for p in places]
                    # There are no marks: all pauses between phonemes are stray.
                    said = [t for t, place in enumerate(places) if place >= 0]
                    n_stray = sum(place < 0 for place in places[said[0] : said[-1]])
                    fit = float(sum(misfit[t, c] for t, c in enumerate(row)))
                    best = max(best, fit + cost + float(STRAY) * n_stray)
    return best / n


@pytest.mark.parametrize(("n_tokens", "n_phonemes"), [(5, 3), (3, 5)])
@pytest.mark.parametrize("seed", range(8))
def test_no_other_way_of_laying_phonemes_along_tokens_fits_better(
    seed: int, n_tokens: int, n_phonemes: int
) -> None:
    random = np.random.default_rng(seed)
    sounds = random.normal(0, 2, (5, 4)).astype(np.float32)
    ear = Ear(sounds, np.arange(4))
    tokens, phonemes = random.integers(0, 5, n_tokens), random.integers(1, 4, n_phonemes)
    misfit = np.maximum(sounds - sounds.max(1, keepdims=True), WORST)[tokens]
    expected = max(WORST, cheapest(misfit, tuple(phonemes.tolist())))
    assert ear.fit(tokens.tolist(), phonemes.tolist()) == pytest.approx(expected, abs=1e-5)


def test_a_table_that_does_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="classes"):
        Ear(np.zeros((4, 3), np.float32), np.array([0, 3]))
    with pytest.raises(ValueError, match="table"):
        Ear(np.full((4, 3), np.nan, np.float32), np.array([0, 1]))
    with pytest.raises(ValueError, match="table"):
        Ear(np.zeros(4, np.float32), np.array([0]))
