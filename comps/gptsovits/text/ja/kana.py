"""Pronunciations as users write them: kana with accent marks, or phones.

| written | means |
|---|---|
| `ハシガ`, `はしが` | kana as spoken: ハ is "ha", a long vowel is ー |
| `ハ'シガ` | the pitch falls after the mora before `'`; without it the phrase stays high |
| `トーキョー/エ'キ` | `/` between accent phrases, `、` for a pause |
| `h a ] sh i` | phones of the model, separated by spaces |
"""

import re
import unicodedata
from typing import Any

# Every phone that Open JTalk can utter, and the marks of `prosody`.
_VOWELS = "a i u e o N cl"
_CONSONANTS = "k ky kw g gy gw s sh z j t ts ch ty d dy n ny h hy f b by p py m my r ry w y v"
PHONES = frozenset(f"{_VOWELS} {_CONSONANTS} [ ]".split())

_TO_KATAKANA = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
# Letters that stand for another's sound; Open JTalk has no rule for them.
_MODERN = str.maketrans("ヰヱヲヂヅヵヶヮ", "イエオジズカケワ")
_MORA = re.compile(r"[ァ-ヴー][ァィゥェォャュョ]?")
_PHRASE = re.compile(r"([ア-ヴ][ァ-ヴー]*)(?:['’]([ァ-ヴー]*))?")


def phones_as_written(pronunciation: str) -> list[str] | None:
    """The phones of a pronunciation given as phones, or None when it is not such."""
    phones = pronunciation.split()
    return phones if phones and all(phone in PHONES for phone in phones) else None


def phrases_as_written(pronunciation: str) -> list[dict[str, Any]] | None:
    """Open JTalk's features of a pronunciation in kana, one an accent phrase; None for anything else."""
    kana = unicodedata.normalize("NFKC", pronunciation).translate(_TO_KATAKANA).translate(_MODERN)
    kana = kana.replace(" ", "")
    if not kana:
        return None
    features: list[dict[str, Any]] = []
    for clause in re.split("[、,]", kana):
        for phrase in clause.split("/"):
            if (match := _PHRASE.fullmatch(phrase)) is None:
                return None
            before, after = match.group(1), match.group(2)
            features.append(_feature(before + (after or ""), nucleus=0 if after is None else _morae(before)))
        features.append(_PAUSE)
    return features[:-1]


def _morae(kana: str) -> int:
    return sum(1 for _ in _MORA.finditer(kana))


def _feature(kana: str, *, nucleus: int) -> dict[str, Any]:
    return {
        "string": kana,
        "pos": "名詞",
        "pos_group1": "一般",
        "pos_group2": "*",
        "pos_group3": "*",
        "ctype": "*",
        "cform": "*",
        "orig": kana,
        "read": kana,
        "pron": kana,
        "acc": nucleus,
        "mora_size": _morae(kana),
        "chain_rule": "*",
        "chain_flag": 0,
        "is_reading_protected": True,
        "is_reading_rewritten": False,
    }


_PAUSE = {
    **_feature("、", nucleus=0),
    "pos": "記号",
    "pos_group1": "読点",
    "mora_size": 0,
}
