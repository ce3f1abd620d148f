"""The same phones as the reference implementation (reference.jsonl; README.md says where it is from)."""

import json
from pathlib import Path
from typing import Any

import pytest

from comps.gptsovits.text.registry import front_end
from comps.gptsovits.text.symbols import symbol_table

ROWS = [
    json.loads(line)
    for line in Path(__file__).with_name("reference.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['version']} {row['text']}")
def test_phones_and_normal_form_equal_those_of_the_reference(row: dict[str, Any]) -> None:
    reader = front_end("ko")
    norm = reader.normalize(row["text"])
    assert norm == row["norm_text"]
    phones, word2ph = reader.phonemize(norm, inventory=row["version"])
    assert symbol_table(row["version"]).known(phones) == row["phones"].split()
    assert word2ph is None
