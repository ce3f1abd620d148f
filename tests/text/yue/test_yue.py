"""The Cantonese front end: parity with the reference, jyutping, and laws that hold for any text."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comps.cores.errors import MissingLanguageExtra
from comps.gptsovits.text import registry
from comps.gptsovits.text.language import FrontEnd, ReadsNumbers, SpellsPronunciations
from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.text.yue.jyutping import phones_of

pytest.importorskip("ToJyutping")

from comps.gptsovits.text.yue.frontend import CantoneseFrontEnd

REFERENCE = [
    json.loads(line) for line in (Path(__file__).parent / "reference.jsonl").read_text("utf-8").splitlines()
]


@pytest.fixture(scope="module")
def cantonese() -> CantoneseFrontEnd:
    return CantoneseFrontEnd()


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: row["text"][:12])
def test_phones_are_those_of_the_reference(cantonese: CantoneseFrontEnd, row: dict[str, str]) -> None:
    norm = cantonese.normalize(row["text"])
    phones, word2ph = cantonese.phonemize(norm, inventory="v2")
    assert norm == row["norm_text"]
    assert " ".join(phones) == row["phones"]
    assert "".join(map(str, word2ph or ())) == row["word2ph"]


@pytest.mark.parametrize(
    ("jyutping", "phones"),
    [
        ("jyut6", "Yj Yyut6"), ("hoeng1 gong2", "Yh Yoeng1 Yg Yong2"), ("ng5", "Yng Yg5"), ("m4", "Ym Ym4"),
        ("ngaa5", "Yng Yaa5"), ("gwok3", "Ygw Yok3"), ("kwan4", "Ykw Yan4"),
        ("aai3", "Yaa Yi3"), ("uk1", "Yuk Yk1"),
    ],
)  # fmt: skip
def test_a_syllable_is_two_phones(jyutping: str, phones: str) -> None:
    assert " ".join(phones_of(jyutping) or ()) == phones
    assert all(phone in symbol_table("v2") for phone in phones.split())


@pytest.mark.parametrize("text", ["", "hello", "gong7", "gong", "1", "香港", "gong2 ?"])
def test_what_is_no_jyutping_is_refused(text: str) -> None:
    assert phones_of(text) is None


def test_jyutping_spells_a_pronunciation(cantonese: CantoneseFrontEnd) -> None:
    assert cantonese.spell("Hoeng1 gong2", inventory="v2") == [("Yh", "Yoeng1"), ("Yg", "Yong2")]
    assert cantonese.spell("香港", inventory="v2") is None


@settings(max_examples=200, deadline=None)
@given(
    text=st.one_of(st.text(), st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=30))
)
def test_each_character_has_its_phones(cantonese: CantoneseFrontEnd, text: str) -> None:
    for said in (text, cantonese.normalize(text), cantonese.read_numbers(text)):
        phones, word2ph = cantonese.phonemize(said, inventory="v2")
        assert word2ph is not None
        assert (len(word2ph), sum(word2ph)) == (len(said), len(phones))


def test_a_character_of_two_syllables_has_four_phones(cantonese: CantoneseFrontEnd) -> None:
    assert cantonese.phonemize("瓩", inventory="v2") == (["Yc", "Yin1", "Yng", "Yaa5"], [4])


def test_it_meets_the_protocols(cantonese: CantoneseFrontEnd) -> None:
    reader: FrontEnd = cantonese
    assert reader.code == "yue"
    assert isinstance(reader, SpellsPronunciations)
    assert isinstance(reader, ReadsNumbers)


def test_a_missing_package_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_front_ends", {})
    monkeypatch.setitem(sys.modules, "ToJyutping", None)
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(MissingLanguageExtra) as caught:
        registry.front_end("yue")
    assert caught.value.extra == "yue"
