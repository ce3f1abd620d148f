"""English: ARPAbet phones with stress, by dictionary, part of speech and a trained fallback."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comps.gptsovits.text.en.english import EnglishFrontEnd

REQUIRES = ("numpy", "wordsegment")
EXTRA = "gptsovits"


def front_end() -> "EnglishFrontEnd":
    from comps.gptsovits.text.en.english import EnglishFrontEnd

    return EnglishFrontEnd()
