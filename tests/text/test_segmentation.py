"""Which language is spoken where."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comps.cores.errors import UnsupportedLanguage
from comps.gptsovits.text.segmentation import HINTS, language_spans

SPANS = {
    ("auto", "Just plain English, 100 %."): ["en:Just plain English, 100 %."],
    ("auto", "这是一个纯中文的句子。"): ["zh:这是一个纯中文的句子。"],
    ("auto_yue", "佢個鋤頭太短啦。OK"): ["yue:佢個鋤頭太短啦。", "en:OK"],
    ("auto", "今日はとても良い天気ですね。Hello world!"): [
        "ja:今日はとても良い天気ですね。",
        "en:Hello world!",
    ],
    ("auto", "오늘 날씨가 좋네요. It is sunny."): ["ko:오늘 날씨가 좋네요. ", "en:It is sunny."],
    ("auto", "The word 你好 means hello, and ありがとう thanks."): [
        "en:The word ",
        "zh:你好 ",
        "en:means hello, and ",
        "ja:ありがとう ",
        "en:thanks.",
    ],
    ("auto", "我在韩国说안녕하세요，在日本说こんにちは。"): [
        "zh:我在韩国说",
        "ko:안녕하세요，",
        "zh:在日本说",
        "ja:こんにちは。",
    ],
    ("auto", "「こんにちは」と言った。他说“你好”。"): ["ja:「こんにちは」と言った。", "zh:他说“你好”。"],
    ("auto", "天気予報"): ["ja:天気予報"],  # 気 is written in Japan alone
    ("auto", "2023年12月25日"): ["zh:2023年12月25日"],
    ("auto", "我买了一台MacBook Pro，花了12999元。"): [
        "zh:我买了一台",
        "en:MacBook Pro，",
        "zh:花了12999元。",
    ],
    ("auto", "我们用GPT-4来写code。"): ["zh:我们用", "en:GPT-4", "zh:来写", "en:code。"],
    ("auto", "Windows 11系统"): ["en:Windows ", "zh:11系统"],
    ("zh", "这条路有5km长，限速60km/h。"): ["zh:这条路有5km长，限速60km/h。"],
    ("zh", "3/4的人，气温是-5℃"): ["zh:3/4的人，气温是-5℃"],
    ("auto", "It weighs 5kg, 他重5kg。"): ["en:It weighs 5kg, ", "zh:他重5kg。"],
    ("zh", "A股大涨"): ["en:A", "zh:股大涨"],
    ("ja", "東京Disneylandに行きたい。"): ["ja:東京", "en:Disneyland", "ja:に行きたい。"],
    ("all_ja", "一二三abc한"): ["ja:一二三", "en:abc", "ja:한"],
    ("en", "你好 hello"): ["en:你好 hello"],
    ("auto", "2024!"): ["en:2024!"],
    ("ko", "123"): ["ko:123"],
}


@pytest.mark.parametrize(("hint", "text"), SPANS)
def test_scripts_then_clauses_then_hints_decide(hint: str, text: str) -> None:
    assert [f"{language}:{piece}" for language, piece in language_spans(text, hint)] == SPANS[hint, text]


@given(
    st.one_of(st.text(), st.text(alphabet=st.sampled_from("a你あ안1 ,。5km°C$(’\ud800😀"))),
    st.sampled_from(HINTS),
)
def test_the_pieces_are_the_text_and_neighbours_differ(text: str, hint: str) -> None:
    spans = language_spans(text, hint)
    assert "".join(piece for _, piece in spans) == text
    assert all(left[0] != right[0] for left, right in pairwise(spans))
    assert {language for language, _ in spans} <= {"en", "zh", "yue", "ja", "ko"}


@pytest.mark.parametrize("unit", ["a", "你", "a你", "1 ", "あ。", "5km", "안a1", "你。あ", "-", "$1"])
def test_twenty_thousand_characters_take_no_time(unit: str) -> None:
    text = (unit * 20_000)[:20_000]
    began = time.process_time()
    language_spans(text, "auto")
    assert time.process_time() - began < 2


def test_an_unknown_hint_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnsupportedLanguage) as refused:
        language_spans("text", "klingon")
    assert refused.value.supported == HINTS
