"""Joins words whose tones act on each other: tone sandhi is looked for inside words only.

The joins and their order equal the reference implementation's, oddities included.
"""

from collections.abc import Callable, Sequence

from comps.gptsovits.text.zh.words import Word

Tones = Sequence[int]

_LONGEST_JOIN = 3
"""Third tones act on each other across at most this many characters."""


def join_words(words: Sequence[Word], tones_of: Callable[[str], Tones]) -> list[Word]:
    """The words of a sentence, some joined; a joined word keeps the tag of its first part
    (after 不, of its second).

    `tones_of` gives the dictionary's tones of a word.
    """
    joined = _join_bu(words)
    joined = _join_yi(_join_verb_yi_verb(joined))
    joined = _join_repeated(joined)
    joined = _join_third_tones(joined, tones_of, _are_third_throughout)
    joined = _join_third_tones(joined, tones_of, _are_third_where_they_meet)
    return _join_er(joined)


def _join_bu(words: Sequence[Word]) -> list[Word]:
    """不 + 怕 → 不怕."""
    joined: list[Word] = []
    before = ""
    for word in words:
        text = before + word.text if before == "不" else word.text
        if text != "不":
            joined.append(Word(text, word.tag))
        before = text
    if before == "不":
        joined.append(Word("不", "d"))
    return joined


def _join_verb_yi_verb(words: Sequence[Word]) -> list[Word]:
    """看 + 一 + 看 → 看一看."""
    joined: list[Word] = []
    following = iter(zip(words, (*words[1:], None), strict=True))
    for word, after in following:
        if word.text == "一" and joined and joined[-1] == after and after.tag == "v":
            joined[-1] = Word(f"{after.text}一{after.text}", "v")
            next(following)
        else:
            joined.append(word)
    return joined


def _join_yi(words: Sequence[Word]) -> list[Word]:
    """一 + 天 → 一天."""
    return _join_if(words, lambda last, word: last.text == "一")


def _join_repeated(words: Sequence[Word]) -> list[Word]:
    """看 + 看 → 看看."""
    return _join_if(words, lambda last, word: last.text == word.text)


def _join_er(words: Sequence[Word]) -> list[Word]:
    """花 + 儿 → 花儿."""
    return _join_if(words, lambda last, word: word.text == "儿")


def _join_if(words: Sequence[Word], belongs: Callable[[Word, Word], bool]) -> list[Word]:
    joined: list[Word] = []
    for word in words:
        if joined and belongs(joined[-1], word):
            joined[-1] = Word(joined[-1].text + word.text, joined[-1].tag)
        else:
            joined.append(word)
    return joined


def _join_third_tones(
    words: Sequence[Word], tones_of: Callable[[str], Tones], act: Callable[[Tones, Tones], bool]
) -> list[Word]:
    """Pairs of short words that `act` on each other by their tones; a word takes part in one join only.

    A reduplicated first word stays alone, because its second syllable may become neutral.
    """
    tones = [tones_of(word.text) for word in words]
    joined: list[Word] = []
    has_joined = False
    for i, word in enumerate(words):
        has_joined = (
            i > 0
            and not has_joined
            and act(tones[i - 1], tones[i])
            and not _is_reduplication(words[i - 1].text)
            and len(words[i - 1].text) + len(word.text) <= _LONGEST_JOIN
        )
        if has_joined:
            joined[-1] = Word(joined[-1].text + word.text, joined[-1].tag)
        else:
            joined.append(word)
    return joined


def _are_third_throughout(first: Tones, second: Tones) -> bool:
    return all(tone == 3 for tone in (*first, *second))


def _are_third_where_they_meet(first: Tones, second: Tones) -> bool:
    return first[-1] == second[0] == 3


def _is_reduplication(word: str) -> bool:
    return len(word) == 2 and word[0] == word[1]
