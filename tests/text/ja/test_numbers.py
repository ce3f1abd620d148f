"""Numbers written with marks, as they are spoken."""

import time

import pytest

from comps.gptsovits.text.ja.numbers import read_numbers


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("1,234円", "1234円"),
        ("1,234,567.89", "1234567点89"),
        ("円周率は3.14です", "円周率は3点14です"),
        ("10:05に", "10時5分に"),
        ("12:00:05", "12時0分5秒"),
        ("7:00", "7時"),
        ("2024/1/15と2024-01-05", "2024年1月15日と2024年1月5日"),
        ("090-1234-5678", "ゼロキューゼロ、イチニーサンヨン、ゴーロクナナハチ"),
        ("10〜20人", "10から20人"),
        ("3時~5時", "3時から5時"),
        ("気温は-5度", "気温は-5度"),
        ("-5度、-6度", "マイナス5度、マイナス6度"),
    ],
)
def test_marks_inside_numbers_are_spelled_out(written: str, spoken: str) -> None:
    assert read_numbers(written) == spoken


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "1,23", "A-1", "25:70", "2024/13/01", "おはよう〜", "1-2", "-", "10:5"]
)
def test_other_marks_stay(text: str) -> None:
    assert read_numbers(text) == text


@pytest.mark.parametrize("unit", ["1", "1,", "1.", "1:", "1,111", "0-", "1/", "-", "~1"])
def test_twenty_thousand_characters_take_bounded_time(unit: str) -> None:
    began = time.process_time()
    read_numbers((unit * 20_000)[:20_000])
    assert time.process_time() - began < 2
