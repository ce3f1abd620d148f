"""What `speak` and `transfer` share: whose voice, the progress bar, the file. Not a command itself."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from comps.cores.errors import FileMissing, InvalidOption
from comps.gptsovits.commands.shared import demo_clip, read_clip

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import numpy as np

    from comps.cores.audio.formats import AudioFormat
    from comps.gptsovits.engine import Engine, Handle
    from comps.gptsovits.voice import Voice


@dataclass(frozen=True)
class Spoken:
    """The samples `[N]`, the finished handle, and the seconds that speaking took."""

    samples: np.ndarray
    handle: Handle
    seconds: float


def add_voice_options(parser: argparse.ArgumentParser) -> None:
    voice = parser.add_argument_group("voice")
    voice.add_argument("--reference", type=Path, help="a clip of the speaker (default: the first demo clip)")
    voice.add_argument("--reference-text", help="what is said in the clip: better prosody")
    voice.add_argument("--reference-language", default="auto")
    voice.add_argument("--aux", type=Path, nargs="*", default=[], help="more clips of the same speaker")
    voice.add_argument("--voice", type=Path, help="a file made by `gptsovits process`, instead of a clip")


def add_speech_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Those that all speech has; the group, for more."""
    speech = parser.add_argument_group("speech")
    speech.add_argument("--language", default="auto", help="auto en zh ja ko yue (default: auto)")
    speech.add_argument("--speed", type=float, default=1.0, help="0.25 to 4")
    speech.add_argument("--seed", type=int, help="the same seed gives the same samples")
    speech.add_argument("--sample-steps", type=int, default=32, help="of flow matching (v3, v4)")
    speech.add_argument("--deadline", type=float, default=3_600.0, help="seconds, then give up")
    return speech


def format_of(path: Path) -> AudioFormat:
    """The format that a file's name asks for. Raises `InvalidOption`."""
    from comps.cores.audio.formats import AudioFormat

    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in set(AudioFormat):
        raise InvalidOption(f"{path} should end in one of .{', .'.join(AudioFormat)}")
    return AudioFormat(suffix)


async def voice_of(args: argparse.Namespace, engine: Engine) -> Voice:
    """The voice that the options name; warnings about its clip go to standard error."""
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


async def collected(submitted: Awaitable[Handle], *, quiet: bool) -> Spoken:
    """All audio of a request that is being submitted, with a progress bar on a terminal."""
    import numpy as np
    from tqdm import tqdm

    began = time.monotonic()
    handle = await submitted
    parts: list[np.ndarray] = []
    with tqdm(
        total=round(handle.expected_seconds, 1),
        unit="s",
        desc="speaking",
        bar_format="{desc} {percentage:3.0f}%|{bar}| {n:.1f} of about {total:.1f} s [{elapsed}]",
        disable=True if quiet else None,  # None: shown on a terminal alone
    ) as bar:
        async for chunk in handle:
            parts.append(chunk.samples)
            bar.update(len(chunk.samples) / handle.sample_rate)
        bar.total = bar.n
    return Spoken(np.concatenate(parts), handle, time.monotonic() - began)


def write(path: Path, spoken: Spoken) -> None:
    """Writes the file, and says what was warned of and how long it took."""
    from comps.cores.audio.encoding import encode_whole

    handle, samples = spoken.handle, spoken.samples
    for warning in handle.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_whole(samples, handle.sample_rate, format_of(path)))
    except OSError as error:
        raise InvalidOption(f"{path} cannot be written: {error.strerror}") from error
    length = len(samples) / handle.sample_rate
    print(
        f"{path}: {length:.2f} s of audio in {spoken.seconds:.2f} s"
        f" (real-time factor {spoken.seconds / length:.2f}), seed {handle.seed}"
    )
