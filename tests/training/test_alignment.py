"""Laws of alignment, of cutting pieces out of utterances, and of the figures."""

import numpy as np
import pytest

from comps.gptsovits.training.alignment import PHONES, SILENCE, chain_of, viterbi

PHRASE = ("DH AH0", "K AE1 T", ",", "S AE1 T", ".")


def test_a_chain_holds_each_phoneme_once_and_a_pause_around_each_word() -> None:
    chain = chain_of(PHRASE)
    assert [PHONES[p] for p in chain.phones] == [
        *("SIL", "DH", "AH", "SIL", "K", "AE", "T", "SIL", "S", "AE", "T", "SIL")
    ]
    # Symbols as the front end emits them: DH AH0 K AE1 T , S AE1 T .
    assert chain.mark.tolist() == [0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert chain.word[chain.phones != SILENCE].tolist() == [0, 0, 1, 1, 1, 2, 2, 2]


def test_viterbi_finds_the_boundaries_that_the_scores_show_and_skips_pauses() -> None:
    chain = chain_of(PHRASE)
    spoken = np.flatnonzero(chain.phones != SILENCE)
    truth = np.repeat(spoken, 3)
    scores = np.full((len(truth), len(PHONES)), -5.0, np.float32)
    scores[np.arange(len(truth)), chain.phones[truth]] = 0.0
    (path,), score = viterbi([scores], [chain.phones])
    assert path.tolist() == truth.tolist()
    assert score[0] == pytest.approx(0.0)


def test_alignment_of_an_utterance_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    chains = [chain_of(PHRASE), chain_of(PHRASE[:2])]
    scores = [rng.standard_normal((n, len(PHONES))).astype(np.float32) for n in (30, 17)]
    together, _ = viterbi(scores, [chain.phones for chain in chains])
    alone = [viterbi([s], [c.phones])[0][0] for s, c in zip(scores, chains, strict=True)]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


def test_an_utterance_too_short_for_its_text_is_told_by_its_score() -> None:
    chain = chain_of(PHRASE)
    _, score = viterbi([np.zeros((4, len(PHONES)), np.float32)], [chain.phones])
    assert score[0] < -1e20
