"""`gptsovits speak`: a text in a clip's voice, to a file."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from comps.gptsovits.commands.shared import add_model_options, engine_config, load
from comps.gptsovits.commands.speaking import (
    add_speech_options,
    add_voice_options,
    collected,
    format_of,
    voice_of,
    write,
)

if TYPE_CHECKING:
    from comps.gptsovits.commands.speaking import Spoken
    from comps.gptsovits.engine import SpeechOptions


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("speak", help="speak a text in the voice of a clip")
    parser.add_argument("text", help="what to say; - reads it from standard input")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .wav .flac .mp3 .opus … file")
    add_voice_options(parser)
    speech = add_speech_options(parser)
    speech.add_argument("--top-k", type=int, default=15)
    speech.add_argument("--top-p", type=float, default=1.0)
    speech.add_argument("--temperature", type=float, default=1.0)
    speech.add_argument("--repetition-penalty", type=float, default=1.35)
    speech.add_argument("--pause", type=float, default=0.3, help="seconds between segments")
    speech.add_argument("--split", default="punctuation", help="punctuation, or cut0 to cut5")
    speech.add_argument("--tokens", type=int, help="exactly so many tokens a segment, for measurements")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    from comps.gptsovits.engine import SpeechOptions

    text = sys.stdin.read() if args.text == "-" else args.text
    format_of(args.output)  # an impossible one is refused before any work
    options = SpeechOptions(
        language=args.language,
        speed=args.speed,
        seed=args.seed,
        top_k=args.top_k,
        top_p=args.top_p,
        temperature=args.temperature,
        repetition_penalty=args.repetition_penalty,
        pause_seconds=args.pause,
        split=args.split,
        sample_steps=args.sample_steps,
        deadline_seconds=args.deadline,
        n_tokens=args.tokens,
    )
    write(args.output, asyncio.run(_speak(args, text, options)))
    return 0


async def _speak(args: argparse.Namespace, text: str, options: SpeechOptions) -> Spoken:
    from comps.gptsovits.engine import Engine, SpeechRequest

    with Engine(load(args), config=engine_config(args)) as engine:
        voice = await voice_of(args, engine)
        await engine.ready()
        return await collected(engine.submit(SpeechRequest(text, voice, options)), quiet=args.quiet)
