"""Numbers written with marks, as Open JTalk reads them: 1,234 → 1234, 10:05 → 10時5分, 3.14 → 3点14.

The official models were trained without this (a comma in a number was a pause), so it is for what is spoken,
not for comparison with the reference implementation.
"""

import re

_THOUSANDS = re.compile(r"(?<![\d,.])[0-9]{1,3}(?:,[0-9]{3}){1,6}(?![\d,])")
_CLOCK = re.compile(r"(?<![\d:])([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?(?![\d:])")
_DATE = re.compile(r"(?<![\d/-])([0-9]{4})([/-])(0?[1-9]|1[0-2])\2(0?[1-9]|[12][0-9]|3[01])(?![\d/-])")
_PHONE = re.compile(r"(?<![\d-])0[0-9]{1,4}-[0-9]{1,4}-[0-9]{3,4}(?![\d-])")
_DECIMAL = re.compile(r"(?<![\d.])([0-9]{1,20})\.([0-9]{1,20})(?![\d.])")
_RANGE = re.compile(r"(?<=[0-9年月日時分秒円度%％]) ?[~〜～] ?(?=[0-9])")
_MINUS = re.compile(r"(?<![\w)）\]」.-])[-−](?=[0-9])")

_DIGITS = dict(
    zip(
        "0123456789",
        ("ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー"),
        strict=True,
    )
)


def read_numbers(text: str) -> str:
    """The text with marks inside numbers spelled out; linear in its length."""
    text = _DATE.sub(lambda match: f"{match[1]}年{int(match[3])}月{int(match[4])}日", text)
    text = _PHONE.sub(lambda match: "、".join(map(_digit_by_digit, match[0].split("-"))), text)
    text = _CLOCK.sub(_clock, text)
    text = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), text)
    text = _DECIMAL.sub(r"\1点\2", text)
    text = _RANGE.sub("から", text)
    return _MINUS.sub("マイナス", text)


def _clock(match: re.Match[str]) -> str:
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    parts = [f"{hours}時"]
    if minutes or seconds:
        parts.append(f"{minutes}分")
    if seconds:
        parts.append(f"{seconds}秒")
    return "".join(parts)


def _digit_by_digit(digits: str) -> str:
    return "".join(_DIGITS[digit] for digit in digits)
