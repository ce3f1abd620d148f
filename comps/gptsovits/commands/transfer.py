"""`gptsovits transfer`: a recording spoken again in another voice, to a file."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from comps.cores.errors import InvalidOption
from comps.gptsovits.commands.shared import (
    add_model_options,
    engine_config,
    load,
    read_clip,
    transcript_beside,
)
from comps.gptsovits.commands.speaking import (
    add_speech_options,
    add_voice_options,
    collected,
    format_of,
    voice_of,
    write,
)

if TYPE_CHECKING:
    from comps.cores.audio.waveform import Waveform
    from comps.gptsovits.commands.speaking import Spoken
    from comps.gptsovits.engine import SpeechOptions


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "transfer",
        help="speak a recording again in another voice",
        description="Speaks a recording again in the voice of a clip, with the recording's own timing and "
        "intonation. As long as the recording, to the next 0.04 s.",
    )
    parser.add_argument("source", type=Path, help="the recording, 0.5 to 60 s: WAV, FLAC, MP3 or Ogg")
    parser.add_argument("--text", help="what is said in it (default: the .txt beside it)")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("transferred.wav"),
        help="a .wav .flac .mp3 .opus … file (default: %(default)s)",
    )
    add_voice_options(parser)
    add_speech_options(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    from comps.gptsovits.engine import SpeechOptions

    format_of(args.output)  # an impossible one is refused before any work
    source = read_clip(args.source)
    text = args.text or transcript_beside(args.source)
    if text is None:
        raise InvalidOption(
            f"what is said in {args.source}? give --text, or a {args.source.stem}.txt beside it"
        )
    options = SpeechOptions(
        language=args.language,
        speed=args.speed,
        seed=args.seed,
        sample_steps=args.sample_steps,
        deadline_seconds=args.deadline,
    )
    write(args.output, asyncio.run(_transfer(args, source, text, options)))
    return 0


async def _transfer(args: argparse.Namespace, source: Waveform, text: str, options: SpeechOptions) -> Spoken:
    from comps.gptsovits.engine import Engine, TransferRequest

    with Engine(load(args), config=engine_config(args)) as engine:
        voice = await voice_of(args, engine)
        await engine.ready()
        request = TransferRequest(source, text, voice, options)
        return await collected(engine.transfer(request), quiet=args.quiet)
