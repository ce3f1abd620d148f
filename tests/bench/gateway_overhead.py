"""What the gateway costs: until the first byte, and under two hundred streams at once.

    python -m tests.bench.gateway_overhead [--requests 300] [--streams 200] [--seconds 10]

Three processes: an inference service that answers at once, the gateway in front of it, and this one. The same
text is asked for directly and through the gateway, in turn, over connections that stay open; what is reported
is the difference of the medians. Then every stream's bytes are compared with those that the service sent.
The last line is JSON.
"""

import argparse
import asyncio
import hashlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import soundfile

from comps.cores.proto import frames
from tests.bench.instant_inference import audio_of

ROOT = Path(__file__).resolve().parents[2]
WARM_UP = 20
READY_SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="of audio in each stream")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, services(Path(folder)) as (direct_url, gateway_url):
        direct, through = first_bytes(direct_url, gateway_url, options.requests)
        stats = asyncio.run(many(gateway_url, options.streams, options.seconds))
    result = {
        "direct_ms": percentiles(direct),
        "gateway_ms": percentiles(through),
        "added_ms_p50": round(1e3 * (statistics.median(through) - statistics.median(direct)), 2),
        **stats,
    }
    print(f"{'first byte':24}{'p50':>8}{'p90':>8}{'p99':>8}  ms")
    for name in ("direct_ms", "gateway_ms"):
        values = result[name]
        print(f"{name.removesuffix('_ms'):24}{values['p50']:8.2f}{values['p90']:8.2f}{values['p99']:8.2f}")
    print(f"{'the gateway adds':24}{result['added_ms_p50']:8.2f}")
    print(
        f"{stats['streams']} streams at once: {stats['intact']} intact, {stats['megabytes']:.0f} MB"
        f" in {stats['wall_seconds']:.1f} s, last first byte after {stats['slowest_first_byte_s']:.2f} s"
    )
    print(json.dumps(result))


@contextmanager
def services(folder: Path) -> Iterator[tuple[str, str]]:
    """The addresses of the instant service and of the gateway."""
    audio = folder / "audio"
    audio.mkdir()
    clip = 0.3 * np.sin(2 * np.pi * 140 * np.arange(5 * 16_000) / 16_000)
    soundfile.write(audio / "clip.wav", clip.astype(np.float32), 16_000)
    ports = [free_port(), free_port()]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    environment = {
        **os.environ,
        "AUDIO_PATH": str(audio),
        "OUTPUT_PATH": str(folder / "output"),
        "GPT_SOVITS_URL": urls[0],
        "TTS_LOG_LEVEL": "ERROR",
    }
    commands = (
        [sys.executable, "-m", "tests.bench.instant_inference", str(ports[0])],
        [sys.executable, "-m", "services.tts.main", "--port", str(ports[1])],
    )
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment) for command in commands]
    try:
        deadline = time.monotonic() + READY_SECONDS
        for url in urls:
            while not answers(url):
                assert time.monotonic() < deadline, f"{url} did not start"
                time.sleep(0.05)
        yield urls[0], urls[1]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def first_bytes(direct_url: str, gateway_url: str, n: int) -> tuple[list[float], list[float]]:
    """Seconds until the first byte of audio, directly and through the gateway, measured in turn."""
    text = "1 second of audio."
    ways = (
        (connection(direct_url), {"text": text, "speaker_id": "nobody"}, {"Accept": frames.MEDIA_TYPE}),
        (connection(gateway_url), {"text": text, "voice": "clip"}, {}),
    )
    measured: tuple[list[float], list[float]] = ([], [])
    for turn in range(WARM_UP + n):
        for (way, fields, headers), times in zip(ways, measured, strict=True):
            body = json.dumps(fields)
            began = time.perf_counter()
            way.request("POST", "/tts", body, {"Content-Type": "application/json", **headers})
            reply = way.getresponse()
            assert reply.status == 200, reply.read()
            reply.read(1)
            elapsed = time.perf_counter() - began
            reply.read()
            if turn >= WARM_UP:
                times.append(elapsed)
    return measured


async def many(url: str, n_streams: int, seconds: float) -> dict[str, float]:
    """All streams at once; one is intact if it holds exactly the bytes that were made for its text."""
    texts = [f"{seconds:g} seconds of stream {number}." for number in range(n_streams)]
    wanted = [hashlib.sha256(audio_of(text)).hexdigest() for text in texts]
    limits = httpx.Limits(max_connections=None)
    began = time.perf_counter()
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=300) as client:
        found = await asyncio.gather(*(one(client, text) for text in texts))
    return {
        "streams": n_streams,
        "intact": sum(digest == right for (digest, _, _), right in zip(found, wanted, strict=True)),
        "megabytes": round(sum(n_bytes for _, n_bytes, _ in found) / 1e6, 1),
        "wall_seconds": round(time.perf_counter() - began, 2),
        "slowest_first_byte_s": round(max(first for _, _, first in found), 2),
    }


async def one(client: httpx.AsyncClient, text: str) -> tuple[str, int, float]:
    digest, n_bytes, first = hashlib.sha256(), 0, 0.0
    began = time.perf_counter()
    body = {"text": text, "voice": "clip", "response_format": "pcm"}
    async with client.stream("POST", "/tts", json=body) as reply:
        assert reply.status_code == 200, await reply.aread()
        async for data in reply.aiter_raw():
            first = first or time.perf_counter() - began
            digest.update(data)
            n_bytes += len(data)
    return digest.hexdigest(), n_bytes, first


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{q}": round(1e3 * float(np.percentile(values, q)), 2) for q in (50, 90, 99)}


def connection(url: str) -> http.client.HTTPConnection:
    place = urlsplit(url)
    found = http.client.HTTPConnection(str(place.hostname), place.port)
    found.connect()
    found.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
