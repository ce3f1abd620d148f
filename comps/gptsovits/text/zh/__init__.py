"""Chinese (Mandarin): normalisation, words, polyphones, tone sandhi, erhua, pinyin phones."""

from pathlib import Path

from comps.gptsovits.text.language import FrontEnd

REQUIRES = ("jieba", "pypinyin")
EXTRA = "zh"
TAKES_MODELS = True


def front_end(*, models: Path | None = None) -> FrontEnd:
    """The Mandarin front end; reads jieba's and pypinyin's dictionaries (about a second).

    With a folder of `models` that holds g2pW and its vocabulary, or stands beside them (and the extra `g2pw`
    installed), polyphones are read by it; else by the dictionary of phrases.
    """
    from comps.gptsovits.text.zh.frontend import MandarinFrontEnd

    return MandarinFrontEnd.with_models(models)
