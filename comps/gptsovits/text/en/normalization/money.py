"""Amounts of money."""

import re
from typing import NamedTuple

from comps.gptsovits.text.en.numbers import cardinal, spoken


class Currency(NamedTuple):
    one: str
    many: str
    cent: str = "cent"
    cents: str = "cents"


_DOLLAR = Currency("dollar", "dollars")
_SIGNS = {
    "US$": Currency("U S dollar", "U S dollars"),
    "A$": Currency("Australian dollar", "Australian dollars"),
    "AU$": Currency("Australian dollar", "Australian dollars"),
    "C$": Currency("Canadian dollar", "Canadian dollars"),
    "CA$": Currency("Canadian dollar", "Canadian dollars"),
    "HK$": Currency("Hong Kong dollar", "Hong Kong dollars"),
    "NZ$": Currency("New Zealand dollar", "New Zealand dollars"),
    "NT$": Currency("Taiwan dollar", "Taiwan dollars"),
    "S$": Currency("Singapore dollar", "Singapore dollars"),
    "R$": Currency("real", "reais", "centavo", "centavos"),
    "$": _DOLLAR,
    "£": Currency("pound", "pounds", "penny", "pence"),
    "€": Currency("euro", "euros"),
    "¥": Currency("yen", "yen", "sen", "sen"),
    "₩": Currency("won", "won", "jeon", "jeon"),
    "₹": Currency("rupee", "rupees", "paisa", "paise"),
    "₽": Currency("ruble", "rubles", "kopeck", "kopecks"),
    "Rs.": Currency("rupee", "rupees", "paisa", "paise"),
    "₿": Currency("bitcoin", "bitcoins"),
    "₺": Currency("lira", "lira", "kurus", "kurus"),
    "₫": Currency("dong", "dong"),
    "฿": Currency("baht", "baht", "satang", "satang"),
}
_CODES = {
    "USD": Currency("U S dollar", "U S dollars"),
    "EUR": _SIGNS["€"],
    "GBP": Currency("British pound", "British pounds", "penny", "pence"),
    "JPY": Currency("Japanese yen", "Japanese yen", "sen", "sen"),
    "CNY": Currency("Chinese yuan", "Chinese yuan", "fen", "fen"),
    "RMB": Currency("yuan", "yuan", "fen", "fen"),
    "CHF": Currency("Swiss franc", "Swiss francs", "centime", "centimes"),
    "CAD": _SIGNS["C$"],
    "AUD": _SIGNS["A$"],
    "HKD": _SIGNS["HK$"],
    "INR": Currency("Indian rupee", "Indian rupees", "paisa", "paise"),
    "KRW": Currency("Korean won", "Korean won", "jeon", "jeon"),
}
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "mm": "million", "b": "billion", "bn": "billion",
           "t": "trillion", "tn": "trillion"}  # fmt: skip

_SIGN = "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))
_CODE = "|".join(_CODES)
AMOUNT = r"(?:\d{1,3}(?:,\d{3}){1,6}|\d{1,24})(?:\.\d{1,24})?"
_SCALE = r"(?: ?(thousand|million|billion|trillion)\b|(k|K|[Mm]n?|MM|[Bb]n?|[Tt]n)\b)?"
_BEFORE = re.compile(
    rf"(?<![A-Za-z\d])(-?)(?:({_SIGN})|({_CODE}) ?) ?(-?)({AMOUNT}|\.\d{{1,4}})"
    rf"(?: ?[–-] ?(?:{_SIGN})?({AMOUNT}))?{_SCALE}"
)
_AFTER = re.compile(rf"(?<![\w.,])(-?)({AMOUNT}){_SCALE} ?(?:({_SIGN})(?!\d)|({_CODE})\b)")
_PER = re.compile(r"(?<=[a-z] )/ ?([A-Za-z]{1,12})\b")
_PER_UNITS = {
    "kg": "kilogram", "g": "gram", "lb": "pound", "oz": "ounce", "h": "hour", "hr": "hour", "mo": "month",
    "yr": "year", "wk": "week", "min": "minute", "l": "liter", "L": "liter", "gal": "gallon",
    "sqft": "square foot",
}  # fmt: skip
_CENTS = re.compile(rf"(?<![\w.,])({AMOUNT}) ?¢")


def speak_money(text: str) -> str:
    """ "$0.99" → "ninety-nine cents", "€5–9" → "five to nine euros"."""
    text = _BEFORE.sub(_sign_first, text)
    text = _PER.sub(lambda m: " per " + _PER_UNITS.get(m[1], m[1]), text)
    text = _AFTER.sub(_sign_last, text)
    return _CENTS.sub(lambda m: f"{spoken(m[1])} {'cent' if m[1] == '1' else 'cents'}", text)


def _sign_first(match: re.Match[str]) -> str:
    currency = _SIGNS[match[2]] if match[2] else _CODES[match[3]]
    minus = "minus " if match[1] or match[4] else ""
    scale = match[7] or _SCALES.get((match[8] or "").lower(), "")
    if match[6]:
        return f"{minus}{spoken(match[5])} to {spoken(match[6])} {scale and scale + ' '}{currency.many} "
    return minus + _say(currency, match[5], scale) + " "


def _sign_last(match: re.Match[str]) -> str:
    currency = _SIGNS[match[5]] if match[5] else _CODES[match[6]]
    scale = match[3] or _SCALES.get((match[4] or "").lower(), "")
    return ("minus " if match[1] else "") + _say(currency, match[2], scale) + " "


def _say(currency: Currency, amount: str, scale: str) -> str:
    if scale:
        return f"{spoken(amount)} {scale} {currency.many}"
    whole, _, part = amount.replace(",", "").partition(".")
    whole = whole or "0"
    if len(part) > 2:
        return f"{spoken(amount)} {currency.many}"
    small = int(part.ljust(2, "0")) if part else 0
    said = []
    if int(whole) or not small:
        said.append(f"{cardinal(whole)} {currency.one if whole == '1' else currency.many}")
    if small:
        said.append(f"{cardinal(str(small))} {currency.cent if small == 1 else currency.cents}")
    return " and ".join(said)
