"""Numbers as Korean speaks them: 5000입니다 → 오천입니다, 10:30 → 열시 삼십분, 3.5 → 삼점오, 3시간 → 세시간.

The phonemes that the official models learnt read a number digit by digit unless a counter follows, so this is
for what is spoken, not for comparison with the reference implementation.
"""

import re

from comps.gptsovits.text.ko.reading import digit_by_digit, read_number

_CLOCK = re.compile(r"(?<![\d:])([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?(?![\d:])")
_DATE = re.compile(r"(?<![\d/-])([0-9]{4})([/.-])(0?[1-9]|1[0-2])\2(0?[1-9]|[12][0-9]|3[01])(?![\d/-])")
_RANGE = re.compile(r"(?<=[0-9년월일시분초원도%]) ?[~〜～] ?(?=[0-9])")
_MINUS = re.compile(r"(?<![\w)\].-])[-−](?=[0-9])")
# Joined by hyphens (telephone numbers), or with a zero before: digit by digit, as `reading` does without us.
_DIGITS_ALONE = re.compile(r"(?<!\d)[0-9]++(?:-[0-9]++)++|(?<![\d.,])0[0-9]++(?!\.)")
_NUMBER = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?(?: ?([가-힣]{1,3}))?")

# Counted with native numerals in speech, beside those that `reading` knows; from 100 on nobody does.
_NATIVE = re.compile("시간|사람|가지|송이|그릇|달(?!러)|명(?!절)|잔|병(?!원)|곳|쌍")
# After these a number keeps to what `reading` makes of it with the help of morphology.
_LEFT_ALONE = re.compile(
    "번째|월|개|살|시|권|대|마리|벌|그루|채|척|켤레|통|모|발|방|번|수|술|정|짝|첩|축|톨|군데|닢"
)


def read_numbers(text: str) -> str:
    """The text with numbers in hangul, but for those that only morphology can tell how to read."""
    text = _DATE.sub(lambda match: f"{match[1]}년 {int(match[3])}월 {int(match[4])}일", text)
    text = _CLOCK.sub(_clock, text)
    text = _RANGE.sub("에서 ", text)
    text = _MINUS.sub("마이너스 ", text)
    alone = [match.span() for match in _DIGITS_ALONE.finditer(text)]
    return _outside(text, alone)


def _outside(text: str, spans: list[tuple[int, int]]) -> str:
    """Numbers read everywhere but in these spans."""
    parts: list[str] = []
    done = 0
    for start, end in spans:
        parts += [_NUMBER.sub(_spoken, text[done:start]), text[start:end]]
        done = end
    return "".join([*parts, _NUMBER.sub(_spoken, text[done:])])


def _spoken(match: re.Match[str]) -> str:
    whole, fraction, after = match[1].replace(",", ""), match[2], match[3] or ""
    tail = match[0][match.end(2 if fraction else 1) - match.start() :]
    if fraction:
        return f"{read_number(whole, native=False)}점{digit_by_digit(fraction)}{tail}"
    is_native = len(whole) <= 2 and int(whole) > 0 and bool(_NATIVE.match(after))
    if len(whole) <= 2 and not is_native and _LEFT_ALONE.match(after):
        return whole + after
    return read_number(whole, native=is_native) + tail


def _clock(match: re.Match[str]) -> str:
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    # Hours in native numerals, as a clock is read; 0시 and 13시 and later in Chinese ones.
    parts = [read_number(str(hours), native=0 < hours <= 12) + "시"]
    if minutes or seconds:
        parts.append(read_number(str(minutes), native=False) + "분")
    if seconds:
        parts.append(read_number(str(seconds), native=False) + "초")
    return " ".join(parts)
