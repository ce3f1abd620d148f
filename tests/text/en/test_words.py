"""Words that no dictionary has, and words about which it must not decide alone."""

import pytest

from comps.gptsovits.text.en.english import EnglishFrontEnd
from comps.gptsovits.text.en.fallback import SpellingModel
from comps.gptsovits.text.en.tagger import PosTagger
from comps.gptsovits.text.registry import front_end
from comps.gptsovits.text.symbols import symbol_table


def say(text: str) -> str:
    phones, word2ph = front_end("en").phonemize(text, inventory="v2")
    assert word2ph is None
    return " ".join(phones)


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("hello", "HH AH0 L OW1"),
        ("smartwatch", "S M AA1 R T W AA1 CH"),  # of two words
        ("livestreams", "L AY1 V S T R IY1 M Z"),
        ("googled", "G UW1 G AH0 L D"),  # a dictionary's word with an ending
        ("vlogging", "V L AA1 G IH0 NG"),
        ("few-shot", "F Y UW1 SH AA1 T"),
        ("Aaditya", "AA0 D IY1 T Y AH0"),  # a name
        ("Kubernetes's", "K AH0 B ER1 N AH0 T S IH0 Z"),
        ("boss's", "B AO1 S IH0 Z"),
        ("y'all'd", "Y AO2 L D"),
        ("C E O's", "S IY1 IY1 OW1 Z"),
        ("npm", "EH1 N P IY1 EH1 M"),
    ],
)
def test_every_word_is_said(word: str, phones: str) -> None:
    assert say(word) == phones


def test_an_article_is_no_letter() -> None:
    assert say("A cat. Vitamin A. A is a letter.").split()[0] == "AH0"
    assert say("Vitamin A").endswith("EY1")
    assert say("A is for apple").startswith("EY1")


def test_marks_are_phones_and_silent_signs_are_not() -> None:
    assert say("yes, no! why? so.").split()[3] == ","
    assert say("the boys' club") == "DH AH0 B OY1 Z K L AH1 B"


def test_spelling_gives_known_phones_for_every_word() -> None:
    model = SpellingModel()
    for word in ("blorptastic", "zzzzz", "a" * 40, "qxj", ""):
        assert all(phone in symbol_table("v1") for phone in model.phones(word))
    assert model.phones("blorptastic") == "B L AO2 R P T AE1 S T IH0 K".split()


def test_the_tagger_tells_nouns_from_verbs() -> None:
    tagger = PosTagger()
    sentence = "They record a new record every year .".split()
    assert tagger.tag(sentence) == ["PRP", "VBP", "DT", "JJ", "NN", "DT", "NN", "."]
    assert tagger.tag([]) == []


def test_arpabet_is_told_from_words() -> None:
    english = EnglishFrontEnd()
    assert english.spell("T AH0 M EY1 T OW0", inventory="v2") == [["T", "AH0", "M", "EY1", "T", "OW0"]]
    assert english.spell("tuh may toh", inventory="v2") is None
    assert english.spell("", inventory="v2") is None
