"""Numbers as English words. American style: no "and" before the tens."""

from functools import lru_cache

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = (
    " thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion "
    "decillion"
).split(" ")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_LARGEST_CARDINAL = 15
"""Digits of the longest number that is read as a quantity; a longer one is read digit by digit."""
_SPECIAL_PARTS = {2: ("half", "halves"), 4: ("quarter", "quarters")}


def in_words(number: int, *, joint: str = " ", conjunction: str = " ") -> str:
    """A number from 0 to below 10^36; `joint` stands between thousands, `conjunction` before tens and before
    what is left of a hundred: one thousand *and* five."""
    if number < 1000:
        return _below_thousand(number, conjunction)
    if number % 1000 < 100 and number % 1000:
        left = _below_thousand(number % 1000, conjunction)
        return in_words(number - number % 1000, joint=joint, conjunction=conjunction) + conjunction + left
    groups = []
    scale = 0
    while number:
        number, group = divmod(number, 1000)
        if group:
            groups.append(f"{_below_thousand(group, conjunction)} {_SCALES[scale]}".rstrip())
        scale += 1
    return joint.join(reversed(groups))


def _below_thousand(number: int, conjunction: str) -> str:
    hundreds, rest = divmod(number, 100)
    if hundreds:
        head = f"{_SMALL[hundreds]} hundred"
        return head + conjunction + _below_thousand(rest, conjunction) if rest else head
    if number < 20:
        return _SMALL[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]}-{_SMALL[ones]}" if ones else _TENS[tens]


def as_ordinal(words: str) -> str:
    """ "twenty-one" → "twenty-first"."""
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    return words[:cut] + (_ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th"))


def digits(number: str) -> str:
    """One word a digit; other characters are left out."""
    return " ".join(_SMALL[int(digit)] for digit in number if digit in "0123456789")


@lru_cache(maxsize=4096)
def cardinal(number: str) -> str:
    """`"12345"` → "twelve thousand three hundred forty-five"; leading zeros: digit by digit."""
    if len(number) > _LARGEST_CARDINAL or (len(number) > 1 and number[0] == "0"):
        return digits(number)
    return in_words(int(number))


@lru_cache(maxsize=4096)
def ordinal(number: str) -> str:
    if len(number) > _LARGEST_CARDINAL:
        return digits(number)
    return as_ordinal(in_words(int(number)))


@lru_cache(maxsize=4096)
def year(number: str) -> str:
    """`"1905"` → "nineteen oh five"; outside 1100 to 2099, and 2000 to 2009, a plain cardinal."""
    if len(number) != 4 or not 1100 <= int(number) <= 2099 or 2000 <= int(number) <= 2009:
        return cardinal(number)
    century, rest = divmod(int(number), 100)
    if rest == 0:
        return f"{in_words(century)} hundred"
    return f"{in_words(century)} {'oh ' if rest < 10 else ''}{in_words(rest)}"


def decimal(whole: str, fraction: str) -> str:
    """Digits after the point one by one; `whole` may be empty (".5")."""
    return f"{cardinal(whole) + ' ' if whole else ''}point {digits(fraction)}"


def spoken(number: str) -> str:
    """A number as written in figures, perhaps with thousands' commas and a decimal point."""
    whole, point, fraction = number.replace(",", "").partition(".")
    return decimal(whole, fraction) if point and fraction else cardinal(whole)


def fraction(over: str, under: str) -> str:
    """`("3", "4")` → "three quarters"; `("22", "7000")` → "twenty-two over seven thousand"."""
    if len(under) > 3 or int(under) < 2:
        return f"{cardinal(over)} over {cardinal(under)}"
    one, many = _SPECIAL_PARTS.get(int(under), (ordinal(under), ordinal(under) + "s"))
    return f"{cardinal(over)} {one if over == '1' else many}"


def decade(number: str) -> str:
    """`"1990"` → "nineteen nineties", `"80"` → "eighties", `"2000"` → "two thousands"."""
    said = year(number) if len(number) == 4 else cardinal(number)
    return said[:-1] + "ies" if said.endswith("y") else said + "s"
