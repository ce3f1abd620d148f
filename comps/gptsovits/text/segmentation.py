"""Which language is spoken where: by script first, then by the sentence, then by the request's hint.

Kana are Japanese, hangul Korean, Latin letters English. Chinese characters are what their clause says: with
kana beside them Japanese, else Chinese, or what the hint names. Digits, marks and symbols
go with their neighbours.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from comps.cores.errors import UnsupportedLanguage
from comps.gptsovits.text.written import UNIT_LETTERS

HINTS = ("auto", "auto_yue", "zh", "all_zh", "en", "ja", "all_ja", "ko", "all_ko", "yue", "all_yue")

_HAN = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_KANA = "\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc"
_LATIN = "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"
_RUN = re.compile(
    f"(?P<han>[{_HAN}]+)|(?P<kana>[{_KANA}]+)|(?P<hangul>[{_HANGUL}]+)"
    f"|(?P<latin>[{_LATIN}](?:['’·/-]?[{_LATIN}]+)*)|(?P<neutral>[^{_HAN}{_KANA}{_HANGUL}{_LATIN}]+)"
)
_CLAUSE_END = re.compile(r"[.!?。！？…\n;；]+[”’」』）\"')\]]*\s*|[,，、:：]+[”’」』）\"')\]]*\s*")
_OPENING = re.compile(r"[“‘「『（(\[【《<\"'¿¡#@$€£¥￥₩+-]+$|[$€£¥￥₩#+-]?\d[\d.,:/-]*$")
_AMOUNT_END = re.compile(r"\d°?$")
_DEGREES = re.compile("[CF]")
_WITH_UNITS = frozenset({"zh", "yue", "ja", "ko"})


@dataclass
class _Run:
    kind: str
    text: str
    language: str = ""


def language_spans(text: str, hint: str) -> list[tuple[str, str]]:
    """`(language, piece)` pairs; joined they are the text. Raises UnsupportedLanguage for an unknown hint."""
    if hint not in HINTS:
        raise UnsupportedLanguage(hint, supported=HINTS)
    if hint == "en" or not text:
        return [("en", text)] if text else []
    runs = [_Run(match.lastgroup or "", match[0]) for match in _RUN.finditer(text)]
    _name_scripts(runs, hint)
    _free_units(runs)
    base = {"auto": "en", "auto_yue": "yue"}.get(hint, hint.removeprefix("all_"))
    return _merged(_settle_neutral(runs, base))


def script_of(character: str) -> str:
    """`han`, `kana`, `hangul`, `latin`, or `neutral` for everything else."""
    match = _RUN.match(character)
    return match.lastgroup or "neutral" if match else "neutral"


def _name_scripts(runs: Sequence[_Run], hint: str) -> None:
    only = hint.removeprefix("all_") if hint.startswith("all_") else None
    by_script = {"latin": "en", "kana": only or "ja", "hangul": only or "ko"}
    for run in runs:
        run.language = by_script.get(run.kind, "")
    chinese = {"auto_yue": "yue", "yue": "yue"}.get(hint, "zh")
    has_kana = any(run.kind == "kana" for run in runs)
    for clause in _clauses(runs):
        han = "".join(run.text for run in clause if run.kind == "han")
        if han:
            language = only or _of_han(han, {run.kind for run in clause}, hint, chinese, has_kana=has_kana)
            for run in clause:
                run.language = language if run.kind == "han" else run.language


def _clauses(runs: Sequence[_Run]) -> Iterator[list[_Run]]:
    clause: list[_Run] = []
    for run in runs:
        clause.append(run)
        if run.kind == "neutral" and _CLAUSE_END.search(run.text):
            yield clause
            clause = []
    yield clause


def _of_han(han: str, kinds: set[str], hint: str, chinese: str, *, has_kana: bool) -> str:
    """The language of a clause's Chinese characters."""
    if hint == "ja":
        return "ja"
    japanese_forms = _is_written_in(han, "euc_jp")
    if "kana" in kinds and japanese_forms:
        return "ja"
    if hint == "ko":
        return "ko"
    # No kana beside them: forms that only Japan has, or old forms in a text with kana.
    bare_japanese = any(map(_is_japanese_only, han)) or (has_kana and not _is_written_in(han, "gb2312"))
    if hint.startswith("auto") and japanese_forms and bare_japanese:
        return "ja"
    return chinese


def _is_written_in(text: str, encoding: str) -> bool:
    """Whether a national character set has a text: gb2312 (simplified), big5, euc_jp or euc_kr."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _is_japanese_only(character: str) -> bool:
    """Whether Japan alone writes a character: 働, 込, 気."""
    return not any(_is_written_in(character, encoding) for encoding in ("gb2312", "big5", "euc_kr"))


def _free_units(runs: Sequence[_Run]) -> None:
    """After a number, the letters of a unit go with it: 5km长 is 五千米长."""
    left = ""
    for index, run in enumerate(runs):
        before = runs[index - 1].text if index else ""
        after = runs[index + 1].text if index + 1 < len(runs) else ""
        letters = UNIT_LETTERS if before[-1:].isdigit() else _DEGREES
        counted = run.kind == "latin" and _AMOUNT_END.search(before) and not after[:1].isdigit()
        if counted and letters.fullmatch(run.text):
            ahead = next((other.language for other in runs[index + 1 : index + 3] if other.language), "")
            if (left or ahead) in _WITH_UNITS:
                run.language = ""
        left = run.language or left


def _settle_neutral(runs: Sequence[_Run], base: str) -> Iterator[tuple[str, str]]:
    """Digits and marks go to the language around them, or are cut where a clause ends or a bracket opens."""
    waiting = ""
    left = ""
    for run in runs:
        if not run.language:
            waiting += run.text
            continue
        if waiting:
            cut = len(waiting) if left == run.language else _border(waiting) if left else 0
            if waiting[:cut]:
                yield left, waiting[:cut]
            if waiting[cut:]:
                yield run.language, waiting[cut:]
            waiting = ""
        yield run.language, run.text
        left = run.language
    if waiting:
        yield left or base, waiting


def _border(neutral: str) -> int:
    """Where, between two languages, the first ends."""
    ends = [match.end() for match in _CLAUSE_END.finditer(neutral) if not _within_number(neutral, match)]
    if ends:
        return ends[-1]
    if neutral[0].isspace() and (opening := _OPENING.search(neutral)):
        return opening.start()
    return len(neutral)


def _within_number(text: str, match: re.Match[str]) -> bool:
    return text[: match.start()][-1:].isdigit() and text[match.end() :][:1].isdigit()


def _merged(spans: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    pieces: list[tuple[str, list[str]]] = []
    for language, text in spans:
        if pieces and pieces[-1][0] == language:
            pieces[-1][1].append(text)
        else:
            pieces.append((language, [text]))
    return [(language, "".join(texts)) for language, texts in pieces]
