"""Jyutping syllables and the two phones that the v2 models know each by: `jyut6` = `Yj` + `Yyut6`."""

import re

_SYLLABLE = re.compile(r"(?P<sound>[a-z]+)(?P<tone>[1-6])")

# What a syllable may begin with, the longer before its own beginning. A syllable that begins with its vowel
# is split as well (`aai3` = `aa` + `i3`).
_ONSETS = (
    "gw kw ng b p m f d t n l g k h z c s j w"
    " aa ai au ap at ak a e ong on ou oi ok o uk ung"
).split()  # fmt: skip


def phones_of(jyutping: str) -> tuple[str, ...] | None:
    """The phones of one or several syllables (`hoeng1 gong2`), None if that is no jyutping.

    Each phone has a Y in front, which keeps Cantonese apart from Mandarin in the inventory; the tone is the
    last phone's. Where the onset is all (`m4`, `ng5`, `uk1`), its last letter is repeated.
    Matches the reference implementation (tests/text/yue/test_jyutping.py).
    """
    phones: list[str] = []
    for syllable in jyutping.split():
        match = _SYLLABLE.fullmatch(syllable)
        onset = match and next((onset for onset in _ONSETS if match["sound"].startswith(onset)), None)
        if not match or not onset:
            return None
        final = match["sound"].removeprefix(onset) or onset[-1]
        phones += (f"Y{onset}", f"Y{final}{match['tone']}")
    return tuple(phones) or None
