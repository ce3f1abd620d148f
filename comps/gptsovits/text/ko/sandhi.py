"""What a coda and the onset after it make of each other (표준 발음법 9–15, 18–20, 23)."""

from functools import cache
from typing import Protocol


class Meet(Protocol):
    def __call__(self, coda: str, onset: str, *, adjacent: bool) -> tuple[str, str]: ...


# 9 to 11: the seven sounds that can close a syllable.
_CLOSING = {
    **dict.fromkeys("ㄱㄲㄳㅋㄺ", "ㄱ"),
    **dict.fromkeys("ㄴㄵㄶ", "ㄴ"),
    **dict.fromkeys("ㄷㅅㅆㅈㅊㅌㅎ", "ㄷ"),
    **dict.fromkeys("ㄹㄼㄽㄾㅀ", "ㄹ"),
    **dict.fromkeys("ㅁㄻ", "ㅁ"),
    **dict.fromkeys("ㅂㅄㄿㅍ", "ㅂ"),
    "ㅇ": "ㅇ",
    "": "",
}
_TENSE = {"ㄱ": "ㄲ", "ㄷ": "ㄸ", "ㅂ": "ㅃ", "ㅅ": "ㅆ", "ㅈ": "ㅉ"}
_NASAL = {"ㄱ": "ㅇ", "ㄷ": "ㄴ", "ㅂ": "ㅁ"}

# 12, with ㅎ first: what is left of the coda, and what ㅎ makes of the onset.
_WITHOUT_H = {"ㅎ": "", "ㄶ": "ㄴ", "ㅀ": "ㄹ"}
_AFTER_H = {"ㄱ": "ㅋ", "ㄷ": "ㅌ", "ㅈ": "ㅊ", "ㅅ": "ㅆ"}
# 12, with ㅎ second.
_BEFORE_H = {
    **dict.fromkeys("ㄱㄲㄳㅋ", ("", "ㅋ")),
    **dict.fromkeys("ㄷㅅㅆㅊㅌ", ("", "ㅌ")),
    **dict.fromkeys("ㅂㅍ", ("", "ㅍ")),
    "ㅈ": ("", "ㅊ"),
    "ㅎ": ("", "ㅎ"),
    "ㄺ": ("ㄹ", "ㅋ"),
    "ㄵ": ("ㄴ", "ㅊ"),
    "ㄼ": ("ㄹ", "ㅍ"),
    "ㄿ": ("ㅂ", "ㅍ"),
    "ㅄ": ("ㅂ", "ㅍ"),
}
# 13 to 15: the consonant that a vowel takes over.
_LIAISON = {
    **{coda: ("", coda) for coda in "ㄱㄲㄴㄷㄹㅁㅂㅅㅆㅈㅊㅋㅌㅍ"},
    "ㅎ": ("", "ㅇ"),
    "ㄳ": ("ㄱ", "ㅆ"),
    "ㄵ": ("ㄴ", "ㅈ"),
    "ㄶ": ("", "ㄴ"),
    "ㄺ": ("ㄹ", "ㄱ"),
    "ㄻ": ("ㄹ", "ㅁ"),
    "ㄼ": ("ㄹ", "ㅂ"),
    "ㄽ": ("ㄹ", "ㅆ"),
    "ㄾ": ("ㄹ", "ㅌ"),
    "ㄿ": ("ㄹ", "ㅍ"),
    "ㅀ": ("", "ㄹ"),
    "ㅄ": ("ㅂ", "ㅆ"),
}


@cache
def meet(coda: str, onset: str, *, adjacent: bool) -> tuple[str, str]:
    """Coda and following onset as spoken.

    `onset` is "" where no syllable follows. Not `adjacent`: a space is between; no vowel takes a coda over.
    """
    if onset == "ㅇ" and adjacent:
        return _LIAISON.get(coda, (coda, onset))
    closing = _CLOSING[coda]
    if onset in ("", "ㅇ"):
        return closing, onset
    if onset == "ㅎ":
        return _BEFORE_H.get(coda, (closing, "ㅎ"))
    if onset == "ㄴ":
        return _before_nasal(coda, closing)
    if onset == "ㅁ" and coda not in _WITHOUT_H:
        return ("ㅁ" if coda == "ㄼ" else _NASAL.get(closing, closing)), "ㅁ"
    if onset == "ㄹ":
        return _before_liquid(coda, closing)
    if coda in _WITHOUT_H:
        return _WITHOUT_H[coda], _AFTER_H.get(onset, onset)
    if closing in _NASAL or coda in ("ㄼ", "ㄽ"):  # 23, 25
        return closing, _TENSE.get(onset, onset)
    return closing, onset


def _before_nasal(coda: str, closing: str) -> tuple[str, str]:
    """18, 20: 국물 [궁물], 밟는 [밤는], 칼날 [칼랄]."""
    if coda == "ㄼ":
        return "ㅁ", "ㄴ"
    if closing == "ㄹ":
        return "ㄹ", "ㄹ"
    return _NASAL.get(closing, closing), "ㄴ"


def _before_liquid(coda: str, closing: str) -> tuple[str, str]:
    """19, 20: 담력 [담녁], 협력 [혐녁], 난로 [날로]."""
    if coda == "ㅎ":
        return "", "ㄹ"
    if closing in ("ㄴ", "ㄹ"):
        return "ㄹ", "ㄹ"
    nasal = _NASAL.get(closing, closing)
    return (nasal, "ㄴ") if nasal else ("", "ㄹ")
