"""How words are counted; no model needed."""

import pytest

from comps.gptsovits.training.judge import wer, word_errors, words


def test_spelling_and_punctuation_are_no_errors() -> None:
    assert words("Mr. Smith's 25 dogs, it's OK!") == [
        *("mister", "smiths", "twenty", "five", "dogs", "its", "okay")
    ]
    assert word_errors("Every day.", "everyday") == (0, 2)


def test_each_kind_of_error_counts_once() -> None:
    assert word_errors("the cat sat", "the cat") == (1, 3)
    assert word_errors("the cat sat", "the cat sat down") == (1, 3)
    assert word_errors("the cat sat", "the bat sat") == (1, 3)
    assert word_errors("the cat sat", "") == (3, 3)


def test_the_rate_is_over_all_words_together() -> None:
    assert wer(["one two three", "four"], ["one two three", ""]) == pytest.approx(0.25)
