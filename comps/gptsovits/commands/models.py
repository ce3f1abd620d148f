"""`gptsovits models`: what is in the folder of models, and what each lacks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comps.cores.errors import FileMissing

if TYPE_CHECKING:
    from comps.gptsovits.checkpoints.catalog import Entry


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("models", help="list the models that were found")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("models"), help="(default: models)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    from comps.gptsovits.checkpoints.catalog import Scanner

    if not args.folder.is_dir():
        raise FileMissing(f"there is no folder {args.folder}")
    entries = Scanner(args.folder).scan()
    if args.json:
        for entry in entries:
            print(json.dumps(_as_json(entry, args.folder), ensure_ascii=False))
        return 0
    if not entries:
        print(f"no model in {args.folder}; `gptsovits download` fetches the official ones")
        return 0
    rows = [("MODEL", "VERSION", "STATE", "FILES"), *(_row(entry, args.folder) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)).rstrip())
    for entry in entries:
        for text in _remarks(entry):
            print(f"{entry.id}: {text}")
    return 0


def _row(entry: Entry, root: Path) -> tuple[str, str, str, str]:
    state = "ready" if entry.is_ready else "broken" if entry.problem else "incomplete"
    files = " + ".join(str(path.relative_to(root)) for path in entry.files)
    kind = f"{entry.version or '?'}{' LoRA' if entry.is_lora else ''}"
    return entry.id, kind, state, files


def _remarks(entry: Entry) -> list[str]:
    remarks = [entry.problem] if entry.problem else []
    remarks += [f"lacks {what}" for what in entry.lacks]
    return remarks + [f"does without {what}" for what in entry.without]


def _as_json(entry: Entry, root: Path) -> dict[str, Any]:
    return {
        "id": entry.id,
        "version": str(entry.version) if entry.version else None,
        "files": [str(path.relative_to(root)) for path in entry.files],
        "lora": entry.is_lora,
        "ready": entry.is_ready,
        "lacks": list(entry.lacks),
        "without": list(entry.without),
        "problem": entry.problem,
    }
