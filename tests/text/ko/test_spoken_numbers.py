"""Numbers written with marks, as they are spoken."""

import time

import pytest

from comps.gptsovits.text.ko.numbers import read_numbers


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("5000입니다", "오천입니다"),
        ("가격은 210,000원", "가격은 이십일만원"),
        ("25.5도", "이십오점오도"),
        ("10:30에", "열시 삼십분에"),
        ("13:05:09", "십삼시 오분 구초"),
        ("2024-01-15", "이천이십사년 1월 십오일"),
        ("3시간, 20명", "세시간, 스무명"),
        ("5달러", "오달러"),
        ("120명", "백이십명"),
        ("1~3층", "일에서 삼층"),
        ("-5도", "마이너스 오도"),
    ],
)
def test_numbers_become_words(written: str, spoken: str) -> None:
    assert read_numbers(written) == spoken


@pytest.mark.parametrize("text", ["", "010-1234-5678", "007", "3개", "12월", "20살", "안녕~", "-"])
def test_what_morphology_or_digits_tell_better_stays(text: str) -> None:
    assert read_numbers(text) == text


@pytest.mark.parametrize("unit", ["1", "1,", "1.", "1:", "1,111", "0-", "1/", "-", "~1"])
def test_twenty_thousand_characters_take_bounded_time(unit: str) -> None:
    began = time.process_time()
    read_numbers((unit * 20_000)[:20_000])
    assert time.process_time() - began < 2
