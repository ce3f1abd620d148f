"""The reading for comparison equals the reference implementation's, faults included.

`data/reference.jsonl` is a part of the project's reference data: rows of its text folder.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from comps.gptsovits.text.reference import segmentation
from comps.gptsovits.text.reference.english import normalize
from comps.gptsovits.text.reference.levels import clean_text, segment_and_extract
from comps.gptsovits.text.reference.segmentation import spans_like_reference
from comps.gptsovits.text.registry import installed_languages
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
    ],
)
def test_the_reference_s_english_has_its_own_rules(written: str, said: str) -> None:
    assert normalize(written) == said


def test_without_the_splitter_our_own_spans_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(text: str, hint: str) -> list[tuple[str, str]]:
        raise segmentation.MissingLanguageExtra("zh", extra="test")

    monkeypatch.setattr(segmentation, "reference_spans", missing)
    assert spans_like_reference("3/4的人", "zh") == [("zh", "3/4的人")]
