"""Tones in context: 不, 一, neutral tone, third tones, 儿."""

import pytest

from comps.gptsovits.text.zh.frontend import MandarinFrontEnd


def tones(mandarin: MandarinFrontEnd, text: str, inventory: str = "v2") -> str:
    phones, _ = mandarin.phonemize(text, inventory="v1" if inventory == "v1" else "v2")
    return "".join(phone[-1] for phone in phones if phone[-1].isdigit())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("不怕", "24"), ("不好", "43"), ("看不懂", "453"), ("是不是", "454"),  # 不
        ("一天", "41"), ("一段", "24"), ("第一", "41"), ("一二三", "141"), ("看一看", "454"),  # 一
        ("妈妈", "15"), ("朋友", "25"), ("朋友们", "255"), ("桌子", "15"), ("女子", "23"),  # neutral
        ("三个", "15"), ("家里", "15"), ("上来", "45"), ("走了", "35"),
        ("老虎", "23"), ("纸老虎", "323"), ("我很好", "323"), ("手表厂", "223"),  # third
    ],
)  # fmt: skip
def test_tones_change_in_context(mandarin: MandarinFrontEnd, text: str, expected: str) -> None:
    assert tones(mandarin, text) == expected


def test_er_takes_the_tone_before_it_in_v2_only(mandarin: MandarinFrontEnd) -> None:
    assert tones(mandarin, "小院儿") == "344"
    assert tones(mandarin, "小院儿", "v1") == "345"


def test_a_child_stays_a_syllable(mandarin: MandarinFrontEnd) -> None:
    assert tones(mandarin, "女儿") == "32"


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("银行", "y in2 h ang2"), ("行走", "x ing2 z ou3"), ("重庆", "ch ong2 q ing4"),
        ("重要", "zh ong4 y ao4"),
        ("长城", "ch ang2 ch eng2"), ("长大", "zh ang3 d a4"), ("音乐", "y in1 y ve4"),
    ],
)  # fmt: skip
def test_polyphones_are_read_by_phrase(mandarin: MandarinFrontEnd, text: str, phones: str) -> None:
    assert " ".join(mandarin.phonemize(text, inventory="v2")[0]) == phones
