"""Pinyin and its phones."""

import pytest

from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.text.zh.syllables import _FINALS, Syllable, parse_syllable


@pytest.mark.parametrize(
    ("pinyin", "phones"),
    [
        ("zhong1", "zh ong1"), ("zhi1", "zh ir1"), ("zi4", "z i04"), ("ju2", "j v2"), ("juan1", "j van1"),
        ("yuan2", "y van2"), ("yan2", "y En2"), ("ye3", "y E3"), ("wo3", "w o3"), ("ai4", "AA ai4"),
        ("er2", "EE er2"), ("ou1", "OO ou1"), ("lv4", "l v4"), ("lü4", "l v4"), ("lu:4", "l v4"),
        ("nüe4", "n ve4"),
        ("háng", "h ang2"), ("lǜ", "l v4"), ("de", "d e5"), ("ma0", "m a5"), ("XING2", "x ing2"),
    ],
)  # fmt: skip
def test_pinyin_is_read_in_every_spelling(pinyin: str, phones: str) -> None:
    syllable = parse_syllable(pinyin)
    assert syllable is not None
    assert " ".join(syllable.phones) == phones


@pytest.mark.parametrize("text", ["", "1", "hello", "hang6", "xyz1", "háng2", "行", "bing bong", "ba1b"])
def test_what_is_no_pinyin_is_refused(text: str) -> None:
    assert parse_syllable(text) is None


def test_every_syllable_has_phones_in_both_inventories() -> None:
    sounds = [initial + final for initial, finals in _FINALS.items() for final in finals.split()]
    assert len(sounds) == len(set(sounds)) > 400
    for sound in sounds:
        for tone in range(1, 6):
            phones = Syllable(sound, tone).phones
            assert len(phones) == 2
            assert all(phone in symbol_table("v1") and phone in symbol_table("v2") for phone in phones)
