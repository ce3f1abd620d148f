"""The Mandarin front end: parity with the reference, and laws that hold for any text."""

import json
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comps.cores.errors import MissingLanguageExtra
from comps.gptsovits.text import registry
from comps.gptsovits.text.language import FrontEnd, ReadsNumbers, SpellsPronunciations
from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.text.zh.frontend import MandarinFrontEnd
from comps.gptsovits.text.zh.syllables import MARKS

REFERENCE = [
    json.loads(line) for line in (Path(__file__).parent / "reference.jsonl").read_text("utf-8").splitlines()
]
HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"{row['version']}-{row['text'][:12]}")
def test_phones_are_those_of_the_reference(mandarin: MandarinFrontEnd, row: dict[str, str]) -> None:
    norm = mandarin.normalize(row["text"])
    phones, word2ph = mandarin.phonemize(norm, inventory="v1" if row["version"] == "v1" else "v2")
    assert norm == row["norm_text"]
    assert " ".join(phones) == row["phones"]
    assert "".join(map(str, word2ph or ())) == row["word2ph"]


@settings(max_examples=150, deadline=None)
@given(text=st.one_of(st.text(), st.text(HAN, max_size=30)))
def test_each_character_of_the_norm_has_its_phones_for_bert(mandarin: MandarinFrontEnd, text: str) -> None:
    """BERT makes one token of each character of a norm; its feature is repeated once for each phone."""
    norm = mandarin.normalize(text)
    assert not any(char.isspace() or (char.isascii() and char.isalnum()) for char in norm)
    for inventory in ("v1", "v2"):
        phones, word2ph = mandarin.phonemize(norm, inventory=inventory)
        assert word2ph is not None
        assert len(word2ph) == len(norm)
        assert sum(word2ph) == len(phones)
        assert all(phone in symbol_table(inventory) for phone in phones)
        for char, count in zip(norm, word2ph, strict=True):
            assert count in ((1,) if char in MARKS else (0, 2))


@settings(max_examples=100, deadline=None)
@given(text=st.text())
def test_phones_can_be_asked_for_any_text_unnormalised(mandarin: MandarinFrontEnd, text: str) -> None:
    phones, word2ph = mandarin.phonemize(text, inventory="v2")
    assert word2ph is not None
    assert (len(word2ph), sum(word2ph)) == (len(text), len(phones))


def test_a_character_that_nobody_can_read_has_no_phones(mandarin: MandarinFrontEnd) -> None:
    phones, word2ph = mandarin.phonemize("一兙一", inventory="v2")
    assert word2ph == [2, 0, 2]
    assert len(phones) == 4


@pytest.mark.parametrize(
    "text", ["龘" * 3_000, "儿" * 5_000, "不" * 5_000, "一" * 5_000, "看" * 5_000, "今天好" * 2_000]
)
def test_long_texts_without_a_mark_take_linear_time(mandarin: MandarinFrontEnd, text: str) -> None:
    began = time.process_time()
    _, word2ph = mandarin.phonemize(mandarin.normalize(text), inventory="v2")
    assert len(word2ph or ()) == len(text)
    assert len(text) / (time.process_time() - began) > 1_000


def test_pinyin_spells_a_pronunciation(mandarin: MandarinFrontEnd) -> None:
    assert mandarin.spell("yin2 hang2", inventory="v2") == [("y", "in2"), ("h", "ang2")]
    assert mandarin.spell("xíng", inventory="v1") == [("x", "ing2")]


@pytest.mark.parametrize("respelling", ["", "hang", "银行", "T AH0", "hang2 ???"])
def test_what_is_no_pinyin_is_a_respelling(mandarin: MandarinFrontEnd, respelling: str) -> None:
    assert mandarin.spell(respelling, inventory="v2") is None


def test_it_meets_the_protocols(mandarin: MandarinFrontEnd) -> None:
    reader: FrontEnd = mandarin
    assert reader.code == "zh"
    assert isinstance(reader, SpellsPronunciations)
    assert isinstance(reader, ReadsNumbers)


def test_a_missing_package_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_front_ends", {})
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(MissingLanguageExtra) as caught:
        registry.front_end("zh")
    assert caught.value.extra == "zh"


def test_importing_the_package_costs_nothing() -> None:
    import subprocess

    heavy = "{'jieba', 'pypinyin', 'torch'} & set(sys.modules)"
    check = f"import sys, comps.gptsovits.text.zh; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
