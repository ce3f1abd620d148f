import pytest

from comps.cores.errors import TextTooLong, UnspeakableText, UnsupportedLanguage
from comps.gptsovits.engine.segments import MAX_PHONEMES, MIN_PHONEMES, Script, halved, script_of
from comps.gptsovits.text.symbols import symbol_table

TABLE = symbol_table("v2")


def script(text: str, **options: object) -> Script:
    chosen = {"supported": ("en",), "max_characters": 20_000} | options
    return script_of(text, **chosen)  # type: ignore[arg-type]


def phones(made: Script, index: int = 0) -> list[str]:
    return [TABLE.symbols[i] for i in made.segments[index].phonemes]


def test_every_segment_ends_in_a_pause() -> None:
    assert phones(script("It works"))[-1] == "."
    assert phones(script("Does it work?"))[-1] == "?"


@pytest.mark.parametrize("text", ["Hi", "5", "No!", "A"])
def test_very_short_text_has_a_pause_before_it(text: str) -> None:
    said = phones(script(text))
    assert not said[0].isalpha()
    assert len(said) < MIN_PHONEMES + 4


def test_what_holds_nothing_speakable_is_left_out() -> None:
    made = script("First.\n***\n🙂\nSecond one is longer than that.", split="cut0")
    assert made.segments
    with pytest.raises(UnspeakableText):
        script("🙂 … !!!")


def test_what_is_left_out_is_told() -> None:
    assert any("🙂" in warning for warning in script("Hello there, my friend 🙂.").warnings)


def test_an_endless_sentence_is_divided_where_it_can_be() -> None:
    made = script("and so on " * 400, split="cut0")
    assert len(made.segments) > 1
    assert all(len(segment.phonemes) <= MAX_PHONEMES + 2 for segment in made.segments)


def test_halves_join_to_the_whole_and_prefer_a_full_stop() -> None:
    text = "One clause, another clause. And here is more, you know, of it"
    left, right = halved(text) or ("", "")
    assert left + right == text
    assert left.endswith(".")
    assert halved("x") is None
    assert halved("xyzw") == ("xy", "zw")


def test_pauses_that_the_text_asks_for_replace_the_default() -> None:
    text = (
        "[pause:1s]Here is a first sentence of some length.[pause:700ms]Here is a second one, and some more."
    )
    made = script(text + "\nAnd a third one, which is as long.")
    assert made.lead_seconds == 1.0
    assert made.pauses(0.3) == [0.7, 0.3, 0.0]


def test_words_are_said_as_asked_and_shown_without_markup() -> None:
    inline = script("I like {tomato/T AH0 M AA1 T OW0} soup.")
    asked = script("I like tomato soup.", pronunciations={"tomato": "T AH0 M AA1 T OW0"})
    assert phones(inline) == phones(asked) != phones(script("I like tomato soup."))
    assert inline.segments[0].text == "I like tomato soup."


def test_too_much_text_and_other_languages_are_refused() -> None:
    with pytest.raises(TextTooLong):
        script("a" * 101, max_characters=100)
    with pytest.raises(UnsupportedLanguage) as refused:
        script("こんにちは", language="ja")
    assert refused.value.supported == ("en",)
