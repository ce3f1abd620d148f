"""儿 at the end of a word: a suffix in the tone before it (小院儿), or a syllable of its own (女儿)."""

from collections.abc import Sequence

from comps.gptsovits.text.zh.lexicon import child_words, erhua_words
from comps.gptsovits.text.zh.sandhi import NEUTRAL
from comps.gptsovits.text.zh.syllables import Syllable
from comps.gptsovits.text.zh.words import Word

_SYLLABIC_TAGS = ("a", "j", "nr")


def with_erhua(word: Word, syllables: Sequence[Syllable]) -> list[Syllable]:
    """The syllables with a last 儿 in the tone it is spoken in. v2 models heard it so, v1 models did not."""
    spoken = list(syllables)
    if len(spoken) != len(word.text) or word.text[-1] != "儿" or spoken[-1].sound != "er":
        return spoken
    if spoken[-1].tone == 1:
        spoken[-1] = Syllable("er", 2)
    if len(spoken) > 1 and _melts(word) and spoken[-1].tone in (2, NEUTRAL) and spoken[-2].tone:
        spoken[-1] = Syllable("er", spoken[-2].tone)
    return spoken


def _melts(word: Word) -> bool:
    if word.text[-2:] in child_words():
        return False
    return word.text in erhua_words() or (word.text not in child_words() and word.tag not in _SYLLABIC_TAGS)
