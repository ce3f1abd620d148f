"""What is written, as it is said."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comps.gptsovits.text.zh.normalization import SPEAKABLE, normalize_cantonese, normalize_mandarin

WRITTEN = (
    "0123456789+-×÷=/.~:%℃°年月日号个元吨,，。;！？…()《》 ²³abkgmsx①α·、～$￥^“”’'—嗯點這隻鍾\n\u3000１９％"
)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("2024年5月6日", "二零二四年五月六日"),
        ("2024-05-06", "二零二四年五月六日"),
        ("8:30", "八点半"),
        ("20:15:03", "二十点十五分零三秒"),
        ("8:30-12:30", "八点半至十二点半"),
        ("8:30-12:45", "八点半至十二点四十五分"),
        ("3/4", "四分之三"),
        ("-3/4", "负四分之三"),
        ("15.7%", "百分之十五点七"),
        ("15％", "百分之十五"),
        ("-5℃", "零下五度"),
        ("100~200", "一百到二百"),
        ("10%~20%", "百分之十至百分之二十"),
        ("5cm~7cm", "五厘米至七厘米"),
        ("13812345678", "幺三八幺二三四五六七八"),
        ("87654321", "八七六五四三二幺"),
        ("4008008888", "四零零八零零八八八八"),
        ("10086", "幺零零八六"),
        ("1.2.3版", "一点二点三版"),
        ("0.001", "零点零零一"),
        ("2个", "两个"),
        ("30多人", "三十多人"),
        ("100+个", "一百多个"),
        ("1+1=2", "一加一等于二"),
        ("x²", "的二次方"),
        ("5kg", "五千克"),
        ("5mm", "五毫米"),
        ("30m²", "三十平方米"),
        ("α和①", "阿尔法和一"),
        ("٣个", "三个"),
        ("１２个", "十二个"),
        ("這隻貓", "这只猫"),
        ("什麼榜樣", "什么榜样"),
        ("嗯……《书》", "恩…书"),
        ("“你好，世界！”", "你好,世界!"),
        ("，，，", ","),
        ("😀你好🎉", "你好"),
    ],
)
def test_it_is_read_aloud(written: str, spoken: str) -> None:
    assert normalize_mandarin(written) == spoken


@settings(max_examples=300)
@given(st.one_of(st.text(), st.text(WRITTEN, max_size=40)))
def test_only_what_can_be_spoken_is_left(text: str) -> None:
    for normalize in (normalize_mandarin, normalize_cantonese):
        assert re.fullmatch(f"[{SPEAKABLE}]*", normalize(text))


@settings(max_examples=300)
@given(st.one_of(st.text(), st.text(WRITTEN, max_size=40)))
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    spoken = normalize_mandarin(text)
    assert normalize_mandarin(spoken) == spoken


@given(st.text(WRITTEN, max_size=40))
def test_marks_never_stand_next_to_each_other_in_mandarin(text: str) -> None:
    assert not re.search("[!?…,.-]{2}", normalize_mandarin(text))


def test_cantonese_keeps_repeated_marks() -> None:
    assert normalize_cantonese("等等……乜嘢話？！") == "等等……乜嘢话?!"


def test_text_without_anything_to_say_is_empty() -> None:
    for text in ("", " \n\t", "😀", "\ud800", "\u202e\u200b", "한국어", "(){}"):
        assert normalize_mandarin(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "1" * 20_000, "1." * 10_000, "1-" * 10_000, "1,234" * 4_000, "²" * 20_000, "1²" * 10_000,
        "12年" * 7_000, "13812345678" * 1_800, "." * 20_000, "1~" * 10_000,
        "9." + "9" * 20_000, "1:1" * 7_000,
        "龘" * 20_000,
    ],
    ids=lambda text: text[:5],
)  # fmt: skip
def test_time_is_linear_whatever_is_pasted(text: str) -> None:
    def seconds(stuff: str) -> float:
        began = time.process_time()
        normalize_mandarin(stuff)
        return time.process_time() - began

    assert seconds(text) < 1
