"""What T2S is trained on looks like what inference gives it."""

import numpy as np
import pytest

from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.training.alignment import chain_of
from comps.gptsovits.training.labels import Alignment
from comps.gptsovits.training.pieces import TokenUtterance, joined

PHRASE = ("DH AH0", "K AE1 T", ",", "S AE1 T", "AA1 N", "M AE1 T S", ".")
TAIL = 15


@pytest.fixture
def utterance() -> TokenUtterance:
    chain = chain_of(PHRASE)
    states = np.repeat(np.arange(len(chain.phones)), 8)  # 80 ms each: two tokens
    n_samples = len(states) * 160 + 240
    n_speech = ((n_samples - 400) // 320 + 1) // 2
    tokens = np.arange(n_speech + TAIL)
    return TokenUtterance(PHRASE, Alignment(PHRASE, states), tokens, n_speech, 1.0)


def test_a_whole_piece_is_the_utterance_as_the_front_end_reads_it(utterance: TokenUtterance) -> None:
    piece = utterance.piece()
    table = symbol_table("v2")
    assert [table.symbols[p] for p in piece.phonemes] == [
        symbol for entry in PHRASE for symbol in entry.split()
    ]
    assert np.all(np.diff(piece.tokens) == 1)
    assert np.all(np.diff(piece.symbol) >= 0)
    assert piece.symbol[-1] == len(piece.phonemes) - 1


def test_a_cut_piece_ends_in_a_stop_and_keeps_the_silence_at_its_ends(utterance: TokenUtterance) -> None:
    whole, piece = utterance.piece(), utterance.piece(1, 3)
    table = symbol_table("v2")
    assert [table.symbols[p] for p in piece.phonemes] == ["K", "AE1", "T", ",", "S", "AE1", "T", "."]
    assert piece.tokens[0] == whole.tokens[0]
    assert piece.tokens[-1] == whole.tokens[-1]
    assert len(piece.tokens) < len(whole.tokens)


def test_a_very_short_text_gets_a_stop_in_front_as_at_inference(utterance: TokenUtterance) -> None:
    piece = utterance.piece(0, 1)
    table = symbol_table("v2")
    assert [table.symbols[p] for p in piece.phonemes] == [".", "DH", "AH0", "."]


def test_a_prompt_is_followed_by_its_silence_and_numbers_its_phonemes_first(
    utterance: TokenUtterance,
) -> None:
    prompt, target = utterance.piece(0, 2), utterance.piece(2, 5)
    example = joined([prompt, target], [utterance.tail, np.zeros(0, np.int64)], n_prompts=1)
    assert example.n_given == len(prompt.tokens) + TAIL
    assert len(example.tokens) == example.n_given + len(target.tokens)
    assert example.symbol[example.n_given :].min() >= len(prompt.phonemes)
    assert example.size == len(example.phonemes) + len(example.tokens)
