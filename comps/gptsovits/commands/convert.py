"""`gptsovits convert`: an official pair as one safetensors file."""

from __future__ import annotations

import argparse
from pathlib import Path

from comps.cores.errors import InvalidOption


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "convert",
        help="make one safetensors file of an official pair",
        description="Writes t2s, decoder, vocoder and encoders with their config and provenance into one "
        "file, without loss: the model computes exactly what the pair does, and voices fit both. "
        "The text encoder, for Chinese, stays a folder of its own.",
    )
    parser.add_argument("t2s", type=Path, metavar="CKPT", help="an official .ckpt")
    parser.add_argument("decoder", type=Path, metavar="PTH", help="an official .pth, or a LoRA of v3 or v4")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="such as models/alice/model.safetensors"
    )
    parser.add_argument(
        "--assets", type=Path, help="where the shared encoders are (default: models, or beside the PTH)"
    )
    parser.add_argument(
        "--version", dest="model_version", help="v1 v2 v2Pro v2ProPlus v3 v4, where asked for"
    )
    parser.add_argument("--slim", action="store_true", help="leave out the encoders that other models share")
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")


def run(args: argparse.Namespace) -> int:
    from comps.gptsovits.checkpoints.convert import convert_pair
    from comps.gptsovits.versions import Version

    try:
        version = Version.parse(args.model_version) if args.model_version else None
    except ValueError as error:
        raise InvalidOption(str(error)) from error
    if args.output.suffix != ".safetensors":
        raise InvalidOption(f"the output is a .safetensors file, not {args.output.name!r}")
    if args.output.exists() and not args.force:
        raise InvalidOption(f"{args.output} exists; --force overwrites it")
    fingerprint = convert_pair(
        args.t2s,
        args.decoder,
        args.output,
        assets=args.assets or _assets_near(args.decoder),
        version=version,
        self_contained=not args.slim,
    )
    size = args.output.stat().st_size / (1 << 20)
    print(f"{args.output} · {size:.1f} MiB · fingerprint {fingerprint[:16]}")
    return 0


def _assets_near(decoder: Path) -> Path:
    from comps.gptsovits.checkpoints.assets import Asset, Assets

    return decoder.parent if Assets(decoder.parent).find(Asset.CONTENT) else Path("models")
