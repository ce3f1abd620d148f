"""Dates, years, decades and clock times."""

import re

from comps.gptsovits.text.en.numbers import cardinal, decade, ordinal, year

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH = "|".join(MONTHS)
_NO_DIGIT_BEFORE = r"(?<![\d.,/:-])"
_NO_DIGIT_AFTER = r"(?![\d/:-]|[.,]\d)"

_YEAR_FIRST = re.compile(rf"{_NO_DIGIT_BEFORE}(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}})(?![\d/-])")
_YEAR_LAST = re.compile(
    rf"{_NO_DIGIT_BEFORE}(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_NO_DIGIT_AFTER}"
)
_NO_YEAR = re.compile(
    rf"\b(on|by|before|after|until|till|since|from|dated|due) (\d{{1,2}})/(\d{{1,2}}){_NO_DIGIT_AFTER}",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(
    rf"\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?(?:( ?[–-] ?)(\d{{1,2}})(?:st|nd|rd|th)?)?"
    r"(?:(,? )(\d{4}))?(?![\d:])"
)
_DAY_MONTH = re.compile(
    rf"{_NO_DIGIT_BEFORE}(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b(?:(,? )(\d{{4}})(?![\d:]))?"
)
_MONTH_YEAR = re.compile(rf"\b({_MONTH}),? (\d{{4}})(?!\d)")
_DECADE = re.compile(r"(?<![\w.,$£€])(?:'(\d0)'?s|(\d{3}0)'?s)\b")
_DECADE_OF_LIFE = re.compile(
    r"\b(his|her|their|my|your|our|its|the|early|mid|late|of|roaring)([ -])([2-9]0)s\b", re.IGNORECASE
)
_SHORT_YEAR = re.compile(r"(?<![\w'])'(\d{2})(?!\w)")
_YEAR_RANGE = re.compile(
    rf"{_NO_DIGIT_BEFORE}(1[1-9]\d\d|20\d\d) ?[–-] ?((?:1[1-9]|20)?\d\d){_NO_DIGIT_AFTER}"
)
_YEAR = re.compile(rf"{_NO_DIGIT_BEFORE}(?<![$£€¥+#])(?<![A-Za-z])(1[1-9]\d\d|20\d\d)(?![\w%°$£€¥/:]|[.,]\d)")

_CLOCK = re.compile(
    r"(?<![\d:.,])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d)(?:\.\d{1,6})?)?(?![\d:])( ?)([AP] M\b)?(?: ?Z\b)?"
)
_ISO_TIME = re.compile(r"(?<=\d)T(?=\d\d:\d\d)")
_LONE_HOUR = re.compile(r"(?<![\d:.,])(\d{1,2})(?=  ?[AP] M\b)")
_O_CLOCK = re.compile(r"(?<!\d)(\d{1,2}) ?o ?'? ?clock\b", re.IGNORECASE)


def speak_dates(text: str) -> str:
    """ "12/25/2023" → "December twenty-fifth, twenty twenty-three"; "the 1990s" → "the nineteen nineties"."""
    text = _YEAR_FIRST.sub(lambda m: _numeric(m[0], m[3], m[4], m[1], may_swap=False), text)
    text = _YEAR_LAST.sub(lambda m: _numeric(m[0], m[1], m[3], m[4], may_swap=True), text)
    text = _NO_YEAR.sub(
        lambda m: f"{m[1]} {_numeric(f'{m[2]}/{m[3]}', m[2], m[3], '', may_swap=False)}", text
    )
    text = _MONTH_DAY.sub(_month_day, text)
    text = _DAY_MONTH.sub(_day_month, text)
    text = _MONTH_YEAR.sub(lambda m: f"{m[1]} {year(m[2])}", text)
    text = _DECADE.sub(lambda m: decade(m[1] or m[2]), text)
    text = _DECADE_OF_LIFE.sub(lambda m: f"{m[1]}{m[2]}{decade(m[3])}", text)
    text = _SHORT_YEAR.sub(lambda m: f"oh {cardinal(m[1][1])}" if m[1][0] == "0" else cardinal(m[1]), text)
    text = _YEAR_RANGE.sub(lambda m: f"{year(m[1])} to {year(m[2])}", text)
    return _YEAR.sub(lambda m: year(m[1]), text)


def speak_times(text: str) -> str:
    """ "10:30 A M" → "ten thirty A M", "14:05" → "two oh five P M", "8:00" → "eight o'clock"."""
    text = _ISO_TIME.sub(" ", text)
    text = _CLOCK.sub(_clock, text)
    text = _O_CLOCK.sub(lambda m: f"{cardinal(m[1])} o'clock", text)
    return _LONE_HOUR.sub(lambda m: cardinal(m[1]), text)


def _numeric(written: str, month: str, day: str, the_year: str, *, may_swap: bool) -> str:
    if may_swap and int(month) > 12 >= int(day):
        month, day = day, month
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return written
    said = f"{MONTHS[int(month) - 1]} {ordinal(day.lstrip('0'))}"
    if len(the_year) == 2:
        the_year = ("20" if int(the_year) < 70 else "19") + the_year
    return f"{said}, {year(the_year)} " if the_year else said


def _month_day(match: re.Match[str]) -> str:
    if not 1 <= int(match[2]) <= 31:
        return f"{match[1]} {cardinal(match[2])}"
    said = f"{match[1]} {ordinal(match[2].lstrip('0'))}"
    if match[4]:
        said += f" to {ordinal(match[4].lstrip('0') or '0')}"
    return f"{said}, {year(match[6])}" if match[6] else said


def _day_month(match: re.Match[str]) -> str:
    if not 1 <= int(match[1]) <= 31:
        return match[0]
    said = f"{ordinal(match[1].lstrip('0'))} of {match[2]}"
    return f"{said}, {year(match[4])}" if match[4] else said


def _clock(match: re.Match[str]) -> str:
    hour, minute, second, half = int(match[1]), int(match[2]), match[3], match[5]
    if half is None and (hour > 12 or hour == 0 or (len(match[1]) == 2 and match[1][0] == "0")):
        half = "P M" if 12 <= hour < 24 else "A M"
    said = cardinal(str((hour - 1) % 12 + 1))
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{cardinal(str(minute))}"
    elif half is None:
        said += " o'clock"
    if second is not None and int(second):
        said += f" and {cardinal(str(int(second)))} second{'' if int(second) == 1 else 's'}"
    return f"{said} {half}" if half else said + match[4]
