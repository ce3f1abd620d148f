"""How tones change in context: 不, 一, the neutral tone, third tones in a row.

Rules and their order equal the reference implementation's (which follows PaddleSpeech's). A tone is 1 to 5, 5
the neutral one, and 0 for a punctuation mark. Each function takes a word and its tones and gives new tones.
"""

from collections.abc import Callable, Sequence

from comps.gptsovits.text.zh.lexicon import full_tone_words, neutral_tone_words
from comps.gptsovits.text.zh.words import Word

Parts = Callable[[str], tuple[str, str]]

NEUTRAL = 5
_CLAUSE_MARKS = "：，；。？！“”‘’':,;.?!"
_PARTICLES = "吧呢哈啊呐噻嘛吖嗨呐哦哒额滴哩哟喽啰耶喔诶的地得"
_BEFORE_GE = "几有两半多各整每做是"


def spoken_tones(word: Word, tones: Sequence[int], parts: Parts) -> list[int]:
    """The tones of a word as they are spoken. `parts` cuts a word in two (`Segmenter.parts`)."""
    spoken = _bu(word.text, list(tones))
    spoken = _yi(word.text, spoken)
    spoken = _neutral(word, spoken)
    spoken = _neutral_inside(word.text, spoken, parts)
    return _third(word.text, spoken, parts)


def _bu(word: str, tones: list[int]) -> list[int]:
    """不 is neutral inside 看不懂 and has the second tone before a fourth: 不怕."""
    if len(word) == 3 and word[1] == "不":
        tones[1] = NEUTRAL
        return tones
    for i in range(len(word) - 1):
        if word[i] == "不" and tones[i + 1] == 4:
            tones[i] = 2
    return tones


def _yi(word: str, tones: list[int]) -> list[int]:
    """一: first tone in numbers and after 第, neutral in 看一看, second before a fourth tone, else fourth."""
    if "一" not in word or all(char.isnumeric() for char in word):
        return tones
    if len(word) == 3 and word[1] == "一" and word[0] == word[2]:
        tones[1] = NEUTRAL
    elif word.startswith("第一"):
        tones[1] = 1
    else:
        for i in range(len(word) - 1):
            if word[i] != "一":
                continue
            if tones[i + 1] == 4:
                tones[i] = 2
            elif word[i + 1] not in _CLAUSE_MARKS:
                tones[i] = 4
    return tones


def _neutral(word: Word, tones: list[int]) -> list[int]:
    text, tag = word
    if tag[0] in "nva" and text not in full_tone_words():
        for i in range(1, len(text)):
            if text[i] == text[i - 1]:  # 奶奶, 试试, 旺旺
                tones[i] = NEUTRAL
    ge = text.find("个")
    if _ends_neutral(text, tag):
        tones[-1] = NEUTRAL
    elif text == "个" or (ge > 0 and (text[ge - 1].isnumeric() or text[ge - 1] in _BEFORE_GE)):
        tones[ge] = NEUTRAL
    elif _is_neutral_word(text):
        tones[-1] = NEUTRAL
    return tones


def _ends_neutral(text: str, tag: str) -> bool:
    last = text[-1]
    if last in _PARTICLES:
        return True
    if len(text) == 1:
        return last in "了着过" and tag in ("ul", "uz", "ug")
    if last in "们子" and tag in ("r", "n") and text not in full_tone_words():
        return True
    if last in "上下里" and tag in ("s", "l", "f"):  # 桌上, 家里
        return True
    return last in "来去" and text[-2] in "上下进出回过起开"


def _neutral_inside(word: str, tones: list[int], parts: Parts) -> list[int]:
    """朋友 in 朋友们, 衣服 in 新衣服."""
    first, second = parts(word)
    if _is_neutral_word(first):
        tones[len(first) - 1] = NEUTRAL
    if _is_neutral_word(second):
        tones[-1] = NEUTRAL
    return tones


def _is_neutral_word(word: str) -> bool:
    return word in neutral_tone_words() or word[-2:] in neutral_tone_words()


def _third(word: str, tones: list[int], parts: Parts) -> list[int]:
    """Of two third tones the first becomes a second; of three, it depends on how the word is built."""
    if len(word) == 2:
        return _third_pair(tones)
    if len(word) == 4:
        return _third_pair(tones[:2]) + _third_pair(tones[2:])
    if len(word) != 3:
        return tones
    size = len(parts(word)[0])
    if tones == [3, 3, 3]:  # 蒙古/包: 2 2 3, 纸/老虎: 3 2 3
        return {1: [3, 2, 3], 2: [2, 2, 3]}.get(size, tones)
    first, second = _third_pair(tones[:size]), _third_pair(tones[size:])
    if len(second) == 2 and first == [3] and second[0] == 3:  # 好/喜欢
        first = [2]
    return first + second


def _third_pair(tones: list[int]) -> list[int]:
    return [2, 3] if tones == [3, 3] else tones
