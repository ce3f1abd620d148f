"""Chinese (Mandarin): normalisation, words, polyphones, tone sandhi, erhua, pinyin phones."""

from comps.gptsovits.text.language import FrontEnd

REQUIRES = ("jieba", "pypinyin")
EXTRA = "zh"


def front_end() -> FrontEnd:
    """The Mandarin front end; reads jieba's and pypinyin's dictionaries (about a second)."""
    from comps.gptsovits.text.zh.frontend import MandarinFrontEnd

    return MandarinFrontEnd()
