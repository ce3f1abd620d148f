"""Chinese text as it will be spoken: simplified characters, numbers in words, the model's punctuation.

`spoken_sentences` serves Cantonese too; the two languages differ in what becomes of punctuation.
"""

import re
import unicodedata
from functools import cache
from importlib.resources import files

from comps.gptsovits.text.zh.numerals import by_telephone, digit_by_digit
from comps.gptsovits.text.zh.rules import RULES

MAX_NUMBER_DIGITS = 100
"""A longer run of digits is read one by one before any rule looks: it bounds the work of the rules."""

SPEAKABLE = "一-龥!?…,.-"
"""The characters of a normalised text, as the inside of a regular expression's class."""

_SENTENCE = re.compile("[^：、，；。？！,;?!\n]*(?:[：、，；。？！,;?!]’?|\n|$)")
_DROPPED = dict.fromkeys(map(ord, " —《》【】<>{}()（）#&@“”^_|\\"))
_LONG_FRACTION = re.compile(rf"\.([0-9]{{{MAX_NUMBER_DIGITS + 1},}})")
_LONG_NUMBER = re.compile(rf"(?<![0-9])[0-9]{{{MAX_NUMBER_DIGITS + 1},}}")
_WIDE_ASCII = {
    code + 0xFEE0: code for code in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%"
}
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")

_GREEK = {
    "α": "阿尔法", "β": "贝塔", "γΓ": "伽玛", "δΔ": "德尔塔", "ε": "艾普西龙", "ζ": "捷塔", "η": "依塔",
    "θΘ": "西塔", "ι": "艾欧塔", "κ": "喀帕", "λΛ": "拉姆达", "μ": "缪", "ν": "拗", "ξΞ": "克西",
    "ο": "欧米克伦", "πΠ": "派", "ρ": "肉", "ςΣσ": "西格玛", "τ": "套", "υ": "宇普西龙", "φΦ": "服艾",
    "χ": "器", "ψ": "普赛", "ωΩ": "欧米伽",
}  # fmt: skip
_CIRCLED = dict(zip("①②③④⑤⑥⑦⑧⑨⑩", "一二三四五六七八九十", strict=True))
_SIGNS = {"/": "每", "+": "加", "-": "减", "×": "乘", "÷": "除", "=": "等"}
_SPOKEN_SIGNS = str.maketrans(
    {letter: name for letters, name in _GREEK.items() for letter in letters} | _CIRCLED | _SIGNS
)

_PUNCTUATION = {
    "：": ",",
    "；": ",",
    "，": ",",
    "、": ",",
    "·": ",",
    "。": ".",
    "$": ".",
    "！": "!",
    "？": "?",
}
# 嗯 and 呣 are syllabic nasals, for which the phoneme inventory has no symbol.
_MANDARIN = str.maketrans(_PUNCTUATION | {"~": "…", "～": "…", "嗯": "恩", "呣": "母"})
_CANTONESE = str.maketrans(_PUNCTUATION | {"~": "-", "～": "-"})
_UNSPEAKABLE = re.compile(f"[^{SPEAKABLE}]+")
_REPEATED_MARK = re.compile("([!?…,.-])[!?…,.-]+")


def normalize_mandarin(text: str) -> str:
    """Han characters and single marks out of `!?…,.-`; everything else is put into words or left out."""
    return _REPEATED_MARK.sub(r"\1", _speakable(text, _MANDARIN))


def normalize_cantonese(text: str) -> str:
    """The same in characters; repeated marks stay, as the reference implementation has it."""
    return _speakable(text, _CANTONESE)


def _speakable(text: str, marks: dict[int, str]) -> str:
    sentences = (_UNSPEAKABLE.sub("", s.replace("...", "…").translate(marks)) for s in spoken_sentences(text))
    return "".join(sentences)


def spoken_sentences(text: str) -> list[str]:
    """The sentences and clauses of a text, everything written with digits, units and signs put into words.

    A rule never sees across the marks that end a clause: `1,234` is 一, then 二百三十四.
    """
    clauses = _SENTENCE.findall(text.translate(_DROPPED))
    return [_spoken(clause) for clause in clauses if clause]


def _spoken(clause: str) -> str:
    clause = ascii_digits(clause.translate(_simplified()))
    clause = _LONG_FRACTION.sub(lambda match: f"点{digit_by_digit(match[1])}", clause)
    clause = _LONG_NUMBER.sub(lambda match: by_telephone(match[0]), clause)
    for rule in RULES:
        clause = rule.apply(clause)
    return clause.translate(_SPOKEN_SIGNS).translate(_DROPPED)


def ascii_digits(text: str) -> str:
    """Full-width letters, digits and per cent signs, and all other scripts' decimal digits, in ASCII."""
    text = text.translate(_WIDE_ASCII)
    return _FOREIGN_DIGIT.sub(lambda match: str(unicodedata.decimal(match[0])), text)


@cache
def _simplified() -> dict[int, str]:
    pairs = files(__package__).joinpath("data", "simplified.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}
