"""`gptsovits inspect`: what a file is, in one screen, without executing or even reading its numbers."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from comps.cores.errors import InvalidOption, SovitsError

UNFIT = 1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "inspect",
        help="explain a checkpoint file",
        description="Version, sizes, languages, symbols, what is missing, where it came from. Nothing in the "
        "file is executed. The status is 1 if a file cannot be loaded.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file, or a model's folder")
    parser.add_argument(
        "--version", dest="model_version", help="v1 v2 v2Pro v2ProPlus v3 v4, where asked for"
    )
    parser.add_argument("--assets", type=Path, help="where shared encoders are (default: beside the file)")
    parser.add_argument("--sha256", action="store_true", help="also compute the file's SHA-256")


def run(args: argparse.Namespace) -> int:
    from comps.gptsovits.checkpoints.explain import explain
    from comps.gptsovits.versions import Version

    try:
        version = Version.parse(args.model_version) if args.model_version else None
    except ValueError as error:
        raise InvalidOption(str(error)) from error
    status = 0
    for i, path in enumerate(args.files):
        if i:
            print()
        try:
            file = _weights(path)
            explanation = explain(file, assets=args.assets, version=version)
        except SovitsError as error:
            if len(args.files) == 1:
                raise
            print(f"{path}: {error}", file=sys.stderr)
            status = UNFIT
            continue
        print(explanation)
        if args.sha256:
            print(f"sha256   {_sha256(file)}")
        status = status if explanation.is_sound else UNFIT
    return status


def _weights(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (path / name).is_file():
            return path / name
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
