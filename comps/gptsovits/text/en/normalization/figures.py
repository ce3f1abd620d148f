"""Numbers alone: telephone numbers, versions, scores, fractions, ordinals, sums, codes with letters."""

import re

from comps.gptsovits.text.en.normalization.money import AMOUNT
from comps.gptsovits.text.en.numbers import cardinal, digits, fraction, ordinal, spoken, year

_NOT_IN_NUMBER = r"(?<![\w.,/:-])"
_HASH = re.compile(r"(?<!\w)#(?=\d)")
_PHONE = re.compile(
    r"(?<![\w.,/:-])(?:(\+?1)[-. ]?)?(?:\((\d{3})\) ?|(\d{3})[-. ])(\d{3})[-. ](\d{4})(?![\w-]|[.,]\d)"
    r"|(?<![\w.,/:-])(\d{3})-(\d{4})(?![\w-]|[.,]\d)"
)
_WORLD_PHONE = re.compile(r"(?<![\w+])\+(\d{1,3})((?:[-. ]\(?\d{1,5}\)?){2,6})(?![\w-])")
_PLAIN_PHONE = re.compile(r"(?<![\w+.,])\+(\d{8,15})(?!\w)")
_EMERGENCY = re.compile(
    r"(?<![\w.,$/-])(911|(?:(?<=call )|(?<=dial ))(?:999|112|411|311|988))(?![\w/]|[.,]\d)"
)
_DOTTED = re.compile(
    r"(?<![\w.])(v|V)?(\d{1,5}(?:\.\d{1,5}){2,7})(?!\d)|(?<![\w.])([vV])(\d{1,5}(?:\.\d{1,5})?)(?![\w.]\d|\w)"
)
_ALL_DAY = re.compile(rf"{_NOT_IN_NUMBER}24/7\b")
_NINE_ELEVEN = re.compile(rf"{_NOT_IN_NUMBER}9/11\b(?!/)")
_MIXED = re.compile(rf"{_NOT_IN_NUMBER}(\d{{1,6}}) (\d{{1,3}})/(\d{{1,3}})(?![\w/])")
_FRACTION = re.compile(rf"{_NOT_IN_NUMBER}(\d{{1,12}})/(\d{{1,12}})(?![\d/])")
_OUT_OF = re.compile(rf"{_NOT_IN_NUMBER}(\d{{1,9}}\.\d{{1,9}})/(\d{{1,9}})(?![\d/])")
_LARGEST_DENOMINATOR = 20
_RATIO = re.compile(rf"{_NOT_IN_NUMBER}(\d{{1,9}}) ?: ?(\d{{1,9}})(?![\d:])")
_BETWEEN = re.compile(rf"(?<![\w.,/:-])({AMOUNT})(?: ?– ?|-)({AMOUNT})(?![\w-]|[.,/]\d)")
_POINTS_IN_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:\.\d{3}){2,6}(?![\w.]|,\d)")
_SPACES_IN_THOUSANDS = re.compile(r"(?<!\d )(?<![\w.,])[1-9]\d{0,2}(?: \d{3}){2,6}(?![\w.]| \d)")
_SCALE = re.compile(rf"(?<![\w.,])({AMOUNT})(k|M|B)(?= [a-z])")
_SCALES = {"k": "thousand", "M": "million", "B": "billion"}
_ZIP = re.compile(r"(?<=\b[A-Z]{2} )(\d{5})(?:-(\d{4}))?(?![\w-])")
_SERIES = re.compile(r"(?<![\w.,])(\d{1,24}(?:-\d{1,24}){2,12})(?![\w-])")
_ORDINAL = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(?:st|nd|rd|th)\b", re.IGNORECASE)
_TIMES = re.compile(rf"(?<![\w.,])({AMOUNT})[xX](?!\w)")
_SUM = re.compile(r"(?<=[\d)A-Za-z]) ?([+×÷=*]|==|<=|>=|≤|≥|≠|≈|(?<= )[-–<>/](?= )) ?(?=[-–(]?[\d(.A-Za-z])")
_SUM_SIGNS = {
    "+": "plus", "-": "minus", "–": "minus", "×": "times", "*": "times", "÷": "divided by", "/": "divided by",
    "=": "equals", "==": "equals", "<": "is less than", ">": "is greater than", "≤": "is at most",
    "<=": "is at most",
    "≥": "is at least", ">=": "is at least", "≠": "is not equal to", "≈": "is about",
}  # fmt: skip
_BY = re.compile(r"(?<=\d)[x×](?=\d)|(?<=\d) x (?=\d)")
_ROOT = re.compile(r"√ ?(?=\d)")
_POWER = re.compile(r"\^\{?(-?\d{1,6}|n)\}?")
_SCIENTIFIC = re.compile(r"(?<![\w.])(\d{1,12}(?:\.\d{1,12})?)[eE]([+-]?)(\d{1,3})(?!\w)")
_MINUS = re.compile(r"(?<![\w.,)\]%-])[-–](?=\.?\d)")
_CODE = re.compile(
    r"(?<![A-Za-z\d])(?=[A-Za-z\d-]{0,30}\d)(?=[A-Za-z\d-]{0,30}[A-Za-z])[A-Za-z\d]{1,32}(?:-[A-Za-z\d]{1,32}){0,8}(?![A-Za-z\d])"
)
_RUN = re.compile(r"[A-Za-z]+|\d+")
_NUMBER = re.compile(rf"(?<![\d.])(\.\d{{1,24}}(?!\d)|{AMOUNT})")
_DIGITS = re.compile(r"\d+")


def speak_figures(text: str) -> str:
    """ "555-0199" → "five five five, zero one nine nine", "3-2" → "three to two", "A4" → "A four"."""
    text = _HASH.sub("number ", text)
    text = _PHONE.sub(_phone, text)
    text = _WORLD_PHONE.sub(lambda m: f"plus {digits(m[1])}, {_groups(m[2])}", text)
    text = _PLAIN_PHONE.sub(lambda m: f"plus {digits(m[1])}", text)
    text = _EMERGENCY.sub(lambda m: digits(m[1]), text)
    text = _POINTS_IN_THOUSANDS.sub(lambda m: m[0].replace(".", ""), text)
    text = _SPACES_IN_THOUSANDS.sub(lambda m: m[0].replace(" ", ""), text)
    text = _ZIP.sub(lambda m: ", ".join(map(digits, filter(None, m.groups()))), text)
    text = _SCALE.sub(lambda m: f"{spoken(m[1])} {_SCALES[m[2]]}", text)
    text = _ROOT.sub("square root of ", text)
    text = _DOTTED.sub(_dotted, text)
    text = _ALL_DAY.sub("twenty-four seven", text)
    text = _NINE_ELEVEN.sub("nine eleven", text)
    text = _MIXED.sub(lambda m: f"{cardinal(m[1])} and {_a(fraction(m[2], m[3]))}", text)
    text = _OUT_OF.sub(lambda m: f"{spoken(m[1])} out of {cardinal(m[2])}", text)
    text = _FRACTION.sub(lambda m: _fraction(m[1], m[2]), text)
    text = _RATIO.sub(lambda m: f"{cardinal(m[1])} to {cardinal(m[2])}", text)
    text = _BETWEEN.sub(lambda m: f"{spoken(m[1])} to {spoken(m[2])}", text)
    text = _SERIES.sub(lambda m: ", ".join(digits(part) for part in m[1].split("-")), text)
    text = _ORDINAL.sub(lambda m: ordinal(m[1].replace(",", "")), text)
    text = _SCIENTIFIC.sub(_scientific, text)
    text = _BY.sub(" by ", text)
    text = _TIMES.sub(lambda m: f"{spoken(m[1])} times", text)
    text = _SUM.sub(lambda m: _sum_sign(text, m), text)
    text = _POWER.sub(_power, text)
    text = _MINUS.sub("minus ", text)
    text = _CODE.sub(_code, text)
    text = _NUMBER.sub(lambda m: _spaced(text, m, spoken(m[1])), text)
    return _DIGITS.sub(lambda m: _spaced(text, m, digits(m[0])), text)


def _phone(match: re.Match[str]) -> str:
    groups = [group for group in match.groups() if group]
    return ("plus " if groups[0].startswith("+") else "") + ", ".join(map(digits, groups))


def _fraction(over: str, under: str) -> str:
    """Small denominators make fractions; "50/50" and "95/100" are said otherwise."""
    if over == under:
        return f"{cardinal(over)} {cardinal(under)}"
    if len(under) > 3 or int(under) > _LARGEST_DENOMINATOR:
        joint = "out of" if len(over) < len(under) or over < under else "over"
        return f"{cardinal(over)} {joint} {cardinal(under)}"
    return fraction(over, under)


def _groups(written: str) -> str:
    return ", ".join(digits(group) for group in re.findall(r"\d+", written))


def _dotted(match: re.Match[str]) -> str:
    """A version ("three point eleven point one") or, with four parts, an address ("… dot …")."""
    if match[3]:
        return f"version {spoken(match[4])}"
    parts = match[2].split(".")
    joint = " dot " if len(parts) == 4 and match[1] is None else " point "
    return ("version " if match[1] else "") + joint.join(map(cardinal, parts))


def _a(said: str) -> str:
    return said.replace("one ", "a ", 1) if said.startswith("one ") else said


def _scientific(match: re.Match[str]) -> str:
    sign = "minus " if match[2] == "-" else ""
    return f"{spoken(match[1])} times ten to the {sign}{cardinal(match[3])}"


def _sum_sign(text: str, match: re.Match[str]) -> str:
    sign = match[1]
    before, after = text[match.start() - 1], text[match.end() : match.end() + 1]
    # Between words these signs are bullets, arrows or emphasis; "a = b" and "C++" stay what they are.
    if sign in "-–/<>*" and not (before.isdigit() and (after.isdigit() or after in ".(-")):
        return match[0]
    return f" {_SUM_SIGNS[sign]} "


def _power(match: re.Match[str]) -> str:
    known = {"2": " squared", "3": " cubed", "n": " to the n"}.get(match[1])
    return (
        known or f" to the power of {'minus ' if match[1][0] == '-' else ''}{cardinal(match[1].lstrip('-'))}"
    )


def _code(match: re.Match[str]) -> str:
    """Letters and digits in one word: A4, MP3, BA2490, COVID-19, 221B. Short runs of letters are spelled."""
    return " ".join(" ".join(map(_run, _RUN.findall(part))) for part in match[0].split("-"))


def _run(run: str) -> str:
    if run.isdigit():
        if len(run) == 4 and run[0] != "0":
            return year(run) if run[2:] == "00" else _in_pairs(run)
        return digits(run) if len(run) > 4 else cardinal(run)
    return " ".join(run.upper()) if len(run) <= 2 or (run.isupper() and len(run) <= 3) else run


def _in_pairs(run: str) -> str:
    first, second = cardinal(run[:2]), run[2:]
    return f"{first} {'oh ' + cardinal(second[1]) if second[0] == '0' else cardinal(second)}"


def _spaced(text: str, match: re.Match[str], said: str) -> str:
    before = " " if match.start() and text[match.start() - 1].isalnum() else ""
    after = " " if text[match.end() : match.end() + 1].isalpha() else ""
    return before + said + after
