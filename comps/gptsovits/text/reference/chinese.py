"""The reference's Chinese and Cantonese: the faults of its normaliser that ours does not have."""

import re
from collections.abc import Callable

# Its table of simplified characters has 搒 for 榜. It drops the full-width per cent sign, but not before
# numbers are read: another sign that nobody speaks stands for it until then.
_CHARACTERS = str.maketrans("榜％", "搒＊")
_MILLIMETRES = re.compile("(?<!m)m(?=m(?!m))")  # it finds m in mm: 米米
_HALF_PAST_TWICE = re.compile(r"([0-9]:30(?::[0-9]{2})?[~-][0-9]{1,2}):(?!00)[0-5][0-9]")
# It makes 麽 of 麼, and 么 only of 麽. A character that means nothing carries it through our table.
_MO, _CARRIER = "麽", "龥"


def normalize_with_faults(text: str, normalize: Callable[[str], str]) -> str:
    """What the reference's normaliser makes of a text, by way of ours: 8:30-12:45 has 半 for both times."""
    text = _MILLIMETRES.sub("米", text.translate(_CHARACTERS))
    text = _HALF_PAST_TWICE.sub(r"\1:30", text)
    if "麼" not in text:
        return normalize(text)
    return normalize(text.replace("麼", _CARRIER)).replace(_CARRIER, _MO)
