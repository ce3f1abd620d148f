"""Nothing breaks Japanese: any text gives phones, in time proportional to its length, from any thread."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comps.gptsovits.text.registry import front_end

# Letters that the language's rules look at, mixed with what people paste.
AWKWARD = (
    "あいうえおきしちゃゅょっんーゝゞ゛アイウッャュョンーヴヵヷヿ・゠ァィ々〇一二三百万年月日時分何風方上君亜鰐"
    "0123０１９٣५ABCxyzＡｃｱｳﾞﾟ、。！？,. \n\t\u3000「」…%％$¥\0\u200b\u202e\ud800😀\u0301ßİ한글中𠮷"
)
ANY_TEXT = st.text(st.one_of(st.sampled_from(AWKWARD), st.characters()), max_size=60) | st.text(max_size=60)
SAMPLE = "今日はとても良い天気ですね。東京都の人口は約1400万人です。"


def phones(text: str) -> list[str]:
    reader = front_end("ja")
    spoken, word2ph = reader.phonemize(reader.normalize(text), inventory="v2")
    assert word2ph is None
    return spoken


@given(text=ANY_TEXT)
@settings(max_examples=150, deadline=None)
def test_any_text_gives_phones(text: str) -> None:
    assert all(isinstance(phone, str) and phone for phone in phones(text))


@pytest.mark.parametrize(
    "unit", ["あ", "漢", "1", "ー", "今日はとても良い天気", "\ud800", "abc def "], ids=ascii
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
