"""Lists of words whose tones no rule tells. What they are and where from: data/README.md."""

from functools import cache
from importlib.resources import files

Words = frozenset[str]


@cache
def _words(name: str) -> Words:
    return frozenset(files(__package__).joinpath("data", f"{name}.txt").read_text(encoding="utf-8").split())


def neutral_tone_words() -> Words:
    """朋友, 豆腐: the last syllable is neutral."""
    return _words("neutral_tone")


def full_tone_words() -> Words:
    """女子, 想想: the last syllable is not neutral though it looks so."""
    return _words("full_tone")


def erhua_words() -> Words:
    """胡同儿: 儿 melts into the syllable before, whatever the part of speech."""
    return _words("erhua")


def child_words() -> Words:
    """女儿: 儿 is a syllable of its own."""
    return _words("child")
