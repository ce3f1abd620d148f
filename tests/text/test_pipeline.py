"""What users control, what they are told, and what a reply holds."""

import pytest

from comps.cores.errors import MissingLanguageExtra, UnspeakableText, UnsupportedLanguage
from comps.gptsovits.text import registry
from comps.gptsovits.text.pipeline import Phonemized, phonemize
from comps.gptsovits.text.registry import installed_languages, warm_up
from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.text.written import spell_out


def needs(language: str) -> None:
    if not registry.is_installed(language):
        pytest.skip(f"the extra {language} is not installed")


def phones(said: Phonemized) -> str:
    return " ".join(said.phones)


def test_ids_spans_and_phones_agree() -> None:
    said = phonemize("I paid $5, didn't I?", "en")
    assert said.norm_text == "I paid five dollars, didn't I?"
    assert said.phone_ids == tuple(symbol_table("v2").ids(said.phones))
    assert [span.language for span in said.spans] == ["en"]
    assert said.word2ph is None
    assert said.warnings == ()
    assert phonemize("I paid $5, didn't I?", "en", inventory="v1").phones == said.phones


def test_a_word_is_said_as_the_text_says() -> None:
    said = phonemize("I like {tomato/T AH0 M AA1 T OW0} soup.", "en")
    assert "T AH0 M AA1 T OW0" in phones(said)
    assert said.norm_text == "I like tomato soup."
    assert phones(phonemize("{SQL/sequel} is old", "en")) == phones(phonemize("sequel is old", "en"))


def test_a_word_is_said_as_the_request_s_dictionary_says_it_whole_words_only() -> None:
    dictionary = {"tomato": "T AH0 M AA1 T OW0", "Nguyen": "win"}
    said = phonemize("Tomato, tomatoes and Nguyen.", "en", pronunciations=dictionary)
    assert phones(said).count("M AA1 T") == 1
    assert "W IH1 N" in phones(said)
    inline = phonemize("{tomato/T AH0 M EY1 T OW0}", "en", pronunciations=dictionary)
    assert "M EY1 T" in phones(inline)


def test_a_pronunciation_without_stress_marks_is_unstressed() -> None:
    assert "T AH0 M EY0" in phones(phonemize("a {tomato/T AH M EY T OW} here", "en"))


def test_pause_marks_are_not_read_out() -> None:
    assert phones(phonemize("One sentence. [pause:500ms] Another.", "en")) == phones(
        phonemize("One sentence. Another.", "en")
    )


def test_chinese_words_keep_their_characters_for_bert() -> None:
    needs("zh")
    said = phonemize("他去{银行/yin2 xing2}。", "zh")
    assert "y in2 x ing2" in phones(said)
    assert said.word2ph is not None
    assert len(said.word2ph) == len(said.norm_text)
    assert sum(said.word2ph) == len(said.phones)


def test_a_foreign_pronunciation_stands_in_a_span_of_its_own() -> None:
    needs("zh")
    said = phonemize("这是{GPU/JH IY1 P IY1 Y UW1}卡", "zh")
    assert [(span.language, span.text) for span in said.spans] == [
        ("zh", "这是"),
        ("en", "GPU"),
        ("zh", "卡"),
    ]


@pytest.mark.parametrize(
    "text", ["", " \n\t", "...", "😀🎉", "\u200b\u200d", "[pause:1s]", "\ud800", "—", "()"]
)
@pytest.mark.parametrize("language", ["auto", "en"])
def test_nothing_speakable_is_an_error_and_not_silence(text: str, language: str) -> None:
    with pytest.raises(UnspeakableText):
        phonemize(text, language)


def test_what_is_left_out_is_named() -> None:
    said = phonemize("Hello 😀 Привет", "en")
    assert phones(said) == phones(phonemize("Hello", "en"))
    assert "😀" in said.warnings[0]
    assert "П" in said.warnings[0]
    assert phonemize("20℃, café, π, ½, naïve — “yes”…", "en").warnings == ()


def test_v1_models_speak_three_languages() -> None:
    with pytest.raises(UnsupportedLanguage) as refused:
        phonemize("안녕", "ko", inventory="v1")
    assert refused.value.supported == ("zh", "en", "ja")


def test_a_missing_package_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_front_ends", {})
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(MissingLanguageExtra) as missing:
        phonemize("你好", "zh")
    assert missing.value.extra == "zh"
    assert installed_languages() == ()


def test_warming_up_loads_a_language_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: dict[str, object] = {}
    monkeypatch.setattr(registry, "_front_ends", loaded)
    warm_up(["en"]).join(timeout=60)
    assert set(loaded) == {"en"}


def test_very_short_english_has_the_comma_that_models_know() -> None:
    assert phonemize("Yes", "en").phones == (",", "Y", "EH1", "S")


def test_money_and_units_are_said_in_the_language_around_them() -> None:
    assert spell_out("$99.9和5kg", "zh") == "99.9美元和5千克"
    assert spell_out("$5万、¥500、20℃", "ja") == "5万ドル、500円、20度"
    assert spell_out("€3, 60km/h, 50%", "ko") == "3유로, 60킬로미터 매시, 50퍼센트"
    assert spell_out("$5 and 5kg", "en") == "$5 and 5kg"
