"""How words are counted; no model needed."""

import pytest

pytest.importorskip("jiwer", reason="the extra `eval` is not installed")

from comps.gptsovits.training.words import compare, wer, words


def test_spelling_and_punctuation_are_no_errors() -> None:
    assert words("Mr. Smith's 25 dogs, it's OK!") == [
        *("mister", "smiths", "twenty", "five", "dogs", "its", "okay")
    ]
    assert compare("Every day.", "everyday").wrong == 0


def test_a_word_heard_as_two_is_no_error_among_errors_either() -> None:
    joined = compare("the butter cream smothered the cake", "the buttercream smothered a cake")
    assert (joined.wrong, joined.dropped) == (1, 0)
    split = compare(
        "they liked to race cross country nightclubs", "they like to race crosscountry night clubs"
    )
    assert (split.wrong, split.dropped) == (1, 0)
    assert compare("a knee deep river", "a deep river").dropped == 1
    beside = compare("a prima facie case", "a primafacic case")  # not the same letters
    assert (beside.wrong, beside.dropped) == (2, 1)


def test_each_kind_of_error_counts_once() -> None:
    assert compare("the cat sat", "the cat").wrong == 1
    assert compare("the cat sat", "the cat sat down").wrong == 1
    assert compare("the cat sat", "the bat sat").wrong == 1
    assert compare("the cat sat", "").wrong == 3


def test_dropped_words_are_those_that_nothing_stands_for() -> None:
    lost = compare("we walked along the river bank", "we walked the river tank")
    assert (lost.wrong, lost.dropped, lost.repeated, lost.cut_short) == (2, 1, 0, 0)


def test_words_missing_at_the_end_are_told_from_those_within() -> None:
    assert compare("we walked along the river", "we walked along").cut_short == 2
    assert compare("we walked along the river", "walked along the river").cut_short == 0
    assert compare("gone", "").cut_short == 1


def test_a_repeated_word_is_one_that_is_heard_beside_itself() -> None:
    assert compare("we walked along", "we walked walked along").repeated == 1
    assert compare("we walked along", "we walked home along").repeated == 0


def test_the_rate_is_over_all_words_together() -> None:
    assert wer(["one two three", "four"], ["one two three", ""]) == pytest.approx(0.25)
