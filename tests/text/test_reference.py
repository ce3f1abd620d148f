"""The reading for comparison equals the reference implementation's, faults included.

`data/reference.jsonl` is a part of the project's reference data: rows of its text folder.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from comps.gptsovits.text.pipeline import phonemize
from comps.gptsovits.text.reference import segmentation
from comps.gptsovits.text.reference.english import normalize
from comps.gptsovits.text.reference.levels import clean_text, segment_and_extract
from comps.gptsovits.text.reference.segmentation import spans_like_reference
from comps.gptsovits.text.registry import front_end, installed_languages
from comps.gptsovits.text.symbols import symbol_table

FILE = Path(__file__).parent / "data" / "reference.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=[f"{r['language']}-{r['text'][:14]}" for r in ROWS])
def test_a_row_is_read_as_the_reference_reads_it(row: dict[str, Any]) -> None:
    if row["language"] != "en" and len(installed_languages()) < 5:
        pytest.skip("not all languages are installed")
    if row["level"] != "clean_text":
        pytest.importorskip("split_lang")
    read = clean_text if row["level"] == "clean_text" else segment_and_extract
    phones = read(row["text"], row["language"], row["version"]).phones
    assert symbol_table(row["version"]).ids(phones) == row["phone_ids"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1. one, 101st", "first, one, one hundred and first"),
        ("3/4, 1/2, 7/1", "three fourths, one half, seven"),
        ("at 13:05 or 9:00", "at one five p.m. or nine o'clock a.m."),
        ("2 + 2 = 4, -5", "two plus two Equals four,negative five"),
        ("£7.14 and $0.99", "seven pounds and fourteen pence and ninety-nine cents"),
        ("in 1905 and 2005", "in nineteen oh five and two thousand five"),
        ("e.g. 5km", "for example five kilometers"),
        ("3005 or 3105", "three thousand five or three thousand, one hundred five"),
        ("2024/15", "two thousand and twenty-four fifteenths"),
        ("8058. of", "eight thousand and fifty-eighth, of"),
        (f"{10**33}", "one decillion"),
    ],
)
def test_the_reference_s_english_has_its_own_rules(written: str, said: str) -> None:
    assert normalize(written) == said


@pytest.mark.parametrize("odd", ["(45$)", f"{10**36}"])
def test_it_fails_where_the_reference_s_english_fails(odd: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|no names"):
        normalize(odd)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("排行榜", "p ai2 h ang2 b ang4"),
        ("什麼", "sh en2 m o2"),
        ("5mm宽", "w u2 m i2 m i3 k uan1"),
        ("60％", "l iu4 sh ir2"),
        ("8:30-9:15", "b a1 d ian3 b an4 zh ir4 j iu2 d ian3 b an4"),
    ],
)
def test_the_reference_s_chinese_has_its_own_faults(written: str, read: str) -> None:
    if "zh" not in installed_languages():
        pytest.skip("Chinese is not installed")
    assert clean_text(written, "zh", "v2").phones == read.split()
    assert phonemize(written, "zh").phones != tuple(read.split())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("210,000원", "이심마눤"),
        ("1,000,000,000원", "일시버권"),
        ("120개", "백쓰물개"),
        ("20개", "스무개"),
        ("100000000마리", "이렁마리"),
    ],
)
def test_the_reference_s_korean_has_its_own_arithmetic(written: str, read: str) -> None:
    if "ko" not in installed_languages():
        pytest.skip("Korean is not installed")
    spelled = front_end("ko").spell(read, inventory="v2")  # type: ignore[attr-defined]
    assert clean_text(written, "ko", "v2").phones == [*spelled[0], "."]


def test_the_reference_s_korean_keeps_both_letters_of_some_codas() -> None:
    if "ko" not in installed_languages():
        pytest.skip("Korean is not installed")
    assert "停" in clean_text("여덟 통, 여덟통", "ko", "v2").phones
    assert "停" not in phonemize("여덟통", "ko").phones


def test_marks_alone_are_a_language_that_the_reference_reads_as_english() -> None:
    pytest.importorskip("split_lang")
    assert segment_and_extract("……", "auto", "v2").phones == [","]


def test_without_the_splitter_our_own_spans_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(text: str, hint: str) -> list[tuple[str, str]]:
        raise segmentation.MissingLanguageExtra("zh", extra="test")

    monkeypatch.setattr(segmentation, "reference_spans", missing)
    assert spans_like_reference("3/4的人", "zh") == [("zh", "3/4的人")]
