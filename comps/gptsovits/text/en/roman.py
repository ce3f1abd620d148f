"""Roman numerals after the words that make them numbers."""

import re

from comps.gptsovits.text.en.numbers import cardinal, ordinal

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_COUNTED = (
    "act|appendix|article|book|chapter|class|episode|figure|grade|level|part|phase|scene|season|section|stage|"
    "table|title|tome|type|vol|pt|volume|war|bowl|olympiad|fantasy|rocky"
)
_CROWNED = (
    "alexander|benedict|boniface|catherine|charles|christian|clement|constantine|edward|elizabeth|ferdinand|francis|"
    "frederick|george|gregory|gustav|harald|henry|innocent|ivan|james|john|john paul|king|leo|leopold|louis|"
    "mary|napoleon|nicholas|olaf|otto|paul|peter|philip|pius|pope|queen|ramesses|ramses|richard|rudolf|sixtus|urban|"
    "victor|wilhelm|william"
)
_NUMERAL = r"((?-i:[IVX]|[IVXLC]{2,8}))"
_COUNT = re.compile(rf"\b({_COUNTED})\.? {_NUMERAL}\b", re.IGNORECASE)
# A lone "I" after a name is a numeral only where "I" the pronoun cannot stand.
_CROWN = re.compile(rf"\b({_CROWNED}) (?!I (?!of|was|is|and|in\b)){_NUMERAL}\b", re.IGNORECASE)


_IN_FULL = {"vol": "volume", "pt": "part"}


def spell_roman(text: str) -> str:
    """ "Chapter IV" → "Chapter four", "Henry VIII" → "Henry the eighth"."""
    text = _COUNT.sub(_count, text)
    return _CROWN.sub(_crown, text)


def _count(match: re.Match[str]) -> str:
    value = _value(match[2])
    word = _IN_FULL.get(match[1].lower(), match[1])
    return f"{word} {cardinal(str(value))}" if value else match[0]


def _crown(match: re.Match[str]) -> str:
    value = _value(match[2]) if match[1][0].isupper() else 0
    return f"{match[1]} the {ordinal(str(value))}" if value else match[0]


def _value(numeral: str) -> int:
    """0 for what is no numeral in the usual form."""
    if not numeral.isupper():
        return 0
    total = 0
    for here, following in zip(numeral, numeral[1:] + " ", strict=True):
        value = _VALUES[here]
        total += -value if _VALUES.get(following, 0) > value else value
    return total if _numeral(total) == numeral else 0


def _numeral(value: int) -> str:
    written = ""
    for worth, sign in (
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
    ):
        times, value = divmod(value, worth)
        written += sign * times
    return written + "I" * value
