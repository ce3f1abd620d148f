"""Numbers that the reference garbles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comps.gptsovits.text.zh.frontend import MandarinFrontEnd
from comps.gptsovits.text.zh.normalization import normalize_mandarin
from comps.gptsovits.text.zh.numerals import cardinal
from comps.gptsovits.text.zh.written_numbers import read_numbers


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("1,234,567元", "一百二十三万四千五百六十七元"),
        ("共1,234.5", "共一千二百三十四点五"),
        ("增长1,234%", "增长百分之一千二百三十四"),
        ("-1,234度", "零下一千二百三十四度"),
        ("3,000-5,000元", "三千到五千元"),
        ("1,2,3", "一,二,三"),
        ("打010-12345678", "打零幺零,幺二三四五六七八"),
        ("400-800-8888", "四零零,八零零,八八八八"),
        ("138-1234-5678", "幺三八,幺二三四,五六七八"),
        ("2024/5/6", "二零二四年五月六日"),
        ("2020-2024年", "二零二零到二零二四年"),
        ("1-2小时", "一到两小时"),
        ("101-102号", "一百零一到一百零二号"),
        ("10-20%", "百分之十到百分之二十"),
        ("3-2=1", "三减二等于一"),
        ("比例16:9", "比例十六比九"),
        ("比分是3-2", "比分是三比二"),
        ("8:30", "八点半"),
    ],
)
def test_it_is_read_as_people_say_it(written: str, spoken: str) -> None:
    assert normalize_mandarin(read_numbers(written)) == spoken


@given(st.integers(min_value=1_000, max_value=10**15))
def test_thousands_may_be_set_apart(amount: int) -> None:
    assert normalize_mandarin(read_numbers(f"{amount:,}")) == cardinal(str(amount))


@given(st.text())
def test_any_text_can_be_given(text: str) -> None:
    assert isinstance(read_numbers(text), str)


def test_text_without_numbers_stays(mandarin: MandarinFrontEnd) -> None:
    assert mandarin.read_numbers("今天天气真不错，我们去公园散步吧。") == "今天天气真不错，我们去公园散步吧。"
