"""`gptsovits phonemize`."""

import json
from pathlib import Path
from typing import Any

import pytest

from comps.gptsovits.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    status = main(["phonemize", *arguments])
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.splitlines()], err


def test_a_text_gives_what_will_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    status, rows, _ = run(capsys, "I paid $5.", "--language", "en")
    assert status == 0
    assert rows[0]["norm_text"] == "I paid five dollars."
    assert len(rows[0]["phones"]) == len(rows[0]["phone_ids"])
    assert rows[0]["spans"] == [["en", "I paid $5.", "I paid five dollars.", len(rows[0]["phones"])]]


def test_rows_are_read_in_order_and_a_mute_one_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        '{"text": "It is 5kg"}\n\n{"text": "😀"}\n{"text": "It is 5kg", "level": "clean_text"}\n', "utf-8"
    )
    status, rows, _ = run(
        capsys, "--version", "v1", "--language", "en", "--jsonl", str(source), "-o", str(target)
    )
    assert (status, rows) == (0, [])
    unnamed, _, cleaned = (json.loads(line) for line in target.read_text("utf-8").splitlines())
    assert unnamed["norm_text"] == cleaned["norm_text"] == "It is fivekg"  # what the reference makes of it
    run(capsys, "--as-spoken", "--language", "en", "--jsonl", str(source), "-o", str(target))
    unnamed, mute, cleaned = (json.loads(line) for line in target.read_text("utf-8").splitlines())
    assert unnamed["norm_text"] == cleaned["norm_text"] == "It is five kilograms"
    assert mute["phones"] == []
    assert "spoken" in mute["error"]


def test_words_can_be_given_a_pronunciation(capsys: pytest.CaptureFixture[str]) -> None:
    _, rows, _ = run(capsys, "a tomato", "--language", "en", "--say", "tomato=T AH0 M AA1 T OW0")
    assert rows[0]["phones"] == "AH0 T AH0 M AA1 T OW0".split()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "either a text or --jsonl"),
        (["text", "--jsonl", "x"], "either a text or --jsonl"),
        (["--jsonl", "no/such.jsonl"], "no file"),
        (["text", "--say", "tomato"], "WORD=PRONUNCIATION"),
        (["text", "--language", "klingon"], "klingon"),
        (["😀"], "spoken"),
    ],
)
def test_mistakes_are_named(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, *arguments)
    assert status == 2
    assert complaint in err


def test_a_broken_row_is_named_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for content, complaint in (('{"text": "a"}\n{', "line 2"), ('{"txt": "a"}', "line 1"), ("[]", "line 1")):
        file = tmp_path / "rows.jsonl"
        file.write_text(content, "utf-8")
        status, _, err = run(capsys, "--jsonl", str(file))
        assert status == 2
        assert complaint in err
