"""The rules of the Standard Pronunciation of Korean (표준 발음법, 1988), by its article numbers.

They change syllables in place. Each looks at a syllable and at most four characters after it, so a text takes
time proportional to its length. Where the phonemes that the official models learnt (made with g2pk2) depart
from the articles, the rule says so.
"""

from collections.abc import Sequence

from comps.gptsovits.text.ko.jamo import Syllable
from comps.gptsovits.text.ko.morphology import ENDING, STEM
from comps.gptsovits.text.ko.sandhi import Meet, meet

Unit = Syllable | str
"""A syllable, or a character that is none."""

_NAMES_LINK = {**dict.fromkeys("ㄷㅈㅊㅌㅎ", "ㅅ"), "ㅋ": "ㄱ", "ㅍ": "ㅂ"}
TENSE = {"ㄱ": "ㄲ", "ㄷ": "ㄸ", "ㅂ": "ㅃ", "ㅅ": "ㅆ", "ㅈ": "ㅉ"}


def pronounce(units: Sequence[Unit], *, meet: Meet = meet) -> None:
    """Turns the syllables of a text from how they are spelled to how they are spoken; `meet` says what a coda
    and the onset after it make of each other."""
    for unit in units:
        if isinstance(unit, Syllable):
            _simplify_vowel(unit)
    for rule in (
        _name_letters,
        _tense_after_stem,
        _read_bap,
        _palatalize,
        _tense_after_ending,
        _tense_in_endings,
    ):
        for index, unit in enumerate(units):
            if isinstance(unit, Syllable) and unit.coda:
                rule(unit, units, index)
    for index, unit in enumerate(units):
        if isinstance(unit, Syllable):
            _meet_next(unit, units, index, meet)


def _next(units: Sequence[Unit], index: int) -> Syllable | None:
    """The syllable right after `units[index]`."""
    following = units[index + 1] if index + 1 < len(units) else None
    return following if isinstance(following, Syllable) else None


def _next_across_space(units: Sequence[Unit], index: int) -> Syllable | None:
    is_space = index + 1 < len(units) and units[index + 1] == " "
    return _next(units, index + 1) if is_space else None


def _simplify_vowel(unit: Syllable) -> None:
    if unit.vowel == "ㅕ" and unit.onset in "ㅈㅉㅊ":  # 5, note 1: 가져 [가저]
        unit.vowel = "ㅓ"
    elif unit.vowel == "ㅢ" and unit.onset != "ㅇ":  # 5, note 3: 희망 [히망]
        unit.vowel = "ㅣ"


def _name_letters(unit: Syllable, units: Sequence[Unit], index: int) -> None:
    """16: the names of letters, 디귿이 [디그시]; and, as the models learnt, any ㅡ like them: 끝에 [끄세]."""
    spoken = _NAMES_LINK.get(unit.coda)
    following = _next(units, index)
    if unit.vowel != "ㅡ" or not spoken or unit.mark or not following or following.onset != "ㅇ":
        return
    unit.coda, following.onset = "", spoken


def _tense_after_stem(unit: Syllable, units: Sequence[Unit], index: int) -> None:
    """11, 24, 25: 맑게 [말께], 신고 [신꼬], 앉고 [안꼬], 닮고 [담꼬], 넓게 [널께], 핥다 [할따]."""
    following = _next(units, index)
    if unit.mark != STEM or not following:
        return
    if unit.coda == "ㄺ":
        if following.onset in "ㄱㄲ":
            unit.coda, following.onset = "ㄹ", "ㄲ"
            unit.mark = ""
    elif following.onset in "ㄱㄷㅅㅈ":
        following.onset = TENSE[following.onset]
        unit.coda = {"ㄵ": "ㄴ", "ㄻ": "ㅁ"}.get(unit.coda, unit.coda)
        unit.mark = ""


def _read_bap(unit: Syllable, units: Sequence[Unit], index: int) -> None:
    """10: 밟다 [밥따], 넓죽하다 [넙쭈카다]; and, as the models learnt, the stem 밟- before vowels too."""
    if unit.coda != "ㄼ":
        return
    following = _next(units, index)
    if (unit.onset, unit.vowel) == ("ㅂ", "ㅏ"):
        if unit.mark or not following or following.onset not in "ㅇㅎ":
            unit.coda = "ㅂ"
    elif (unit.onset, unit.vowel) == ("ㄴ", "ㅓ") and not unit.mark and following:
        unit.coda = "ㅂ" if following.onset in "ㄷㄸㅈㅉ" and following.vowel == "ㅜ" else unit.coda


def _palatalize(unit: Syllable, units: Sequence[Unit], index: int) -> None:
    """17: 굳이 [구지], 같이 [가치], 굳히다 [구치다]."""
    following = _next(units, index)
    if unit.mark or not following:
        return
    if following.onset == "ㅇ" and following.vowel in "ㅣㅕ":
        left, onset = {"ㄷ": ("", "ㅈ"), "ㅌ": ("", "ㅊ"), "ㄾ": ("ㄹ", "ㅊ")}.get(unit.coda, ("", ""))
        if onset:
            unit.coda, following.onset = left, onset
    elif following.onset == "ㅎ" and following.vowel == "ㅣ" and unit.coda == "ㄷ":
        unit.coda, following.onset = "", "ㅊ"


def _tense_after_ending(unit: Syllable, units: Sequence[Unit], index: int) -> None:
    """27: 할 것을 [할 꺼슬], 갈 데가 [갈 떼가]."""
    following = _next_across_space(units, index)
    if unit.mark == ENDING and following:
        following.onset = TENSE.get(following.onset, following.onset)


# 27, second paragraph: the endings after ㄹ whose first onset becomes tense. A coda of None is any coda.
_ENDINGS: tuple[tuple[tuple[str, str, str | None], ...], ...] = (
    (("ㄱ", "ㅓ", "ㄹ"),),
    (("ㅂ", "ㅏ", "ㄲ"), ("ㅇ", "ㅔ", None)),
    (("ㅅ", "ㅔ", ""), ("ㄹ", "ㅏ", None)),
    (("ㅅ", "ㅜ", ""), ("ㄹ", "ㅗ", "ㄱ")),
    (("ㅈ", "ㅣ", ""), ("ㄹ", "ㅏ", ""), ("ㄷ", "ㅗ", None)),
    (("ㅈ", "ㅣ", ""), ("ㅇ", "ㅓ", "ㄴ"), ("ㅈ", "ㅓ", "ㅇ")),
    (("ㅈ", "ㅣ", "ㄴ"), ("ㄷ", "ㅐ", None)),
)


def _tense_in_endings(unit: Syllable, units: Sequence[Unit], index: int) -> None:
    """27, second paragraph: 할걸 [할껄], 할수록 [할쑤록], 할지라도 [할찌라도]."""
    following = _next(units, index)
    if unit.coda != "ㄹ" or unit.mark or not following:
        return
    for ending in _ENDINGS:
        if _begins_with(units[index + 1 : index + 1 + len(ending)], ending):
            following.onset = TENSE[following.onset]
            return


def _begins_with(units: Sequence[Unit], ending: Sequence[tuple[str, str, str | None]]) -> bool:
    if len(units) < len(ending) or any(isinstance(unit, Syllable) and unit.mark for unit in units[:-1]):
        return False
    return all(
        isinstance(unit, Syllable)
        and (unit.onset, unit.vowel) == (onset, vowel)
        and (coda is None or unit.coda == coda)
        for unit, (onset, vowel, coda) in zip(units, ending, strict=True)
    )


def _meet_next(unit: Syllable, units: Sequence[Unit], index: int, meet: Meet) -> None:
    """9 to 15, 18 to 20, 23: what coda and following onset make of each other, also across one space."""
    if (following := _next(units, index)) is not None:
        unit.coda, following.onset = meet(unit.coda, following.onset, adjacent=True)
    elif (following := _next_across_space(units, index)) is not None:
        unit.coda, following.onset = meet(unit.coda, following.onset, adjacent=False)
    else:
        unit.coda, _ = meet(unit.coda, "", adjacent=False)
