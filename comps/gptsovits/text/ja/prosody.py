"""Full-context labels of Open JTalk → phones with the marks of Tokyo pitch.

    ハシオ (bridge, accusative)    h a [ sh i ] o       [ the pitch rises after this mora, ] it falls
    ハシ/ト (two accent phrases)   … #  …               # a border between accent phrases

The labels' fields are those of the HTS label format (A: place in the accent phrase, F: the phrase). The marks
follow Kurihara, Seiyama and Kumano, "Prosodic features control by symbols as input of sequence-to-sequence
acoustic modeling for neural TTS" (IEICE Trans. 2021), as the reference implementation sets them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

RISE = "["
FALL = "]"
BORDER = "#"
PAUSE = "_"

_FIELDS = re.compile(r"-([^+]*)\+.*?/A:(xx|-?\d+)\+(xx|\d+)\+(xx|\d+)/.*?/F:(xx|\d+)_")
_NOWHERE = -50  # what "xx" counts as: equal to no place that is compared with it
_CLOSES_MORA = frozenset({"a", "i", "u", "e", "o", "N", "cl"})


@dataclass(frozen=True)
class _Sound:
    phone: str
    after_nucleus: int
    """Morae since the accent nucleus: 0 on the nucleus itself, negative before it."""
    place: int
    """Which mora of its accent phrase this is, from 1."""
    left: int
    """The same, counted from the end of the phrase."""
    morae: int
    """How many morae the accent phrase has."""

    @classmethod
    def of(cls, label: str) -> "_Sound":
        if (match := _FIELDS.search(label)) is None:
            raise ValueError(f"not a full-context label: {label[:40]!r}")
        phone, *places = match.groups()
        return cls(phone, *(_NOWHERE if place == "xx" else int(place) for place in places))


def phones_with_pitch(labels: Sequence[str]) -> list[str]:
    """The phones of an utterance between its silences, with `[`, `]`, `#` and, for a pause, `_`.

    Devoiced vowels (written as capitals) become plain ones: the models know no others.
    """
    return list(_marked([_Sound.of(label) for label in labels]))


def _marked(sounds: list[_Sound]) -> Iterator[str]:
    for sound, following in pairwise(sounds):
        if sound.phone == "sil":
            continue
        if sound.phone == "pau":
            yield PAUSE
            continue
        phone = sound.phone.lower() if sound.phone in "AEIOU" else sound.phone
        yield phone
        if sound.left == 1 and following.place == 1 and phone in _CLOSES_MORA:
            yield BORDER
        elif sound.after_nucleus == 0 and following.place == sound.place + 1 != sound.morae + 1:
            yield FALL
        elif sound.place == 1 and following.place == 2:
            yield RISE
