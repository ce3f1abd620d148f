"""The examples of the Standard Pronunciation of Korean (표준 발음법), by article."""

import pytest

from comps.gptsovits.text.ko.sandhi import meet
from comps.gptsovits.text.registry import front_end


def phones(text: str) -> str:
    return "".join(front_end("ko").phonemize(text, inventory="v2")[0])


def as_written(pronunciation: str) -> str:
    (group,) = front_end("ko").spell(pronunciation, inventory="v2")  # type: ignore[attr-defined]
    return "".join(group)


@pytest.mark.parametrize(
    ("spelled", "spoken"),
    [
        ("가져", "가저"),  # 5
        ("희망", "히망"),
        ("닦다", "닥따"),  # 9
        ("웃다", "욷따"),
        ("앞", "압"),
        ("넋", "넉"),  # 10
        ("앉다", "안따"),
        ("값", "갑"),
        ("밟다", "밥따"),
        ("넓죽하다", "넙쭈카다"),
        ("닭", "닥"),  # 11
        ("삶", "삼"),
        ("맑게", "말께"),
        ("놓고", "노코"),  # 12
        ("많고", "만코"),
        ("닿소", "다쏘"),
        ("쌓네", "싼네"),
        ("각하", "가카"),
        ("꽂히다", "꼬치다"),
        ("많아", "마나"),
        ("싫어도", "시러도"),
        ("깎아", "까까"),  # 13
        ("있어", "이써"),
        ("닭을", "달글"),  # 14
        ("없어", "업써"),
        ("밭 아래", "받 아래"),  # 15 (without its first note: nothing is carried over a space)
        ("디귿이", "디그시"),  # 16
        ("굳이", "구지"),  # 17
        ("밭이", "바치"),
        ("굳히다", "구치다"),
        ("국물", "궁물"),  # 18
        ("잡는", "잠는"),
        ("책 넣는다", "챙 넌는다"),
        ("담력", "담녁"),  # 19
        ("협력", "혐녁"),
        ("난로", "날로"),  # 20
        ("칼날", "칼랄"),
        ("결단력", "결딴녁"),
        ("국밥", "국빱"),  # 23
        ("옆집", "엽찝"),
        ("닮고", "담꼬"),  # 24
        ("넓게", "널께"),  # 25
        ("할 것을", "할 꺼슬"),  # 27
        ("할걸", "할껄"),
        ("문고리", "문꼬리"),  # 28
        ("솜이불", "솜니불"),  # 29
        ("냇가", "내까"),  # 30
    ],
)
def test_words_are_spoken_as_the_standard_says(spelled: str, spoken: str) -> None:
    assert phones(spelled) == as_written(spoken) + "."


@pytest.mark.parametrize("coda", "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
def test_before_any_onset_and_at_the_end_only_seven_codas_remain(coda: str) -> None:
    for onset in ["", *"ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅈㅉㅊㅋㅌㅍㅎ"]:
        spoken, _ = meet(coda, onset, adjacent=True)
        assert spoken in ("", *"ㄱㄴㄷㄹㅁㅂㅇ")


def test_what_has_been_spoken_is_not_changed_again() -> None:
    for spoken in ("가저", "시러도", "궁물", "칼랄", "바치", "안코"):
        assert phones(spoken) == as_written(spoken) + "."
