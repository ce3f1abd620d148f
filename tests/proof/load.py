"""Many clients at once, half of whose requests are hung up on midway: nothing crossed, nothing leaked.

    python -m tests.proof.load [--clients 200] [--seconds 300]

Each whole reply is compared by digest with its twin: the same request, made alone. When all are gone, no job,
no row of the batch, no file, no descriptor and no more than 5 % of memory may be left over from them.
"""

import argparse
import asyncio
import hashlib
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.proof.house import VOICES, open_house, wait_for
from tests.proof.processes import MIB, Holdings

SHORT = ("Hello there.", "Not now.", "It is late.", "One two three.")
LONG = (
    "It was a long day, and there was much to do. Nobody knew why. In the evening the rain began again. " * 2,
    "First the doors were opened. Then the people came in. They sat down, and it was quiet. " * 2,
)
SEEDS = (1, 2)
HANG_UP_SHARE = 0.5
AS_JOBS_SHARE = 0.05
MAX_GROWTH = 0.05
SPARE_DESCRIPTORS = 4  # a connection of the health check, a log that is rotated
QUIET_SECONDS = 180.0
REPLY_SECONDS = 280.0


@dataclass
class Figures:
    n_clients: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    first_audio: list[float] = field(default_factory=list)
    n_bytes: int = 0
    jobs: list[str] = field(default_factory=list)
    quiet_after_seconds: float = 0.0
    losses: list[str] = field(default_factory=list)


Wish = dict[str, Any]


def wishes() -> list[Wish]:
    return [
        {"text": text, "voice": voice, "seed": seed}
        for text in (*SHORT, *LONG)
        for voice in VOICES
        for seed in SEEDS
    ]


def digests(gateway: str) -> dict[str, tuple[str, int]]:
    """Digest and length of every wish's audio, each made alone. They all differ, or nothing is proven."""
    found = {}
    with httpx.Client(base_url=gateway, timeout=REPLY_SECONDS) as client:
        for wish in wishes():
            reply = client.post("/tts", json=wish)
            assert reply.status_code == 200, reply.text
            found[_key(wish)] = (hashlib.sha256(reply.content).hexdigest(), len(reply.content))
    assert len({digest for digest, _ in found.values()}) == len(found), "two wishes sound the same"
    return found


async def run(
    gateway: str, twins: dict[str, tuple[str, int]], *, n_clients: int, seconds: float, salt: int = 0
) -> Figures:
    """`n_clients` at once for `seconds`, then until the last one is served."""
    figures = Figures(n_clients)
    began = time.monotonic()
    limits = httpx.Limits(max_connections=n_clients + 8, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=gateway, timeout=REPLY_SECONDS, limits=limits) as client:
        clients = (
            _client(client, twins, figures, random.Random(f"{salt}/{n}"), until=began + seconds)
            for n in range(n_clients)
        )
        await asyncio.gather(*clients)
    figures.seconds = time.monotonic() - began
    return figures


async def _client(
    client: httpx.AsyncClient,
    twins: dict[str, tuple[str, int]],
    figures: Figures,
    rng: random.Random,
    *,
    until: float,
) -> None:
    choice = wishes()
    while time.monotonic() < until:
        wish = rng.choice(choice)
        try:
            if rng.random() < AS_JOBS_SHARE:
                await _as_job(client, wish, figures)
            else:
                await _listen(client, wish, twins[_key(wish)], figures, rng)
        except httpx.HTTPError as error:
            figures.outcomes[type(error).__name__] += 1
            figures.losses.append(f"{type(error).__name__}: {error}")


async def _listen(
    client: httpx.AsyncClient, wish: Wish, twin: tuple[str, int], figures: Figures, rng: random.Random
) -> None:
    expected, length = twin
    stop_at = rng.randrange(length) if rng.random() < HANG_UP_SHARE else None
    began = time.monotonic()
    async with client.stream("POST", "/tts", json=wish) as reply:
        if reply.status_code == 503:
            figures.outcomes["busy"] += 1
            await asyncio.sleep(rng.uniform(0.5, 1.5) * float(reply.headers["Retry-After"]))
            return
        if reply.status_code != 200:
            figures.outcomes[str(reply.status_code)] += 1
            figures.losses.append(f"{reply.status_code}: {(await reply.aread())[:300]!r}")
            return
        digest, n_bytes = hashlib.sha256(), 0
        async for piece in reply.aiter_bytes():
            if not n_bytes:
                figures.first_audio.append(time.monotonic() - began)
            digest.update(piece)
            n_bytes += len(piece)
            if stop_at is not None and n_bytes > stop_at:
                figures.outcomes["hung up"] += 1
                return
    figures.n_bytes += n_bytes
    figures.outcomes["whole"] += 1
    if digest.hexdigest() != expected:
        figures.losses.append(f"crossed: {_key(wish)} gave {n_bytes} other bytes than alone")


async def _as_job(client: httpx.AsyncClient, wish: Wish, figures: Figures) -> None:
    reply = await client.post("/tts", json={**wish, "async": True})
    if reply.status_code == 503:
        figures.outcomes["busy"] += 1
        await asyncio.sleep(float(reply.headers["Retry-After"]))
        return
    assert reply.status_code == 202, reply.text
    figures.outcomes["as a job"] += 1
    figures.jobs.append(reply.json()["job_id"])


def account(gateway: str, inference: str, output: Path, figures: Figures) -> None:
    """Wait until nothing is under way, then look for what is left over, and for jobs that were lost."""
    began = time.monotonic()
    try:
        wait_for(
            lambda: is_quiet(gateway, inference), seconds=QUIET_SECONDS, what="all work is done or dropped"
        )
    except AssertionError as error:
        figures.losses.append(str(error))
    figures.quiet_after_seconds = time.monotonic() - began
    with httpx.Client(base_url=gateway, timeout=30) as client:
        for job_id in figures.jobs:
            reply = client.get(f"/status/{job_id}")
            if reply.status_code != 200 or reply.json()["state"] != "succeeded":
                figures.losses.append(f"job {job_id}: {reply.text[:200]}")
    figures.losses += [f"left over: {path.name}" for path in output.glob(".*.part")]
    figures.losses += [f"left over: {path.name}" for path in (output / ".state/uploads").glob("*")]


def is_quiet(gateway: str, inference: str) -> bool:
    jobs = httpx.get(f"{gateway}/health", timeout=10).json()["jobs"]
    queue = httpx.get(f"{inference}/health", timeout=10).json()["queue"]
    if jobs["queued"] or jobs["running"] or queue["running"] or queue["waiting"]:
        return False
    rows = re.search(r"^gptsovits_rows_busy (\S+)$", httpx.get(f"{inference}/metrics").text, flags=re.M)
    assert rows is not None
    return float(rows[1]) == 0


def compare(name: str, before: Holdings, after: Holdings, losses: list[str]) -> None:
    growth = after.memory / before.memory - 1
    print(f"{name}: {before} → {after} ({growth:+.1%})")
    if growth > MAX_GROWTH:
        losses.append(f"{name}: memory grew by {growth:.1%}")
    if after.descriptors > before.descriptors + SPARE_DESCRIPTORS:
        losses.append(f"{name}: {after.descriptors - before.descriptors} descriptors are left open")


def _key(wish: Wish) -> str:
    return f"{wish['voice']}/{wish['seed']}/{wish['text']}"


def _settle(read: Callable[[], Holdings]) -> Holdings:
    """What is held once idle connections are closed."""
    time.sleep(8)
    return read()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=300.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_house(Path(folder)) as house:
        gateway, inference = house.gateway.url, house.inference.url
        twins = digests(gateway)
        # A round that is not measured, so that pools, allocators and the batch have the size that they keep.
        warm = asyncio.run(
            run(gateway, twins, n_clients=options.clients, seconds=min(60, options.seconds / 5), salt=1)
        )
        account(gateway, inference, house.output, warm)
        before = {server: _settle(server.holdings) for server in (house.gateway, house.inference)}
        figures = asyncio.run(run(gateway, twins, n_clients=options.clients, seconds=options.seconds))
        account(gateway, inference, house.output, figures)
        figures.losses += warm.losses
        for name, server in (("gateway", house.gateway), ("inference", house.inference)):
            compare(name, before[server], _settle(server.holdings), figures.losses)
    first = sorted(figures.first_audio)
    print(f"{figures.n_clients} clients, {figures.seconds:.0f} s: {dict(figures.outcomes.most_common())}")
    print(
        f"{figures.n_bytes / MIB:.0f} MiB of whole replies; first audio after "
        f"{statistics.median(first):.2f} s, 95 % within {first[int(0.95 * len(first))]:.2f} s; "
        f"quiet {figures.quiet_after_seconds:.1f} s after the last"
    )
    for loss, n in Counter(figures.losses).most_common(20):
        print(f"LOST: {n} × {loss}", file=sys.stderr)
    return 1 if figures.losses else 0


if __name__ == "__main__":
    sys.exit(main())
