"""Pitch marks, on labels as Open JTalk writes them."""

import pytest

from comps.gptsovits.text.ja.prosody import phones_with_pitch


def label(phone: str, place: str = "xx+xx+xx", morae: str = "xx") -> str:
    return f"xx^x-{phone}+x=x/A:{place}/B:xx-xx_xx/C:xx_xx+xx/D:xx+xx_xx/E:xx/F:{morae}_xx#0_xx/G:xx_xx%xx"


SILENCE = label("sil")


def test_pitch_rises_after_the_first_mora_and_falls_after_the_nucleus() -> None:
    hashi_o = [
        SILENCE,
        label("h", "-1+1+3", "3"),
        label("a", "-1+1+3", "3"),
        label("sh", "0+2+2", "3"),
        label("i", "0+2+2", "3"),
        label("o", "1+3+1", "3"),
        SILENCE,
    ]
    assert phones_with_pitch(hashi_o) == ["h", "a", "[", "sh", "i", "]", "o"]


def test_a_fall_on_the_first_mora_takes_the_place_of_the_rise() -> None:
    hashi = [SILENCE, label("a", "0+1+2", "2"), label("sh", "1+2+1", "2"), label("i", "1+2+1", "2"), SILENCE]
    assert phones_with_pitch(hashi) == ["a", "]", "sh", "i"]


def test_a_nucleus_on_the_last_mora_shows_no_fall() -> None:
    hana = [SILENCE, label("a", "-1+1+2", "2"), label("n", "0+2+1", "2"), label("a", "0+2+1", "2"), SILENCE]
    assert phones_with_pitch(hana) == ["a", "[", "n", "a"]


@pytest.mark.parametrize("last", ["a", "N", "cl"])
def test_accent_phrases_are_separated(last: str) -> None:
    phrases = [SILENCE, label(last, "0+1+1", "1"), label("o", "0+1+1", "1"), SILENCE]
    assert phones_with_pitch(phrases) == [last, "#", "o"]


def test_devoiced_vowels_become_plain_ones() -> None:
    assert phones_with_pitch([SILENCE, label("U", "0+1+1", "1"), SILENCE]) == ["u"]


def test_a_pause_inside_an_utterance_is_marked() -> None:
    assert phones_with_pitch([SILENCE, label("a", "0+1+1", "1"), label("pau"), SILENCE]) == ["a", "_"]


def test_an_utterance_of_no_sound_has_no_phones() -> None:
    assert phones_with_pitch([]) == []
    assert phones_with_pitch([SILENCE, SILENCE]) == []


def test_what_is_no_label_is_refused() -> None:
    with pytest.raises(ValueError, match="label"):
        phones_with_pitch(["a i u", SILENCE])
