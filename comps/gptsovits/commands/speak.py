"""`gptsovits speak`: a text in a clip's voice, to a file."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from comps.cores.errors import FileMissing, InvalidOption
from comps.gptsovits.commands.shared import add_model_options, demo_clip, load, read_clip

if TYPE_CHECKING:
    import numpy as np

    from comps.gptsovits.engine import Engine, Handle, SpeechOptions
    from comps.gptsovits.voice import Voice


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("speak", help="speak a text in the voice of a clip")
    parser.add_argument("text", help="what to say; - reads it from standard input")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .wav .flac .mp3 .opus … file")
    voice = parser.add_argument_group("voice")
    voice.add_argument("--reference", type=Path, help="a clip of the speaker (default: the first demo clip)")
    voice.add_argument("--reference-text", help="what is said in the clip: better prosody")
    voice.add_argument("--reference-language", default="auto")
    voice.add_argument("--aux", type=Path, nargs="*", default=[], help="more clips of the same speaker")
    voice.add_argument("--voice", type=Path, help="a file made by `gptsovits process`, instead of a clip")
    speech = parser.add_argument_group("speech")
    speech.add_argument("--language", default="auto", help="auto en zh ja ko yue (default: auto)")
    speech.add_argument("--speed", type=float, default=1.0, help="0.25 to 4")
    speech.add_argument("--seed", type=int, help="the same seed gives the same samples")
    speech.add_argument("--top-k", type=int, default=15)
    speech.add_argument("--top-p", type=float, default=1.0)
    speech.add_argument("--temperature", type=float, default=1.0)
    speech.add_argument("--repetition-penalty", type=float, default=1.35)
    speech.add_argument("--pause", type=float, default=0.3, help="seconds between segments")
    speech.add_argument("--split", default="punctuation", help="punctuation, or cut0 to cut5")
    speech.add_argument("--sample-steps", type=int, default=32, help="of flow matching (v3, v4)")
    speech.add_argument("--tokens", type=int, help="exactly so many tokens a segment, for measurements")
    speech.add_argument("--deadline", type=float, default=3_600.0, help="seconds, then give up")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    from comps.cores.audio.encoding import encode_whole
    from comps.cores.audio.formats import AudioFormat
    from comps.gptsovits.engine import SpeechOptions

    text = sys.stdin.read() if args.text == "-" else args.text
    suffix = args.output.suffix.removeprefix(".").lower()
    if suffix not in set(AudioFormat):
        raise InvalidOption(f"{args.output} should end in one of .{', .'.join(AudioFormat)}")
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
    spoken, handle, seconds = asyncio.run(_speak(args, text, options))
    for warning in handle.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    try:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_bytes(encode_whole(spoken, handle.sample_rate, AudioFormat(suffix)))
    except OSError as error:
        raise InvalidOption(f"{args.output} cannot be written: {error.strerror}") from error
    length = len(spoken) / handle.sample_rate
    print(
        f"{args.output}: {length:.2f} s of audio in {seconds:.2f} s"
        f" (real-time factor {seconds / length:.2f}), seed {handle.seed}"
    )
    return 0


async def _speak(
    args: argparse.Namespace, text: str, options: SpeechOptions
) -> tuple[np.ndarray, Handle, float]:
    """The samples, the finished handle, and the seconds that speaking took, without the voice's making."""
    import numpy as np
    from tqdm import tqdm

    from comps.gptsovits.engine import Engine, SpeechRequest

    with Engine(load(args)) as engine:
        voice = await _voice(args, engine)
        await engine.ready()
        began = time.monotonic()
        handle = await engine.submit(SpeechRequest(text, voice, options))
        parts: list[np.ndarray] = []
        with tqdm(
            total=round(handle.expected_seconds, 1),
            unit="s",
            desc="speaking",
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n:.1f} of about {total:.1f} s [{elapsed}]",
            disable=True if args.quiet else None,  # None: shown on a terminal alone
        ) as bar:
            async for chunk in handle:
                parts.append(chunk.samples)
                bar.update(len(chunk.samples) / handle.sample_rate)
            bar.total = bar.n
        return np.concatenate(parts), handle, time.monotonic() - began


async def _voice(args: argparse.Namespace, engine: Engine) -> Voice:
    from comps.gptsovits.voice import Voice

    if args.voice is not None:
        if args.reference is not None:
            raise InvalidOption("give --voice or --reference, not both")
        try:
            return Voice.from_bytes(args.voice.read_bytes())
        except OSError as error:
            raise FileMissing(f"{args.voice} cannot be read: {error.strerror}") from error
    clip, text = args.reference, args.reference_text
    if clip is None:
        clip, beside = demo_clip()
        text = text or beside
    aux = [read_clip(path) for path in args.aux]
    result = await engine.profile(read_clip(clip), text=text, language=args.reference_language, aux=aux)
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return result.voice
