"""`bin/audit.sh`, with stand-ins for the program that asks the vulnerability service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CLEAN = {"name": "torch", "version": "1", "vulns": []}
SKIPPED = {"name": "ours", "skip_reason": "not found"}
BAD = {
    "name": "starlette",
    "version": "0.1",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["0.2"]}],
}


def audit(tmp_path: Path, body: str) -> "subprocess.CompletedProcess[str]":
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return subprocess.run(
        [ROOT / "bin" / "audit.sh"],
        env={"PATH": "/usr/bin:/bin", "PIP_AUDIT": str(program), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
    )


def reporting(*found: dict[str, object]) -> str:
    return f"cat <<'JSON'\n{json.dumps({'dependencies': found})}\nJSON"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (reporting(CLEAN, SKIPPED), 0, ["1 packages looked up, 0 with known", "not looked up: ours"]),
        (reporting(CLEAN, BAD) + "\nexit 1", 1, ["starlette 0.1: PYSEC-1 (CVE-1); fixed in 0.2"]),
        ("echo 'connection refused' >&2; exit 1", 3, ["not audited", "connection refused"]),
        ("echo '<html>'; exit 0", 3, ["not audited"]),
        (reporting(SKIPPED), 3, ["not audited", "knows none"]),
    ],
    ids=["clean", "vulnerable", "unreachable", "nonsense", "empty-handed"],
)
def test_what_is_not_known_is_not_called_clean(
    tmp_path: Path, body: str, status: int, words: list[str]
) -> None:
    done = audit(tmp_path, body)
    assert done.returncode == status, done.stderr
    for each in words:
        assert each in done.stdout + done.stderr
