"""Nothing breaks Korean: any text gives phones, in time proportional to its length, from any thread."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comps.gptsovits.text.registry import front_end

# Letters that the language's rules look at, mixed with what people paste.
AWKWARD = (
    "가각갂갃간갅갆갇갈갉갊갋갌갍갎갏감갑값갓갔강갖갗갘같갚갛나다라마바사아자차카타파하"
    "밟넓읽끝할걸수록지도의희져개살시월번째ㄱㅏㅘㅃㄳᄀ\u1161ᆨ0123９,.·%AbZ漢日あ"
    " \n\t\u3000\0\ue000\ue002\ud800\u200b😀\u0301!?…-~"
)
ANY_TEXT = st.text(st.one_of(st.sampled_from(AWKWARD), st.characters()), max_size=60) | st.text(max_size=60)
SAMPLE = "회의는 2023년 12월 25일 오전 10시 30분입니다. 꽃잎이 떨어진다."


def phones(text: str) -> list[str]:
    reader = front_end("ko")
    spoken, word2ph = reader.phonemize(reader.normalize(text), inventory="v2")
    assert word2ph is None
    return spoken


@given(text=ANY_TEXT)
@settings(max_examples=150, deadline=None)
def test_any_text_gives_phones(text: str) -> None:
    assert all(isinstance(phone, str) and phone for phone in phones(text))


@pytest.mark.parametrize(
    "unit",
    ["가", "값", "1", "1,", "1개", "a", "ᄀ", "\u1161", "할 ", "\ue002", "\ud800", "1가", "안녕하세요"],
    ids=ascii,
)
def test_twenty_thousand_characters_take_bounded_time(unit: str) -> None:
    text = (unit * 20_000)[:20_000]
    began = time.process_time()
    phones(text)
    assert (
        time.process_time() - began < 15
    )  # seconds of this process; a fraction of that when nothing is wrong


def test_threads_do_not_disturb_each_other() -> None:
    texts = [SAMPLE[start:] for start in range(16)]
    alone = [phones(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(phones, texts * 3)) == alone * 3
