"""Who reads slowly does not hold the engine: it makes their audio, frees its rows, and serves the others.

    python -m tests.proof.slow_reader [--readers 20]

Readers ask for long texts and then take a trickle. While all of them still wait for most of their audio, the
engine must be idle again, and others must be served as if nobody else were there. In the end the slow ones
take the rest, and must have got what a quick reader gets.
"""

import argparse
import hashlib
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.proof.house import VOICES, open_house, wait_for

SENTENCE = "It was a long day, and there was much to do before the night. "
SHORT_TEXT = "Somebody else is here."
TRICKLE_BYTES = 4_096
RECEIVE_BUFFER = 8_192  # as small as the kernel allows: what is not read stays with the server
IDLE_SECONDS = 120.0
QUICK_TRIES = 3
# A quick client may wait this many times as long as alone, and this much longer for a busy machine.
SLOWER, GRACE_SECONDS = 3.0, 0.5


@dataclass
class Figures:
    n_readers: int = 0
    alone_seconds: float = 0.0
    among_slow_seconds: float = 0.0
    idle_after_seconds: float = 0.0
    taken_by_then: float = 0.0  # the largest share of its audio that a slow reader had read
    losses: list[str] = field(default_factory=list)


class SlowReader:
    """A request whose reply is read when we say so, over a socket that buffers next to nothing."""

    def __init__(self, url: str, wish: dict[str, Any]) -> None:
        where = urlsplit(url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.settimeout(60)
        self._socket.connect((where.hostname, where.port))
        request = httpx.Request("POST", f"{url}/tts", json=wish)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        self._socket.sendall(f"POST /tts HTTP/1.1\r\n{head}\r\n".encode() + request.content)
        self._raw = bytearray()

    @property
    def n_bytes(self) -> int:
        return len(self._raw)

    def trickle(self) -> None:
        self._raw += self._socket.recv(TRICKLE_BYTES)

    def rest(self) -> bytes:
        """The reply's whole body."""
        while not self._raw.endswith(b"\r\n0\r\n\r\n"):
            data = self._socket.recv(65_536)
            if not data:
                break
            self._raw += data
        self._socket.close()
        _, _, body = bytes(self._raw).partition(b"\r\n\r\n")
        return _dechunked(body)


def _dechunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        parts.append(body[:length])
        body = body[length + 2 :]
        if not length:
            break
    return b"".join(parts)


def run(gateway: str, inference: str, *, n_readers: int, n_sentences: int = 12) -> Figures:
    figures = Figures(n_readers)
    voices = list(VOICES)
    with httpx.Client(base_url=gateway, timeout=60) as client:
        wishes = [
            {"text": SENTENCE * n_sentences, "voice": voices[n % len(voices)], "seed": n % 4}
            for n in range(n_readers)
        ]
        twins = {_key(wish): wish for wish in wishes}
        expected_of = {key: _digest(client.post("/tts", json=wish).content) for key, wish in twins.items()}
        whole = len(client.post("/tts", json=wishes[0]).content)
        quick = {"text": SHORT_TEXT, "voice": "high", "seed": 1}
        expected = client.post("/tts", json=quick).content
        figures.alone_seconds = _timed(client, quick, expected, figures)

        began = time.monotonic()
        readers = [SlowReader(gateway, wish) for wish in wishes]
        for reader in readers:
            reader.trickle()
        wait_for(
            lambda: _is_idle(inference), seconds=IDLE_SECONDS, what="the engine is done with slow readers"
        )
        figures.idle_after_seconds = time.monotonic() - began
        figures.among_slow_seconds = _timed(client, quick, expected, figures)
        for reader in readers:
            reader.trickle()
        figures.taken_by_then = max(reader.n_bytes for reader in readers) / whole
        for wish, reader in zip(wishes, readers, strict=True):
            if _digest(reader.rest()) != expected_of[_key(wish)]:
                figures.losses.append("a slow reader got other audio than a quick one")
    if figures.among_slow_seconds > SLOWER * figures.alone_seconds + GRACE_SECONDS:
        figures.losses.append("others had to wait for slow readers")
    if figures.taken_by_then > 0.5:
        figures.losses.append("the slow readers were not slow: nothing is proven")
    return figures


def _timed(client: httpx.Client, wish: dict[str, Any], expected: bytes, figures: Figures) -> float:
    """The median seconds of several tries."""
    seconds = []
    for _ in range(QUICK_TRIES):
        began = time.monotonic()
        if client.post("/tts", json=wish).content != expected:
            figures.losses.append("a quick reader got other audio than alone")
        seconds.append(time.monotonic() - began)
    return statistics.median(seconds)


def _is_idle(inference: str) -> bool:
    queue = httpx.get(f"{inference}/health", timeout=10).json()["queue"]
    return bool(queue["running"] == 0 and queue["waiting"] == 0)


def _key(wish: dict[str, Any]) -> tuple[str, int]:
    return str(wish["voice"]), int(wish["seed"])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--readers", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_house(Path(folder)) as house:
        figures = run(house.gateway.url, house.inference.url, n_readers=options.readers)
    print(
        f"{figures.n_readers} slow readers: the engine was idle after {figures.idle_after_seconds:.1f} s, "
        f"when they had read at most {figures.taken_by_then:.1%} of their audio"
    )
    print(
        f"another client's request: {figures.alone_seconds * 1000:.0f} ms alone, "
        f"{figures.among_slow_seconds * 1000:.0f} ms among them"
    )
    for loss in figures.losses:
        print(f"LOST: {loss}", file=sys.stderr)
    return 1 if figures.losses else 0


if __name__ == "__main__":
    sys.exit(main())
