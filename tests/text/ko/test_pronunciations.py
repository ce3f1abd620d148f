"""Pronunciations as users write them, and letters in other forms of Unicode."""

import unicodedata

import pytest

from comps.gptsovits.text.registry import front_end


def spell(pronunciation: str) -> list[str] | None:
    groups = front_end("ko").spell(pronunciation, inventory="v2")  # type: ignore[attr-defined]
    return None if groups is None else list(groups[0])


def test_hangul_is_taken_literally() -> None:
    assert spell("가치") == ["ㄱ", "ㅏ", "ㅊ", "ㅣ"]
    assert spell("같이") == ["ㄱ", "ㅏ", "ㅌ", "ㅇ", "ㅣ"]


def test_spaces_and_single_letters_are_allowed() -> None:
    assert spell("가 ㄴㅏ") == ["ㄱ", "ㅏ", "空", "ㄴ", "ㅏ"]


@pytest.mark.parametrize("other", ["", " ", ".", "abc", "T AH0", "かな", "가1", "漢字", "ni3 hao3"])
def test_other_notations_are_not_taken_for_hangul(other: str) -> None:
    assert spell(other) is None


def test_decomposed_hangul_is_read_like_composed() -> None:
    reader = front_end("ko")
    text = "꽃잎이 10개 떨어진다."
    assert reader.phonemize(unicodedata.normalize("NFD", text), inventory="v2") == reader.phonemize(
        text, inventory="v2"
    )


def test_marks_of_our_own_in_a_text_mean_nothing() -> None:
    assert front_end("ko").phonemize("3개\ue002", inventory="v2")[0][-1] == "停"
