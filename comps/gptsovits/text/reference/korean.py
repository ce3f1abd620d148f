"""The reference's Korean: g2pk2 with its gaps and its arithmetic."""

from functools import cache

from comps.gptsovits.text.ko.frontend import KoreanFrontEnd
from comps.gptsovits.text.ko.reading import read_number
from comps.gptsovits.text.ko.sandhi import meet

_ONES = "영일이삼사오육칠팔구"
_NATIVE_ONES = " 한 두 세 네 다섯 여섯 일곱 여덟 아홉".split(" ")
_NATIVE_TENS = " 열 스물 서른 마흔 쉰 예순 일흔 여든 아흔".split(" ")
_PLACES = ("", "십", "백", "천")
_MYRIADS = ("", "만", "억", "조")
_LONGEST = 16

# Cells of its table that hold another pair's sounds.
_WRONG = {("ㄺ", "ㅌ"): ("ㄱ", "ㅍ"), ("ㅄ", "ㅋ"): ("ㅂ", "ㅍ"), ("ㅍ", "ㄹ"): ("ㄴ", "ㄴ")}
# Cells that are empty: the coda stays both letters, which is no phone.
_EMPTY = {(coda, onset) for coda in "ㄼㄽㄿㅄ" for onset in "ㅌㅍ"} | {("ㄺ", "ㅍ")}


@cache
def reference_korean() -> KoreanFrontEnd:
    return KoreanFrontEnd(meet=_meet, read_number=_read_number)


def _meet(coda: str, onset: str, *, adjacent: bool) -> tuple[str, str]:
    pair = coda, onset
    if adjacent and pair in _EMPTY:
        return pair
    return _WRONG.get(pair) or meet(coda, onset, adjacent=adjacent)


def _read_number(number: str, *, native: bool) -> str:
    """A number place by place: 일 is left out before 십, 백, 천 and 만 below 억 (210,000 is 이십만), and kept
    above; only 20 itself is 스무."""
    digits = number.replace(",", "")
    if native and digits == "20":
        return "스무"
    if not digits.strip("0") or len(digits) > _LONGEST:
        return read_number(number, native=native)
    spoken: list[str] = []
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        spoken.append(_digit(int(digit), place, native=native, follows_any="".join(spoken[-3:]) != ""))
    return "".join(spoken)


def _digit(digit: int, place: int, *, native: bool, follows_any: bool) -> str:
    myriad = _MYRIADS[place // 4] if place % 4 == 0 else ""
    if digit == 0:
        return myriad if follows_any else ""
    if native and place < 2:
        return (_NATIVE_ONES, _NATIVE_TENS)[place][digit]
    unit = _PLACES[place % 4] + myriad
    return unit if digit == 1 and 0 < place < 8 else _ONES[digit] + unit
