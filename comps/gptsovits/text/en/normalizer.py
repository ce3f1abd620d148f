"""Written English → what will be said: words in letters, and `' - . , ? !`."""

from collections.abc import Container

from comps.gptsovits.text.en.normalization.abbreviations import expand_abbreviations
from comps.gptsovits.text.en.normalization.calendar import speak_dates, speak_times
from comps.gptsovits.text.en.normalization.characters import fold
from comps.gptsovits.text.en.normalization.figures import speak_figures
from comps.gptsovits.text.en.normalization.letters import read_capitals
from comps.gptsovits.text.en.normalization.money import speak_money
from comps.gptsovits.text.en.normalization.quantities import speak_quantities
from comps.gptsovits.text.en.normalization.signs import speak_signs, tidy_punctuation
from comps.gptsovits.text.en.normalization.web import speak_addresses
from comps.gptsovits.text.en.roman import spell_roman

# The order matters: what owns its digits and points (addresses, dates, money) goes before what reads any
# number.
_PASSES = (
    fold,
    speak_addresses,
    expand_abbreviations,
    spell_roman,
    speak_money,
    speak_times,
    speak_dates,
    speak_quantities,
    speak_figures,
    speak_signs,
)


def normalize(text: str, dictionary: Container[str]) -> str:
    """The text as it will be said; `dictionary` tells which words in capitals are words."""
    starts_with_pause = text.lstrip()[:1] in (",", ";", ":")
    for speak in _PASSES:
        text = speak(text)
    text = tidy_punctuation(read_capitals(text, dictionary))
    return text if starts_with_pause else text.lstrip(", ")
