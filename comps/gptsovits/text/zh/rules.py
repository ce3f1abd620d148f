"""What is written with digits and signs, and how it is said: a table of rules, tried from the top.

Every rule rewrites its matches in a clause; what an earlier rule has put into words a later one does not see,
so the order is part of the table. Patterns and readings equal the reference implementation's normaliser (it
follows PaddleSpeech's) except where `tests/parity/text_differences_zh.md` says so. No run of digits that
comes here is longer than `normalization.MAX_NUMBER_DIGITS`, which keeps every pattern linear.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from comps.gptsovits.text.zh.numerals import by_telephone, cardinal, digit_by_digit, number

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ"
_LONGEST_EXPONENT = 20
_UNITS = {
    "cm2": "平方厘米", "cm²": "平方厘米", "cm3": "立方厘米", "cm³": "立方厘米", "cm": "厘米",
    "db": "分贝", "ds": "毫秒", "kg": "千克", "km": "千米",
    "mm2": "平方毫米", "mm²": "平方毫米", "mm3": "立方毫米", "mm³": "立方毫米", "mm": "毫米",
    "m2": "平方米", "m²": "平方米", "m³": "立方米", "m3": "立方米", "ml": "毫升", "m": "米",
    "s": "秒",
}  # fmt: skip
_UNIT = "|".join(_UNITS)
_DEGREES = "°C|℃|度|摄氏度"

# Measure words by their first characters: 分钟 is found by 分, but 微 alone is none.
_MEASURES = (
    "处台架枚趟幅平方堵间床株批项例列篇栋注亩封艘把目套段人所朵匹张座回场尾条个首阙阵网炮顶丘棵只支袭辆挑担颗壳窠曲"
    "墙群腔砣客贯扎捆刀令打手罗坡山岭江溪钟队单双对出口头脚板跳枝件贴针线管名位身堂课本页家户层丝毫厘分钱两斤铢石钧锱忽"
    "寸尺丈里寻常铺程米撮勺合升斗盘碗碟叠桶笼盆盒杯斛锅簋篮罐瓶壶卮盏箩箱煲啖袋钵年月日季刻时周天秒旬纪岁世更夜春夏秋冬"
    "代伏辈丸泡粒幢堆根道面片块元亿千百万角毛吨"
)
_LONGER_MEASURES = ("微克", "公分", "微米", "小时", "美元", "十吨")

_ARITHMETIC = {"+": "加", "-": "减", "×": "乘", "÷": "除", "=": "等于"}


class Rule(NamedTuple):
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], str]

    def apply(self, sentence: str) -> str:
        return self.pattern.sub(self.read, sentence)


def _date(match: re.Match[str]) -> str:
    month = f"{cardinal(match['month'])}月" if match["month"] else ""
    day = f"{cardinal(match['day'])}{match['kind']}" if match["day"] else ""
    return f"{digit_by_digit(match['year'])}年{month}{day}"


def _written_date(match: re.Match[str]) -> str:
    year, month, day = match["year"], match["month"], match["day"]
    return f"{digit_by_digit(year)}年{cardinal(month)}月{cardinal(day)}日"


def _clock(hour: str, minute: str, second: str | None, *, half: bool) -> str:
    spoken = f"{cardinal(hour)}点"
    if minute != "00":
        spoken += "半" if half else f"{_below_sixty(minute)}分"
    if second and second != "00":
        spoken += f"{_below_sixty(second)}秒"
    return spoken


def _below_sixty(digits: str) -> str:
    return ("零" if digits[0] == "0" else "") + cardinal(digits)


def _time(match: re.Match[str]) -> str:
    return _clock(match["hour"], match["minute"], match["second"], half=match["minute"] == "30")


def _time_range(match: re.Match[str]) -> str:
    # 半 in the second time only if the first has it too: 八点半至十二点半, but 九点至十七点三十分.
    half = match["minute"] == "30"
    begin = _clock(match["hour"], match["minute"], match["second"], half=half)
    half = half and match["minute_2"] == "30"
    return f"{begin}至{_clock(match['hour_2'], match['minute_2'], match['second_2'], half=half)}"


def _temperature(match: re.Match[str]) -> str:
    # 度 for every way of writing degrees, 摄氏度 too: so the official models heard it.
    return f"{'零下' if match['sign'] else ''}{number(match['value'])}度"


def _arithmetic(match: re.Match[str]) -> str:
    return match["left"] + _ARITHMETIC[match["operator"]]


def _power(match: re.Match[str]) -> str:
    exponent = match[0].translate(str.maketrans(_POWERS, "0123456789xyn"))
    if len(exponent) > _LONGEST_EXPONENT:
        exponent = digit_by_digit(exponent)
    return f"的{exponent}次方"


def _fraction(match: re.Match[str]) -> str:
    return f"{_minus(match)}{cardinal(match['below'])}分之{cardinal(match['above'])}"


def _percent(match: re.Match[str]) -> str:
    return f"{_minus(match)}百分之{number(match['value'])}"


def _minus(match: re.Match[str]) -> str:
    return "负" if match["sign"] else ""


def _telephone(match: re.Match[str]) -> str:
    return by_telephone(match[0].strip("+").replace("-", "，"))


def _range(match: re.Match[str]) -> str:
    return "到".join(_signed(match[end]) for end in ("begin", "end"))


def _signed(text: str) -> str:
    return ("负" if text.startswith("-") else "") + number(text.removeprefix("-"))


def _version(match: re.Match[str]) -> str:
    return digit_by_digit(match[0]).replace(".", "点")


def _count(match: re.Match[str]) -> str:
    quantity = cardinal(match["value"])
    about = "多" if match["about"] == "+" else match["about"] or ""
    return ("两" if quantity == "二" else quantity) + about


def _clock_pattern(suffix: str = "") -> str:
    return (
        rf"(?P<hour{suffix}>[01]?[0-9]|2[0-3]):(?P<minute{suffix}>[0-5][0-9])"
        rf"(?::(?P<second{suffix}>[0-5][0-9]))?"
    )


def _rule(pattern: str, read: Callable[[re.Match[str]], str]) -> Rule:
    return Rule(re.compile(pattern), read)


RULES: tuple[Rule, ...] = (
    # 2024年5月6日, 24年, 2024年05月
    _rule(
        r"(?P<year>[0-9]{4}|[0-9]{2})年(?:(?P<month>0?[1-9]|1[0-2])月)?"
        r"(?:(?P<day>0?[1-9]|[12][0-9]|30|31)(?P<kind>[日号]))?",
        _date,
    ),
    # 2024-05-06, 2024/05/06, 2024.05.06
    _rule(
        r"(?P<year>[0-9]{4})(?P<mark>[- /.])(?P<month>0[1-9]|1[012])(?P=mark)(?P<day>0[1-9]|[12][0-9]|3[01])",
        _written_date,
    ),
    _rule(f"{_clock_pattern()}[~-]{_clock_pattern('_2')}", _time_range),  # 8:30-12:30
    _rule(_clock_pattern(), _time),  # 20:15:03
    # 5cm~7cm, 10%~20%
    _rule(
        rf"(?P<begin>(?:-?{_NUMBER}|\.[0-9]+)(?:%|{_DEGREES}|{_UNIT}))~"
        rf"(?=(?:-?{_NUMBER}|\.[0-9]+)(?:%|{_DEGREES}|{_UNIT}))",
        lambda match: f"{match['begin']}至",
    ),
    _rule(rf"(?P<sign>-?)(?P<value>{_NUMBER})(?:{_DEGREES})", _temperature),  # -3℃
    _rule(_UNIT, lambda match: _UNITS[match[0]]),
    # 1+1=2, x²-y²: the right operand is only looked at, since it may be the next operator's left one.
    _rule(
        rf"(?P<left>-?{_NUMBER}[{_POWERS}]*|\.[0-9]+[{_POWERS}]*|[A-Za-z][{_POWERS}]*)(?P<operator>[-+×÷=])"
        r"(?=-?[0-9]|\.[0-9]|[A-Za-z])",
        _arithmetic,
    ),
    _rule(f"[{_POWERS}]+", _power),
    _rule(r"(?P<sign>-?)(?P<above>[0-9]+)/(?P<below>[0-9]+)", _fraction),  # 3/4
    _rule(rf"(?P<sign>-?)(?P<value>{_NUMBER})%", _percent),
    # Mobile numbers, then landlines, then 400 numbers.
    _rule(
        r"(?<![0-9])(?:\+?86 ?)?1(?:[38][0-9]|5[0-35-9]|7[678]|9[89])[0-9]{8}(?![0-9])",
        _telephone,
    ),
    _rule(r"(?<![0-9])(?:0(?:10|2[1-3]|[3-9][0-9]{2})-?)?[1-9][0-9]{6,7}(?![0-9])", _telephone),
    _rule(r"400-?[0-9]{3}-?[0-9]{4}", _telephone),
    _rule(rf"(?<![0-9+\-×÷=])(?P<begin>-?{_NUMBER})~(?P<end>-?{_NUMBER})(?![0-9+\-×÷=])", _range),  # 100~200
    _rule(r"-(?P<value>[0-9]+)", lambda match: f"负{cardinal(match['value'])}"),
    _rule(r"[0-9]+(?:\.[0-9]+){2,}", _version),  # 1.2.3
    _rule(r"[0-9]+\.[0-9]+|\.[0-9]+", lambda match: number(match[0])),
    _rule(
        rf"(?P<value>[0-9]+)(?P<about>[多余几+])?(?=[{_MEASURES}]|{'|'.join(_LONGER_MEASURES)})", _count
    ),  # 2个, 30多人
    _rule("[0-9]{3,}", lambda match: by_telephone(match[0])),  # codes: 10086
    _rule("[0-9]+", lambda match: cardinal(match[0])),
)
