"""The reference's English: its normaliser with its faults, and its lookup of words.

Faults kept here: `:` `;` `&` `@` and dashes vanish, `a.m.` is doubled after a clock time, `/` in dates joins
words, capitals inside a word are spelled, most units do not expand, a sentence's first "A" is a letter.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

import wordsegment

from comps.gptsovits.text.en.fallback import SpellingModel
from comps.gptsovits.text.en.heteronyms import TABLE
from comps.gptsovits.text.en.lexicon import LETTERS, Lexicon
from comps.gptsovits.text.en.numbers import as_ordinal, in_words
from comps.gptsovits.text.en.tagger import PosTagger
from comps.gptsovits.text.symbols import SYMBOLS

Match = re.Match[str]

_FULL_WIDTH = str.maketrans("。！？", ".!?")
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ"
_OPERAND = rf"(-?\d+(?:\.\d+)?[{_SUPERSCRIPTS}]*|\.\d+[{_SUPERSCRIPTS}]*|[A-Za-z][{_SUPERSCRIPTS}]*)"
_SUM = re.compile(rf"{_OPERAND}\s+([+\-×÷=])\s+{_OPERAND}")
_OPERATORS = {"+": " plus ", "-": " minus ", "×": " times ", "÷": " divided by ", "=": " Equals "}
_UNITS = {
    "m": ("meter", "meters"),
    "km": ("kilometer", "kilometers"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "ft": ("feet", "feet"),
    "L": ("liter", "liters"),
    "tbsp": ("tablespoon", "tablespoons"),
    "tsp": ("teaspoon", "teaspoons"),
    "h": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "s": ("second", "seconds"),
    "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"),
}


def _number(digits: str) -> str:
    value = int(digits)
    if not 1000 < value < 3000:
        if value >= 10**36:
            raise ValueError("the reference has no names for such numbers")
        return in_words(value, joint=", ")
    if value == 2000:
        return "two thousand"
    if 2000 < value < 2010:
        return "two thousand " + in_words(value % 100)
    first, second = divmod(value, 100)
    if second == 0:
        return in_words(first) + " hundred"
    return f"{in_words(first)} {'oh ' if second < 10 else ''}{in_words(second)}"


def _clock(match: Match) -> str:
    hour, minute = int(match[1]), int(match[2])
    half = "a.m." if hour < 12 else "p.m."
    spoken = in_words(hour - 12 if hour > 12 else hour)
    minutes = in_words(minute) if minute else "o'clock"
    return f"{spoken} {minutes} {half}"


def _quantity(match: Match) -> str:
    amount, fraction, unit = match[1], match[2], match[3]
    number = amount.replace(unit, "").replace(".", "")
    singular = fraction is None and int(number) == 1
    return str(amount.replace(unit, " " + _UNITS[unit][0 if singular else 1]))


def _money(unit: str, cent: str, cents: str) -> Callable[[Match], str]:
    def spoken(match: Match) -> str:
        parts = match[1].split(".")
        if len(parts) > 2:
            return f"{match[1]} {unit}s"
        whole = int(parts[0] or 0)
        part = int(parts[1].ljust(2, "0")) if len(parts) > 1 and parts[1] else 0
        said = [f"{whole} {unit}{'' if whole == 1 else 's'}"] if whole else []
        if part:
            said.append(f"{part} {cent if part == 1 else cents}")
        return " and ".join(said) or f"zero {unit}s"

    return spoken


def _decimal(match: Match) -> str:
    whole, digits = match[1].split(".")
    return f"{whole} point {' '.join(digits)}"


def _in_british_words(number: int) -> str:
    return in_words(number, joint=", ", conjunction=" and ")


def _ordinal(match: Match) -> str:
    return as_ordinal(_in_british_words(int(match[0][:-2])))


def _fraction(match: Match) -> str:
    over, under = (int(part) for part in match[0].split("/"))
    spoken = _in_british_words(over)
    if under == 1:
        return spoken
    if under == 2:
        return f"{spoken} {'half' if over == 1 else 'halves'}"
    return f"{spoken} {as_ordinal(_in_british_words(under))}{'s' if over > 1 else ''}"


def _numbered(match: Match) -> str:
    """A list's "1. " → "1st, "."""
    digits = match[1]
    ending = "th" if digits[-2:-1] == "1" else {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1], "th")
    return f"{digits}{ending}, "


_PASSES: tuple[tuple[re.Pattern[str], Callable[[Match], str]], ...] = (
    (re.compile(r"([0-9][0-9,]+[0-9])"), lambda m: m[1].replace(",", "")),
    (re.compile(r"\b([01]?[0-9]|2[0-3]):([0-5][0-9])\b"), _clock),
    (re.compile(r"\b([0-9]+(\.[0-9]+)?(m|km|km/h|ft|L|tbsp|tsp|h|min|s|°C|°F))\b"), _quantity),
    (re.compile(r"£([0-9.,]*[0-9]+)"), _money("pound", "penny", "pence")),
    (re.compile(r"([0-9.,]*[0-9]+)£"), _money("pound", "penny", "pence")),
    (re.compile(r"\$([0-9.,]*[0-9]+)"), _money("dollar", "cent", "cents")),
    (re.compile(r"([(0-9.,]*[0-9]+)\$"), _money("dollar", "cent", "cents")),
    (re.compile(r"([0-9]+\.\s*[0-9]+)"), _decimal),
    (re.compile(r"([0-9]+/[0-9]+)"), _fraction),
    (re.compile(r"[0-9]+(st|nd|rd|th)"), _ordinal),
    (re.compile(r"[0-9]+"), lambda m: _number(m[0])),
)


def normalize(text: str) -> str:
    """What the reference's English normaliser makes of a text; like it, raises ValueError on odd amounts and
    on numbers of more than 36 digits."""
    text = text.translate(_FULL_WIDTH)
    text = re.sub(r"\b([0-9]+)\. ", _numbered, text)
    while _SUM.search(text):
        text = _SUM.sub(lambda m: m[1] + _OPERATORS[m[2]] + m[3], text)
    text = re.sub(r"(?:^|\s+)-(\d+)", r"negative \1", text)
    for pattern, spoken in _PASSES:
        text = pattern.sub(spoken, text)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    text = re.sub(r"[^ A-Za-z'.,?!\-]", "", text.replace("%", " percent"))
    text = re.sub(r"(?i)i\.e\.", "that is", text)
    text = re.sub(r"(?i)e\.g\.", "for example", text)
    text = re.sub(r"(?<!^)(?<!\s)([A-Z])", r" \1", text)
    return re.sub(r"([!?…,.\-\s])[!?…,.\-]+", r"\1", text)


# Words as NLTK's TweetTokenizer cuts text that has passed `normalize`: a naked domain, a word with inner
# apostrophes or hyphens, a plain word, dots in a row, any other mark.
_TOKEN = re.compile(
    r"[A-Za-z]+(?:[.\-][A-Za-z]+){0,126}\.[A-Za-z]{2,13}\b"
    r"|[A-Za-z][A-Za-z'\-]+[A-Za-z]|[A-Za-z]+|\.(?: *\.)+|\S"
)
_VOICELESS = {"P", "T", "K", "F", "TH", "HH"}
_SIBILANT = {"S", "Z", "SH", "ZH", "CH", "JH"}
_READ = ("R IY1 D".split(), "R EH1 D".split())


class ReferenceEnglish:
    def __init__(self) -> None:
        self._lexicon = Lexicon("dictionary.txt.gz")
        self._names = Lexicon("names.txt.gz")
        self._tagger = PosTagger()
        self._spelling = SpellingModel()
        if not wordsegment.UNIGRAMS:
            wordsegment.load()
        self._word = lru_cache(maxsize=4096)(self._look_up)

    def phones(self, norm: str) -> list[str]:
        tokens = _TOKEN.findall(norm)
        phones: list[str] = []
        for token, tag in zip(tokens, self._tagger.tag(tokens), strict=True):
            phones += self._token(token, tag)
        named = ("-" if phone == "'" else phone for phone in phones)
        return [phone for phone in named if phone in SYMBOLS["v2"]]

    def _token(self, token: str, tag: str) -> list[str]:
        word = token.lower()
        if not re.search("[a-z]", word):
            return [word]
        if len(word) == 1:
            return ["EY1"] if token == "A" else self._lexicon.get(word) or []
        if word == "read":  # present tense for VB and VBP only
            return _READ[0 if "VBP".startswith(tag) or tag.startswith("VBP") else 1]
        if word == "complex":
            return "K AH0 M P L EH1 K S".split() if tag.startswith("JJ") else "K AA1 M P L EH0 K S".split()
        if (entry := TABLE.get(word)) is not None:
            return list(entry.matching if tag.startswith(entry.tag) else entry.otherwise)
        return self._word(token)

    def _look_up(self, token: str) -> list[str]:
        word = token.lower()
        if len(word) > 1 and (known := self._lexicon.get(word)) is not None:
            return known
        if token.istitle() and (name := self._names.get(word)) is not None:
            return name
        if len(word) <= 3:
            return [phone for letter in word for phone in LETTERS.get(letter, (letter,))]
        if re.fullmatch(r"[a-z]+'s", word):
            stem = self._look_up(word[:-2])
            if stem[-1] in _VOICELESS:
                return [*stem, "S"]
            return [*stem, "AH0", "Z"] if stem[-1] in _SIBILANT else [*stem, "Z"]
        parts = wordsegment.segment(word)
        if len(parts) == 1:
            return self._spelling.phones(word)
        return [phone for part in parts for phone in self._look_up(part)]


@cache
def reference_english() -> ReferenceEnglish:
    return ReferenceEnglish()
