"""Numbers and Latin letters as Korean reads them."""

import re
from typing import Protocol

_LETTERS = (
    "에이 비 시 디 이 에프 지 에이치 아이 제이 케이 엘 엠 "  # a to m
    "엔 오 피 큐 아르 에스 티 유 브이 더블유 엑스 와이 제트"  # n to z
)
# The last three are the letters that, case apart, equal s, k and i.
_SPOKEN_LETTERS = {chr(ord("a") + index): name for index, name in enumerate(_LETTERS.split())}
_SPOKEN_LETTERS |= {letter.upper(): name for letter, name in _SPOKEN_LETTERS.items()}
_SPOKEN_LETTERS |= {"ſ": "에스", "\u212a": "케이", "ı": "아이", "İ": "아이"}
_LATIN = str.maketrans(_SPOKEN_LETTERS)

_ASCII_DIGITS = str.maketrans("０１２３４５６７８９", "0123456789")
_DIGITS = "영일이삼사오육칠팔구"
_NATIVE_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_NATIVE_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_MYRIADS = ("", "만", "억", "조")
_PLACES = ("천", "백", "십", "")

# Counted with native numerals (한 개, 두 마리); all others with Chinese ones (일 분, 이 원). A word that is
# only a part of one of these counts too, as in the phonemes that the models learnt from.
_NATIVE_COUNTERS = (
    "군데 권 개 그루 닢 대 두 마리 모 모금 뭇 발 발짝 방 번 벌 보루 "
    "살 수 술 시 쌈 움큼 정 짝 채 척 첩 축 켤레 톨 통"
)


def latin_to_hangul(text: str) -> str:
    """Each Latin letter by its name."""
    return text.translate(_LATIN)


class ReadNumber(Protocol):
    def __call__(self, number: str, *, native: bool) -> str: ...


def numbers_to_hangul(text: str, *, counter_mark: str, read_number: ReadNumber) -> str:
    """Numbers in words where a counter follows (a word closed by `counter_mark`), else digit by digit."""

    def spoken(match: re.Match[str]) -> str:
        number, counter = match[1], match[2]
        if counter is None:
            return digit_by_digit(number)
        return read_number(number, native=counter in _NATIVE_COUNTERS) + counter + counter_mark

    # Possessive, and a number alone matches too: linear in the length of any text.
    number_and_counter = rf"([0-9][0-9,]*+)(?:([ㄱ-힣]++){counter_mark})?"
    return re.sub(number_and_counter, spoken, text.translate(_ASCII_DIGITS))


def read_number(number: str, *, native: bool) -> str:
    """A whole number below 10¹⁶ in words (일억이천삼백), longer ones digit by digit.

    `native`: the last two digits in native numerals, in the form they have before a counter (백스물세).
    """
    digits = number.replace(",", "")
    if not digits.strip("0") or len(digits) > 16:
        return digit_by_digit(digits)
    digits = digits.zfill(16)
    groups = [digits[start : start + 4] for start in range(0, 16, 4)]
    words = [
        _read_group(group) + myriad
        for group, myriad in zip(groups[:3], reversed(_MYRIADS[1:]), strict=True)
        if group != "0000"
    ]
    high, last = "".join(words), groups[3]
    if high.startswith("일만"):
        high = high.removeprefix("일")
    if native:
        return high + _read_group(last[:2] + "00") + _read_native(int(last[2:]))
    return high + _read_group(last)


def _read_group(group: str) -> str:
    """Four digits, 일 left out before 천, 백 and 십."""
    words = []
    for digit, place in zip(group, _PLACES, strict=True):
        if digit != "0":
            words.append(place if digit == "1" and place else _DIGITS[int(digit)] + place)
    return "".join(words)


def _read_native(number: int) -> str:
    if number == 20:
        return "스무"
    return _NATIVE_TENS[number // 10] + _NATIVE_ONES[number % 10]


def digit_by_digit(number: str) -> str:
    """Each digit by its name; commas stay."""
    return "".join(_DIGITS[int(digit)] if digit.isdigit() else digit for digit in number)
