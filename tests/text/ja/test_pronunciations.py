"""Pronunciations as users write them."""

import pytest

from comps.gptsovits.text.language import Inventory
from comps.gptsovits.text.registry import front_end


def spell(pronunciation: str, inventory: Inventory = "v2") -> list[str] | None:
    groups = front_end("ja").spell(pronunciation, inventory=inventory)  # type: ignore[attr-defined]
    if groups is None:
        return None
    (group,) = groups
    return list(group)


@pytest.mark.parametrize("kana", ["ハシ'オ", "はし'お", "ﾊｼ’ｵ", "ハ シ'オ"])
def test_kana_of_any_kind_says_the_same(kana: str) -> None:
    assert spell(kana) == ["h", "a", "[", "sh", "i", "]", "o"]


def test_the_apostrophe_tells_words_apart() -> None:
    assert spell("ハ'シ") == ["h", "a", "]", "sh", "i"]
    assert spell("ハシ") == ["h", "a", "[", "sh", "i"]


def test_kana_is_said_as_written() -> None:
    assert spell("ハ") == ["h", "a"]  # the particle は would be "wa"
    assert spell("ヅ") == spell("ズ")
    assert spell("トーキョー") == ["t", "o", "[", "o", "ky", "o", "o"]


def test_phrases_and_pauses() -> None:
    assert spell("ア/イ、ウ") == ["a", "UNK", "i", ",", "u"]


def test_phones_pass_through_and_v1_has_no_pitch() -> None:
    assert spell("h a [ sh i") == ["h", "a", "[", "sh", "i"]
    assert spell("h a [ sh i", "v1") == ["h", "a", "UNK", "sh", "i"]


@pytest.mark.parametrize(
    "other", ["", " ", "'", "東京", "hello", "T AH0", "ー", "ア''イ", "//", "、", "안녕"]
)
def test_other_notations_are_not_taken_for_kana(other: str) -> None:
    assert spell(other) is None
