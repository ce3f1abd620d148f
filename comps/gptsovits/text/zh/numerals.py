"""Numbers in Chinese words: 123 as a quantity (一百二十三), as digits (一二三), by telephone (幺二三)."""

DIGITS = "零一二三四五六七八九"
_UNITS = {1: "十", 2: "百", 3: "千", 4: "万", 8: "亿"}
_SPOKEN_DIGIT = {ord(str(value)): digit for value, digit in enumerate(DIGITS)}
_TELEPHONE_DIGIT = _SPOKEN_DIGIT | {ord("1"): "幺"}


def digit_by_digit(digits: str) -> str:
    """`"2024"` → 二零二四. What is no ASCII digit stays."""
    return digits.translate(_SPOKEN_DIGIT)


def by_telephone(digits: str) -> str:
    """`"110"` → 幺幺零: in long codes 一 is said 幺, so that it is not heard as 七."""
    return digits.translate(_TELEPHONE_DIGIT)


def cardinal(digits: str) -> str:
    """A quantity of ASCII digits, leading zeros ignored: `"10500"` → 一万零五百, `"15"` → 十五."""
    significant = digits.lstrip("0")
    if not significant:
        return DIGITS[0] if digits else ""
    spoken = _group(significant)
    return spoken[1:] if spoken.startswith("一十") else spoken


def _group(digits: str) -> str:
    """Digits without a leading zero, split at the largest unit that they exceed: 12345 = 1 万 2345."""
    if len(digits) == 1:
        return DIGITS[int(digits)]
    power = max(power for power in _UNITS if power < len(digits))
    head, tail = digits[:-power], digits[-power:]
    rest = tail.lstrip("0")
    if not rest:
        return _group(head) + _UNITS[power]
    gap = DIGITS[0] if len(rest) < len(tail) else ""
    return _group(head) + _UNITS[power] + gap + _group(rest)


def number(text: str) -> str:
    """A decimal number: `"15.7"` → 十五点七, `".5"` → 零点五, `"3.00"` → 三点零, `"3.20"` → 三点二零.

    One zero at the end of the fraction is spoken, as the reference implementation has it; more are not.
    """
    whole, _, fraction = text.partition(".")
    spoken = cardinal(whole)
    trimmed = fraction.rstrip("0")
    if len(trimmed) < len(fraction):
        trimmed += "0"
    if not trimmed:
        return spoken
    return f"{spoken or DIGITS[0]}点{digit_by_digit(trimmed)}"
