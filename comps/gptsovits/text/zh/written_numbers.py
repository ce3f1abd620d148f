"""Numbers that the official models' front end garbles, as they are spoken: 1,234 is 一千二百三十四.

For what users hear, before `normalize`; comparisons with the reference implementation leave it out. What
`normalization` reads right is left to it.
"""

import re

from comps.gptsovits.text.zh.normalization import ascii_digits
from comps.gptsovits.text.zh.numerals import by_telephone, cardinal, digit_by_digit, number
from comps.gptsovits.text.zh.rules import Rule

_MEASURE = (
    "[个個位名人天年月日号號岁歲次倍元块塊毛角分秒点點时時小周週章页頁本张張条條只隻件层層楼樓度米克吨噸斤里升"
    "千百万萬亿億成%]"
)
_NO_NUMBER_BEFORE = r"(?<![0-9.,:/+\-×÷=])"


def _grouped(match: re.Match[str]) -> str:
    """Words, but digits next to a sign or a unit that is read together with the number."""
    digits = match[0].replace(",", "")
    begin, end = match.span()
    before, after = match.string[max(0, begin - 1) : begin], match.string[end : end + 1]
    is_letter = after.isascii() and after.isalpha()
    reads_on = before in ("-", "~") or is_letter or (after != "" and after in "-~%°℃/")
    return digits if reads_on else number(digits)


def _date(match: re.Match[str]) -> str:
    year, month, day = digit_by_digit(match["year"]), cardinal(match["month"]), cardinal(match["day"])
    return f"{year}年{month}月{day}日"


def _years(match: re.Match[str]) -> str:
    return f"{digit_by_digit(match['begin'])}到{digit_by_digit(match['end'])}"


def _telephone(match: re.Match[str]) -> str:
    return "，".join(by_telephone(part) for part in match[0].split("-"))


def _ratio(match: re.Match[str]) -> str:
    return f"{number(match['begin'])}比{number(match['end'])}"


def _score(match: re.Match[str]) -> str:
    return match["is"] + _ratio(match)


def _range(match: re.Match[str]) -> str:
    begin, end, measure = cardinal(match["begin"]), match["end"], match["measure"]
    if measure == "%":
        return f"{match['begin']}%到{end}"
    return f"{begin}到{end if end == '2' else cardinal(end)}"  # 2个 is 两个


_RULES: tuple[Rule, ...] = tuple(
    Rule(re.compile(pattern), read)
    for pattern, read in (
        # 1,234,567.89
        (r"(?<![0-9,.])[0-9]{1,3}(?:,[0-9]{3}){1,6}(?:\.[0-9]{1,20})?(?![0-9]|,[0-9])", _grouped),
        # 010-12345678, 400-800-8888, 138-1234-5678
        (
            r"(?<![0-9+\-])(?:0[0-9]{2,3}-[1-9][0-9]{6,7}|400-[0-9]{3}-?[0-9]{4}|1[3-9][0-9]-[0-9]{4}-[0-9]{4})"
            r"(?![0-9\-])",
            _telephone,
        ),
        # 比分3-2
        (r"(?<=比分)(?P<is>[是为為]?)(?P<begin>[0-9]{1,3})[-:：](?P<end>[0-9]{1,3})(?![0-9:：])", _score),
        # 2024-5-6, 2024/5/6
        (
            r"(?<![0-9\-/.])(?P<year>[12][0-9]{3})(?P<mark>[-/.])(?P<month>0?[1-9]|1[0-2])(?P=mark)"
            r"(?P<day>0?[1-9]|[12][0-9]|3[01])(?![0-9\-/.])",
            _date,
        ),
        # 2020-2024年
        (rf"{_NO_NUMBER_BEFORE}(?P<begin>[12][0-9]{{3}})[-~—至到](?P<end>[12][0-9]{{3}})(?=年)", _years),
        # 3-5个, 10-20%
        (
            rf"{_NO_NUMBER_BEFORE}(?P<begin>[0-9]{{1,9}})-(?P<end>[0-9]{{1,9}})(?=(?P<measure>{_MEASURE}))",
            _range,
        ),
        # 16:9, 3:2
        (
            r"(?<![0-9:.])(?P<begin>[0-9]{1,9}(?:\.[0-9]{1,9})?)[:：](?P<end>[0-9]|[0-9]{3,9})(?![0-9:：.])",
            _ratio,
        ),
    )
)


def read_numbers(text: str) -> str:
    """The text with such numbers in words, or in digits that `normalize` reads right. Total, linear."""
    text = ascii_digits(text)
    for rule in _RULES:
        text = rule.apply(text)
    return text
