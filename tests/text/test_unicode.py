"""Nothing that can be pasted breaks a language: phones or a typed error, in linear time."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comps.cores.errors import UnspeakableText
from comps.gptsovits.text.pipeline import phonemize
from comps.gptsovits.text.registry import installed_languages
from comps.gptsovits.text.segmentation import HINTS
from comps.gptsovits.text.symbols import symbol_table

LANGUAGES = installed_languages()
ANYTHING = st.text(alphabet=st.characters(), max_size=60)  # surrogates, controls and unassigned included
NASTY = st.text(
    alphabet=st.sampled_from(
        "aZ é你好行一不儿子あっーン漢안녕ㅋ0123456789$¥￥^%°℃.,!?。，…—-–'\"“”(){}[]/\\:;@#&+=<>|~_*"
        "😀👨‍👩‍👧🇯🇵\u0301\u0308\u200b\u200d\u200f\u202e\ufeff\ud83d\udc00\x00\x07\n\t٣אब"
    ),
    max_size=60,
)
SPEAKABLE_HINTS = [
    hint for hint in HINTS if hint.startswith("auto") or hint.removeprefix("all_") in LANGUAGES
]


def check(text: str, hint: str, inventory: str) -> None:
    try:
        said = phonemize(text, hint, inventory="v1" if inventory == "v1" else "v2")
    except UnspeakableText:
        return
    table = symbol_table("v1" if inventory == "v1" else "v2")
    assert all(phone in table for phone in said.phones)
    assert len(said.phones) == len(said.phone_ids) > 0
    said.norm_text.encode("utf-8")
    for span in said.spans:
        if span.word2ph is not None:
            assert sum(span.word2ph) == len(span.phones)
            assert len(span.word2ph) == len(span.norm_text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(ANYTHING, NASTY), st.sampled_from(SPEAKABLE_HINTS))
def test_any_text_in_any_language_gives_phones_or_a_typed_error(text: str, hint: str) -> None:
    if len(LANGUAGES) < 5 and hint.startswith("auto"):
        hint = "en"
    check(text, hint, "v2")


@settings(max_examples=80, deadline=None)
@given(st.one_of(ANYTHING, NASTY))
def test_any_text_in_english_gives_phones_of_both_inventories(text: str) -> None:
    check(text, "en", "v1")
    check(text, "en", "v2")


LONG = {
    "letters": "a",
    "words": "The quick brown fox, 12 of them, ",
    "digits": "1",
    "numbers": "1,234.5 ",
    "points": ".",
    "spaces": " ",
    "emoji": "😀",
    "combining": "e\u0301",
    "capitals": "A.",
    "dollars": "$1",
    "slashes": "1/2",
    "hyphens": "a-",
    "apostrophes": "a'",
    "at": "a@",
    "urls": "http://a.co/",
    "colons": "1:",
    "mixed": "aB1",
    "braces": "{a/b}",
    "han": "你",
    "han numbers": "你1",
    "kana": "あ",
    "hangul": "안",
}


# Everywhere what every script has; in English all, in the others the units that their front ends look at.
ELSEWHERE = (
    "letters",
    "digits",
    "spaces",
    "points",
    "dollars",
    "braces",
    "han",
    "han numbers",
    "kana",
    "hangul",
)
CASES = [(code, name) for code in LANGUAGES for name in (LONG if code == "en" else ELSEWHERE)]


@pytest.mark.parametrize(("language", "name"), CASES)
def test_twenty_thousand_characters_take_linear_time(language: str, name: str) -> None:
    def seconds(characters: int) -> float:
        text = (LONG[name] * characters)[:characters]
        began = time.thread_time()
        check(text, f"all_{language}" if language != "en" else "en", "v2")
        return time.thread_time() - began

    seconds(100)
    # A busy machine adds time and takes none away: what is slow is measured again before it is believed.
    for _ in range(3):
        short, long = seconds(4_000), seconds(20_000)
        if long < min(20, 25 * max(short, 0.05)):  # five times the characters; quadratic would be 25 times
            return
    pytest.fail(f"4,000 characters take {short:.2f} s, 20,000 take {long:.2f} s")
