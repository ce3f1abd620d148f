"""`bin/parity.sh --text DIR`: the text front ends against what the reference made of the same lines.

DIR holds `*.jsonl` files of rows with `level`, `text`, `language` and what came out: `phone_ids` (levels
`clean_text` and `segment_and_extract`) or `segments` (`pre_seg_text`). A line a file: how many lines are the
same, read as the reference reads (which decides PASS or FAIL) and as the product speaks, where it means to
differ. Differences that `text_differences.jsonl` gives no reason for are printed. Exit status: 0 all files
pass, 1 not all, 2 there is nothing to compare.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from comps.cores.errors import SovitsError
from comps.gptsovits.text.cutting import split_text
from comps.gptsovits.text.pipeline import phonemize
from comps.gptsovits.text.reference.levels import clean_text, segment_and_extract
from comps.gptsovits.text.symbols import symbol_table

REASONS = Path(__file__).parent / "text_differences.jsonl"
REQUIRED = {
    "zh": 98.0,
    "yue": 98.0,
    "ja": 98.0,
    "ko": 98.0,
    "en": 95.0,
    "mixed": 95.0,
    "auto": 95.0,
    "cuts": 100.0,
}

Row = dict[str, Any]


@dataclass
class Score:
    """How one file's lines compare."""

    name: str
    lines: int = 0
    same: int = 0
    spoken_same: int = 0
    unexplained: list[Row] = field(default_factory=list)

    @property
    def percent(self) -> float:
        return 100 * self.same / self.lines

    @property
    def required(self) -> float:
        parts = self.name.split("_")
        return next((REQUIRED[part] for part in (parts[0], parts[-1]) if part in REQUIRED), 95.0)

    @property
    def passed(self) -> bool:
        return self.percent >= self.required

    def line(self) -> str:
        spoken = 100 * self.spoken_same / self.lines
        return (
            f"{self.name:<14} {self.lines:>5} lines  {self.same:>5} the same  {self.percent:6.2f} %  "
            f"(at least {self.required:g} %)  {'PASS' if self.passed else 'FAIL'}  as spoken {spoken:6.2f} %"
        )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="parity --text", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--differences", type=Path, metavar="OUT", help="write every differing line here")
    options = parser.parse_args(arguments)
    files = sorted(options.folder.glob("*.jsonl"))
    if not files:
        print(f"{options.folder} holds no .jsonl files", file=sys.stderr)
        return 2
    reasons = {(row["text"], row["language"]) for row in _read(REASONS)} if REASONS.is_file() else set()
    scores, differing = [], []
    for file in files:
        score = Score(file.stem)
        for row in _read(file):
            difference = _compare(row, score)
            if difference:
                differing.append({"file": file.stem, **difference})
                if not {(row["text"], row["language"]), (row["text"], "*")} & reasons:
                    score.unexplained.append(difference)
        if score.lines:
            scores.append(score)
            print(score.line(), flush=True)
            for difference in score.unexplained:
                print(f"    no reason given: {json.dumps(difference, ensure_ascii=False)}")
    if options.differences:
        lines = (json.dumps(difference, ensure_ascii=False) + "\n" for difference in differing)
        options.differences.write_text("".join(lines), encoding="utf-8")
    passed = bool(scores) and all(score.passed for score in scores)
    percents = {score.name: round(score.percent, 2) for score in scores}
    spoken = {score.name: round(100 * score.spoken_same / score.lines, 2) for score in scores}
    print(json.dumps({"passed": passed, "percent": percents, "as_spoken": spoken}))
    return 0 if passed else 1


def _read(path: Path) -> Iterator[Row]:
    return (json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip())


def _compare(row: Row, score: Score) -> Row | None:
    """Counts a row; the difference if it is read otherwise than by the reference."""
    if row["level"] == "pre_seg_text":
        ours: Any = split_text(row["text"], row["method"], row["language"])
        stored, spoken = row.get("segments", []), ours
    else:
        # Where the reference failed with an error, an error of ours is the same.
        stored = row.get("phone_ids")
        read = clean_text if row["level"] == "clean_text" else segment_and_extract
        ours = _ids(lambda: read(row["text"], row["language"], row["version"]).phones, row)
        spoken = _ids(lambda: phonemize(row["text"], row["language"], inventory=row["version"]).phones, row)
    score.lines += 1
    score.same += ours == stored
    score.spoken_same += spoken == stored
    if ours == stored:
        return None
    names = {
        "text": row["text"],
        "language": row["language"],
        "version": row.get("version", row.get("method")),
    }
    if row["level"] == "pre_seg_text" or ours is None or stored is None:
        return {**names, "ours": ours, "reference": stored}
    symbols = symbol_table(row["version"]).symbols
    return {
        **names,
        "ours": " ".join(symbols[index] for index in ours),
        "reference": " ".join(symbols[index] for index in stored),
    }


def _ids(phones: Callable[[], Any], row: Row) -> list[int] | None:
    try:
        return symbol_table(row["version"]).ids(phones())
    except (SovitsError, ValueError):
        return None


if __name__ == "__main__":
    sys.exit(main())
