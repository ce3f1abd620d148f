"""Words: the same as jieba's, faster."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comps.gptsovits.text.zh.words import Segmenter

COMMON = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种"
    "事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第"
    "儿妈爸朋友花鸟虫鱼老虎纸衣服龘囗"
)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter()


@settings(max_examples=150, deadline=None)
@given(text=st.text(COMMON + ".", max_size=12), end=st.sampled_from(["", ".", "!", ",", "…"]))
def test_words_and_tags_are_those_of_jieba(segmenter: Segmenter, text: str, end: str) -> None:
    from jieba import posseg

    expected = [(pair.word, pair.flag) for pair in posseg.dt.lcut(text + end)]
    assert [tuple(word) for word in segmenter.words(text + end)] == expected


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=40))
def test_joined_words_are_the_text(segmenter: Segmenter, text: str) -> None:
    assert "".join(word.text for word in segmenter.words(text)) == text


@settings(max_examples=100, deadline=None)
@given(word=st.text(COMMON, min_size=1, max_size=6))
def test_the_two_parts_of_a_word_have_its_length_and_its_begin(segmenter: Segmenter, word: str) -> None:
    first, second = segmenter.parts(word)
    assert len(first) + len(second) == len(word)
    assert word.startswith(first)


@pytest.mark.parametrize("text", ["龘" * 2_000, "的" * 5_000, "儿" * 5_000, "看一看" * 2_000])
def test_no_text_is_slow(segmenter: Segmenter, text: str) -> None:
    began = time.process_time()
    segmenter.words(text)
    assert len(text) / (time.process_time() - began) > 1_000
