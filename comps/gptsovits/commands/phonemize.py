"""`gptsovits phonemize`: what will be said, as phones; and, for rows of the reference, what it would say."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comps.cores.errors import FileMissing, InputError, InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from comps.gptsovits.text.language import Inventory

_VERSIONS = ("v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "phonemize",
        help="show how a text will be said",
        description="Writes one JSON object a line: norm_text, phones, word2ph, phone_ids, spans, warnings. "
        "Rows of --jsonl are for comparison: they are read as the reference implementation reads them, "
        "faults included, at the `level` that the row names (clean_text or segment_and_extract, the "
        "default); --as-spoken reads them as this program speaks.",
    )
    parser.add_argument("text", nargs="?", help="what to say; - reads it from standard input")
    parser.add_argument("--jsonl", type=Path, metavar="IN", help="rows with `text`, instead of one text")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="where to write (default: standard output)"
    )
    parser.add_argument("--language", default="auto", help="auto en zh yue ja ko, all_zh … (default: auto)")
    parser.add_argument(
        "--version", dest="model_version", default="v2", choices=_VERSIONS, help="(default: v2)"
    )
    parser.add_argument("--as-spoken", action="store_true", help="read rows as this program speaks")
    parser.add_argument(
        "--say",
        action="append",
        default=[],
        metavar="WORD=PRONUNCIATION",
        help="how to say a word; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    if (args.text is None) == (args.jsonl is None):
        raise InvalidOption("give either a text or --jsonl")
    inventory: Inventory = "v1" if args.model_version == "v1" else "v2"
    pronunciations = _pronunciations(args.say)
    if args.text is not None:
        text = sys.stdin.read() if args.text == "-" else args.text
        rows: Iterable[dict[str, Any]] = [_spoken(text, args.language, inventory, pronunciations)]
    else:
        rows = _rows(_read(args.jsonl), args.language, inventory, pronunciations, as_spoken=args.as_spoken)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if args.output is None:
        sys.stdout.writelines(lines)
    else:
        with args.output.open("w", encoding="utf-8") as file:
            file.writelines(lines)
    return 0


def _pronunciations(options: list[str]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    if any(not (word.strip() and said.strip()) for word, _, said in pairs):
        raise InvalidOption("--say takes WORD=PRONUNCIATION, such as 'tomato=T AH0 M EY1 T OW0'")
    return {word: said for word, _, said in pairs}


def _read(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise FileMissing(f"there is no file {path}")
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidOption(f"line {number} of {path.name} is not JSON: {error.msg}") from None
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise InvalidOption(f"line {number} of {path.name} has no text")
        yield row


def _rows(
    rows: Iterable[dict[str, Any]],
    language: str,
    inventory: Inventory,
    pronunciations: dict[str, str],
    *,
    as_spoken: bool,
) -> Iterator[dict[str, Any]]:
    """One row for each; a text that cannot be said has `error` and no phones."""
    from comps.gptsovits.text.reference import levels

    for row in rows:
        text, level = row["text"], row.get("level", levels.LEVELS[-1])
        try:
            if level in levels.LEVELS and not as_spoken:
                said = _like_reference(text, level, language, inventory)
            else:
                said = _spoken(text, language, inventory, pronunciations)
        except (InputError, ValueError) as error:  # the reference's own failures are ValueErrors
            said = {"norm_text": "", "phones": [], "word2ph": None, "phone_ids": [], "error": str(error)}
        yield {"text": text, **said}


def _like_reference(text: str, level: str, language: str, inventory: Inventory) -> dict[str, Any]:
    from comps.gptsovits.text.reference import levels
    from comps.gptsovits.text.symbols import symbol_table

    read = levels.clean_text if level == "clean_text" else levels.segment_and_extract
    reading = read(text, language, inventory)
    return {
        "norm_text": reading.norm_text,
        "phones": reading.phones,
        "word2ph": reading.word2ph,
        "phone_ids": symbol_table(inventory).ids(reading.phones),
    }


def _spoken(text: str, language: str, inventory: Inventory, pronunciations: dict[str, str]) -> dict[str, Any]:
    from comps.gptsovits.text.pipeline import phonemize

    said = phonemize(text, language, inventory=inventory, pronunciations=pronunciations)
    return {
        "norm_text": said.norm_text,
        "phones": said.phones,
        "word2ph": said.word2ph,
        "phone_ids": said.phone_ids,
        "spans": [[span.language, span.text, span.norm_text, len(span.phones)] for span in said.spans],
        "warnings": said.warnings,
    }
