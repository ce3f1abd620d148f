"""`gptsovits process`: a clip to a voice file."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from comps.cores.errors import InvalidOption
from comps.gptsovits.commands.shared import add_model_options, engine_config, load, read_clip


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("process", help="make a voice of a reference clip")
    parser.add_argument("clip", type=Path, help="3 to 10 s of one speaker: WAV, FLAC, MP3 or Ogg")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--text", help="what is said in the clip")
    parser.add_argument("--language", default="auto", help="of the clip's text (default: auto)")
    parser.add_argument("--aux", type=Path, nargs="*", default=[], help="more clips of the same speaker")
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    from comps.gptsovits.engine import Engine, ProfileResult

    reference, aux = read_clip(args.clip), [read_clip(path) for path in args.aux]

    async def profile() -> ProfileResult:
        with Engine(load(args), config=engine_config(args)) as engine:
            return await engine.profile(reference, text=args.text, language=args.language, aux=aux)

    result = asyncio.run(profile())
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    data = result.voice.to_bytes()
    try:
        args.output.write_bytes(data)
    except OSError as error:
        raise InvalidOption(f"{args.output} cannot be written: {error.strerror}") from error
    print(f"{args.output}: voice {result.voice.id}, {len(data):,} bytes, in {result.seconds:.1f} s")
    return 0
