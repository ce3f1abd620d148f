"""Numbers and letters in hangul."""

import pytest

from comps.gptsovits.text.ko.reading import latin_to_hangul, read_number
from comps.gptsovits.text.registry import front_end


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0", "영"),
        ("1", "일"),
        ("10", "십"),
        ("11", "십일"),
        ("100", "백"),
        ("1,234", "천이백삼십사"),
        ("10000", "만"),
        ("10,001", "만일"),
        ("110000", "십일만"),
        ("210,000", "이십일만"),
        ("100000000", "일억"),
        ("123456789", "일억이천삼백사십오만육천칠백팔십구"),
        ("1000000000000", "일조"),
        ("1" * 17, "일" * 17),
        ("000", "영영영"),
    ],
)
def test_numbers_in_chinese_numerals(number: str, words: str) -> None:
    assert read_number(number, native=False) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [("1", "한"), ("20", "스무"), ("21", "스물한"), ("99", "아흔아홉"), ("123", "백스물세"), ("100", "백")],
)
def test_numbers_before_a_counter_in_native_numerals(number: str, words: str) -> None:
    assert read_number(number, native=True) == words


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("사과 3개", "사과 세개"),
        ("20명", "이십명"),
        ("10:30", "일영:삼영"),
        ("전화 010-1234", "전화 영일영-일이삼사"),
        ("11개와 1개", "열한개와 한개"),
        ("３개", "세개"),
        ("50%", "오십퍼센트"),
        ("USB", "유에스비"),
    ],
)
def test_numbers_in_text(written: str, spoken: str) -> None:
    reader = front_end("ko")
    assert reader.phonemize(written, inventory="v2") == reader.phonemize(spoken, inventory="v2")


def test_every_latin_letter_has_a_name_in_both_cases() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = latin_to_hangul(letters)
    assert names == latin_to_hangul(letters.upper())
    assert all("가" <= character <= "힣" for character in names)
