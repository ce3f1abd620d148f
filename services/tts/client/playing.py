"""Hearing a WAV stream while it arrives, through whichever player the machine has."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

# Each reads a WAV of unknown length from its standard input.
PLAYERS = (
    ("pw-cat", "--playback", "-"),
    ("aplay", "-q", "-"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet", "-"),
    ("mpv", "--no-terminal", "-"),
    ("play", "-q", "-t", "wav", "-"),
)


def find_player() -> tuple[str, ...] | None:
    return next((player for player in PLAYERS if shutil.which(player[0])), None)


@contextmanager
def playing(player: tuple[str, ...]) -> Iterator[IO[bytes]]:
    """Where to write the audio; leaving waits until it has been heard, or stops it after an error."""
    process = subprocess.Popen(
        player, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    try:
        yield process.stdin
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
    finally:
        process.kill()
        process.wait()
