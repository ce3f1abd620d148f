"""Numbers with a unit, percentages, temperatures, heights."""

import re
from typing import NamedTuple

from comps.gptsovits.text.en.normalization.money import AMOUNT
from comps.gptsovits.text.en.numbers import cardinal, spoken


class Unit(NamedTuple):
    one: str
    many: str


def _plural(one: str) -> Unit:
    return Unit(one, one + "s")


def _per(one: str, per: str) -> Unit:
    return Unit(f"{one} per {per}", f"{one}s per {per}")


_UNITS: dict[str, Unit] = {
    # length, area, volume
    "km": _plural("kilometer"), "m": _plural("meter"), "cm": _plural("centimeter"),
    "mm": _plural("millimeter"),
    "μm": _plural("micrometer"), "nm": _plural("nanometer"), "mi": _plural("mile"), "yd": _plural("yard"),
    "yds": _plural("yard"), "ft": Unit("foot", "feet"), "in": Unit("inch", "inches"),
    "dm": _plural("decimeter"),
    "km^2": _plural("square kilometer"), "m^2": _plural("square meter"), "cm^2": _plural("square centimeter"),
    "ft^2": Unit("square foot", "square feet"), "sq ft": Unit("square foot", "square feet"),
    "sqft": Unit("square foot", "square feet"), "m^3": _plural("cubic meter"),
    "cm^3": _plural("cubic centimeter"),
    "cc": _plural("cubic centimeter"), "ha": _plural("hectare"), "l": _plural("liter"), "L": _plural("liter"),
    "ml": _plural("milliliter"), "mL": _plural("milliliter"), "cl": _plural("centiliter"),
    "gal": _plural("gallon"),
    "qt": _plural("quart"), "pt": _plural("pint"), "tbsp": _plural("tablespoon"), "tsp": _plural("teaspoon"),
    # mass
    "kg": _plural("kilogram"), "kgs": _plural("kilogram"), "g": _plural("gram"), "mg": _plural("milligram"),
    "μg": _plural("microgram"), "lb": _plural("pound"), "lbs": _plural("pound"), "oz": _plural("ounce"),
    # time
    "h": _plural("hour"), "hr": _plural("hour"), "hrs": _plural("hour"), "min": _plural("minute"),
    "mins": _plural("minute"), "s": _plural("second"), "sec": _plural("second"), "secs": _plural("second"),
    "ms": _plural("millisecond"), "μs": _plural("microsecond"), "ns": _plural("nanosecond"),
    "yr": _plural("year"),
    "yrs": _plural("year"), "wk": _plural("week"), "wks": _plural("week"),
    # speed and rates
    "km/h": _per("kilometer", "hour"), "kmh": _per("kilometer", "hour"), "kph": _per("kilometer", "hour"),
    "mph": _per("mile", "hour"), "m/s": _per("meter", "second"), "km/s": _per("kilometer", "second"),
    "ft/s": Unit("foot per second", "feet per second"), "mpg": _per("mile", "gallon"),
    "rpm": _per("revolution", "minute"),
    "bpm": _per("beat", "minute"), "fps": _per("frame", "second"), "kbps": _per("kilobit", "second"),
    "Mbps": _per("megabit", "second"), "Gbps": _per("gigabit", "second"), "MB/s": _per("megabyte", "second"),
    "GB/s": _per("gigabyte", "second"),
    "m/s^2": Unit("meter per second squared", "meters per second squared"),
    "g/L": _per("gram", "liter"), "mg/L": _per("milligram", "liter"),
    "kg/m^3": _per("kilogram", "cubic meter"),
    # data
    "kB": _plural("kilobyte"), "KB": _plural("kilobyte"), "MB": _plural("megabyte"),
    "GB": _plural("gigabyte"),
    "TB": _plural("terabyte"), "PB": _plural("petabyte"), "KiB": _plural("kibibyte"),
    "MiB": _plural("mebibyte"),
    "GiB": _plural("gibibyte"), "px": _plural("pixel"), "MP": _plural("megapixel"),
    "dpi": Unit("D P I", "D P I"),
    # physics
    "Hz": Unit("hertz", "hertz"), "kHz": Unit("kilohertz", "kilohertz"),
    "MHz": Unit("megahertz", "megahertz"),
    "GHz": Unit("gigahertz", "gigahertz"), "W": _plural("watt"), "kW": _plural("kilowatt"),
    "MW": _plural("megawatt"),
    "GW": _plural("gigawatt"), "kWh": _plural("kilowatt hour"), "MWh": _plural("megawatt hour"),
    "V": _plural("volt"),
    "kV": _plural("kilovolt"), "mV": _plural("millivolt"), "mA": _plural("milliamp"),
    "mAh": _plural("milliamp hour"),
    "Ω": _plural("ohm"), "J": _plural("joule"), "kJ": _plural("kilojoule"), "cal": _plural("calorie"),
    "kcal": _plural("kilocalorie"), "Pa": _plural("pascal"), "kPa": _plural("kilopascal"),
    "hPa": _plural("hectopascal"), "psi": Unit("P S I", "P S I"), "dB": _plural("decibel"),
    "hp": Unit("horsepower", "horsepower"),
    "°C": Unit("degree Celsius", "degrees Celsius"), "°F": Unit("degree Fahrenheit", "degrees Fahrenheit"),
    "°": Unit("degree", "degrees"), "%": Unit("percent", "percent"), "‰": Unit("per mille", "per mille"),
}  # fmt: skip
# Words of their own, or letters: units only when nothing stands between them and the number.
_ATTACHED_ONLY = {
    "in",
    "m",
    "s",
    "h",
    "l",
    "L",
    "pt",
    "W",
    "V",
    "J",
    "MP",
    "cal",
    "g",
    "ms",
    "hp",
    "Pa",
    "cc",
    "ha",
    "ns",
    "mi",
}
_SPACED = {"m", "s", "g", "L", "h", "W", "V", "mi", "ms", "hp"}
"""Attached-only units that also count after a space where the next word cannot belong to them."""

_ANY_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_RANGE = rf"(?:( ?(?:–|-|to|×|x) ?)({AMOUNT}))?"
_QUANTITY = re.compile(
    rf"(?<![\w.,])([+-]|–)?({AMOUNT}){_RANGE}( ?|-)({_ANY_UNIT})(\.?)(?![\w/^°])(?!'[a-z])"
)
_HEIGHT = re.compile(r"(?<![\w.])(\d)' ?(\d{1,2})(?:\"|'')?(?!\w)")
_FEET = re.compile(rf"(?<![\w.])({AMOUNT})'(?=[ ,.;]|$)")
_DURATION = re.compile(r"(?<![\w.])(?:(\d{1,4}) ?h(?:rs?)? ?)(\d{1,2}) ?m(?:in)?(?: ?(\d{1,2}) ?s(?:ec)?)?\b")
_DURATION_SHORT = re.compile(r"(?<![\w.])(\d{1,4})m(?:in)? ?(\d{1,2}) ?s(?:ec)?\b")
_JOINS = {"x": "by", "×": "by"}


def speak_quantities(text: str) -> str:
    """ "5kg" → "five kilograms", "-9°C" → "minus nine degrees Celsius"."""
    text = _DURATION.sub(lambda m: _duration((m[1], "hour"), (m[2], "minute"), (m[3], "second")), text)
    text = _DURATION_SHORT.sub(lambda m: _duration((m[1], "minute"), (m[2], "second")), text)
    text = _HEIGHT.sub(lambda m: f"{cardinal(m[1])} foot {cardinal(m[2])}", text)
    text = _QUANTITY.sub(lambda m: _quantity(text, m), text)
    return _FEET.sub(lambda m: f"{spoken(m[1])} feet", text)


def _duration(*parts: tuple[str | None, str]) -> str:
    return " ".join(f"{cardinal(n)} {unit}{'' if n == '1' else 's'}" for n, unit in parts if n is not None)


def _quantity(text: str, match: re.Match[str]) -> str:
    sign, amount, join, second, gap, symbol, point = match.groups()
    following = text[match.end() : match.end() + 1]
    if (
        gap == " "
        and symbol in _ATTACHED_ONLY
        and not (symbol in _SPACED and following in ("", ",", ";", ")"))
    ):
        return match[0]
    unit = _UNITS[symbol]
    # "a 5-km run", "5 km": only a lone 1 is singular, and what stands before a noun.
    many = unit.one if (amount == "1" and second is None) or gap == "-" else unit.many
    minus = {"-": "minus ", "–": "minus ", "+": "plus "}.get(sign or "", "")
    stop = (
        point
        if not following or (following == " " and text[match.end() + 1 : match.end() + 2].isupper())
        else ""
    )
    said = minus + spoken(amount)
    if second is not None:
        said += f" {_JOINS.get(join.strip(), 'to')} {spoken(second)}"
    return f"{said} {many}{stop}" + (" " if following.isalnum() else "")
