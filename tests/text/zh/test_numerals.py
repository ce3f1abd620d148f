"""Numbers in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comps.gptsovits.text.zh.numerals import DIGITS, by_telephone, cardinal, digit_by_digit, number

UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}


def value(spoken: str) -> int:
    """What a listener understands: a unit multiplies what was said since the last greater one."""
    total, digit = 0, 0
    for unit in ("亿", "万", "千", "百", "十"):
        head, found, tail = spoken.rpartition(unit)
        if found:
            return (value(head) or 1) * UNITS[unit] + value(tail)
    for char in spoken:
        digit = digit * 10 + DIGITS.index(char)
    return total + digit


@given(st.integers(min_value=0, max_value=10**15))
def test_a_quantity_is_understood_as_the_number_it_is(amount: int) -> None:
    assert value(cardinal(str(amount))) == amount


@given(st.integers(min_value=0, max_value=10**15))
def test_a_quantity_never_has_two_zeros_in_a_row_nor_one_at_its_end(amount: int) -> None:
    spoken = cardinal(str(amount))
    assert "零零" not in spoken
    assert spoken == "零" or not spoken.endswith("零")


@given(st.text("0123456789", max_size=30))
def test_digits_are_spoken_one_by_one(digits: str) -> None:
    assert len(digit_by_digit(digits)) == len(by_telephone(digits)) == len(digits)
    assert by_telephone(digits).replace("幺", "一") == digit_by_digit(digits)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("15", "十五"), ("115", "一百一十五"), ("10500", "一万零五百"), ("100000000", "一亿"), ("007", "七"),
        ("1234.56", "一千二百三十四点五六"), (".5", "零点五"), ("3.00", "三点零"),
        ("3.20", "三点二零"), ("5.", "五"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_the_models_heard_them(written: str, spoken: str) -> None:
    assert number(written) == spoken
