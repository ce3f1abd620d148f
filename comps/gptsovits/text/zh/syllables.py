"""Pinyin syllables and the two phones that the models know each by: `zhong1` = `zh` + `ong1`."""

import re
from functools import cache
from typing import NamedTuple

MARKS = "!?…,.-"
"""The punctuation that the models know, each a phone."""

# Each initial with the finals it takes, as pinyin writes them. The phones follow from it, see `_phones`.
_FINALS = {
    "": "a ai an ang ao e ei en eng er o ou",
    "b": "a ai an ang ao ei en eng i ian iao ie in ing o u",
    "p": "a ai an ang ao ei en eng i ian iao ie in ing o ou u",
    "m": "a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u",
    "f": "a an ang ei en eng iao o ou u",
    "d": "a ai an ang ao e ei en eng i ia ian iao ie ing iu ong ou u uan ui un uo",
    "t": "a ai an ang ao e ei eng i ian iao ie ing ong ou u uan ui un uo",
    "n": "a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan un uo v ve",
    "l": "a ai an ang ao e ei eng i ia ian iang iao ie in ing iu o ong ou u uan un uo v ve",
    "g": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "k": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "h": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "j": "i ia ian iang iao ie in ing iong iu v van ve vn",
    "q": "i ia ian iang iao ie in ing iong iu v van ve vn",
    "x": "i ia ian iang iao ie in ing iong iu v van ve vn",
    "zh": "a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo",
    "ch": "a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo",
    "sh": "a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo",
    "r": "an ang ao e en eng i ong ou u ua uan ui un uo",
    "z": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "c": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "s": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "y": "a an ang ao e i in ing ong ou v van ve vn",
    "w": "a ai an ang ei en eng o u",
}
# The same syllable in another spelling: pinyin leaves out the dots of ü where no u can stand.
_RESPELLED = {
    **{f"{initial}u{rest}": f"{initial}v{rest}" for initial in "jqxy" for rest in ("", "an", "e", "n")},
    "lue": "lve",
    "nue": "nve",
    "yo": "o",  # 哟, as the official models heard it
    # Syllabic nasals have no symbol; the nearest sounds that have one.
    "m": "mu",
    "hm": "hen",
    "n": "en",
    "ng": "en",
    "hng": "heng",
}
_TONE_MARKS = {mark: (vowel, str(tone)) for vowel, marks in {
    "a": "āáǎà", "e": "ēéěè", "i": "īíǐì", "o": "ōóǒò", "u": "ūúǔù", "v": "ǖǘǚǜ", "n": "ńňǹ", "m": "ḿ",
}.items() for tone, mark in enumerate(marks, 1 if len(marks) == 4 else 2)}  # fmt: skip
_SYLLABLE = re.compile("[a-z]+[0-5]?")


class Syllable(NamedTuple):
    """A sound in pinyin without its tone (`lv` for lü) and the tone, 1 to 5; 5 is neutral.

    Tone 0 is for what has no pinyin: a punctuation mark, its own phone, or a character nobody can read.
    """

    sound: str
    tone: int

    @property
    def phones(self) -> tuple[str, ...]:
        """Initial and final with tone; the mark itself for punctuation; none for what has no phones."""
        if not self.tone:
            return (self.sound,) if self.sound in MARKS else ()
        parts = _phones().get(self.sound)
        return (parts[0], f"{parts[1]}{self.tone}") if parts else ()


def parse_syllable(pinyin: str) -> Syllable | None:
    """A syllable as people write it (`hang2`, `háng`, `lü4`, `lu:4`, `de`), None if it is none."""
    text = pinyin.lower().replace("u:", "v").replace("ü", "v")
    tone = ""
    for mark, (vowel, number) in _TONE_MARKS.items():
        if mark in text:
            text, tone = text.replace(mark, vowel), number
    if not _SYLLABLE.fullmatch(text) or (tone and text[-1].isdigit()):
        return None
    if text[-1].isdigit():
        text, tone = text[:-1], text[-1]
    sound = _RESPELLED.get(text, text)
    return Syllable(sound, int(tone or "5") or 5) if sound in _phones() else None


@cache
def _phones() -> dict[str, tuple[str, str]]:
    """Sound → initial and final as the models name them."""
    return {
        initial + final: (initial or _glottal(final), _final(initial, final))
        for initial, finals in _FINALS.items()
        for final in finals.split()
    }


def _glottal(final: str) -> str:
    """A syllable that begins with its vowel gets that vowel's onset: AA, EE or OO."""
    return final[0].upper() * 2


def _final(initial: str, final: str) -> str:
    if final == "i" and initial in ("zh", "ch", "sh", "r"):
        return "ir"
    if final == "i" and initial in ("z", "c", "s"):
        return "i0"
    if initial == "y" and final in ("an", "e"):
        return {"an": "En", "e": "E"}[final]
    return final
