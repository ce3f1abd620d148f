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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.proof.house import VOICES, Server, open_house, wait_for
from tests.proof.processes import MIB, Holdings

SHORT = ("Hello there.", "Not now.", "It is late.", "One two three.")
LONG = (
    "It was a long day, and there was much to do. Nobody knew why. In the evening the rain began again. " * 2,
    "First the doors were opened. Then the people came in. They sat down, and it was quiet. " * 2,
)
N_ROUNDS = 3
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

    def add(self, other: "Figures") -> None:
        self.seconds += other.seconds
        self.outcomes += other.outcomes
        self.first_audio += other.first_audio
        self.n_bytes += other.n_bytes
        self.quiet_after_seconds = max(self.quiet_after_seconds, other.quiet_after_seconds)
        self.losses += other.losses


@dataclass(frozen=True)
class Twin:
    """A request, and the digest and length of its audio when it is made alone."""

    wish: dict[str, Any]
    digest: str
    n_bytes: int


def twins_of(gateway: str, *, n_seeds: int) -> list[Twin]:
    """They all sound different, or nothing would be proven."""
    wishes = [
        {"text": text, "voice": voice, "seed": seed}
        for text in (*SHORT, *LONG)
        for voice in VOICES
        for seed in range(n_seeds)
    ]
    twins = []
    with httpx.Client(base_url=gateway, timeout=REPLY_SECONDS) as client:
        for wish in wishes:
            reply = client.post("/tts", json=wish)
            assert reply.status_code == 200, reply.text
            twins.append(Twin(wish, hashlib.sha256(reply.content).hexdigest(), len(reply.content)))
    assert len({twin.digest for twin in twins}) == len(twins), "two requests sound the same"
    return twins


async def run(gateway: str, twins: list[Twin], *, n_clients: int, seconds: float, salt: int = 0) -> Figures:
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
    twins: list[Twin],
    figures: Figures,
    rng: random.Random,
    *,
    until: float,
) -> None:
    while time.monotonic() < until:
        twin = rng.choice(twins)
        try:
            if rng.random() < AS_JOBS_SHARE:
                await _as_job(client, twin, figures)
            else:
                await _listen(client, twin, figures, rng)
        except httpx.HTTPError as error:
            figures.outcomes[type(error).__name__] += 1
            figures.losses.append(f"{type(error).__name__}: {error}")


async def _listen(client: httpx.AsyncClient, twin: Twin, figures: Figures, rng: random.Random) -> None:
    stop_at = rng.randrange(twin.n_bytes) if rng.random() < HANG_UP_SHARE else None
    began = time.monotonic()
    async with client.stream("POST", "/tts", json=twin.wish) as reply:
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
    if digest.hexdigest() != twin.digest:
        figures.losses.append(f"crossed: {twin.wish} gave {n_bytes} other bytes than alone")


async def _as_job(client: httpx.AsyncClient, twin: Twin, figures: Figures) -> None:
    reply = await client.post("/tts", json={**twin.wish, "async": True})
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
    if growth > MAX_GROWTH:
        losses.append(f"{name}: memory grew by {growth:.1%}")
    if after.descriptors > before.descriptors + SPARE_DESCRIPTORS:
        losses.append(f"{name}: {after.descriptors - before.descriptors} descriptors are left open")


def _settled(servers: dict[str, Server]) -> dict[str, Holdings]:
    """What each holds once idle connections are closed; the pool of clients closes its own when next used."""
    time.sleep(6)
    for _ in range(3):
        for server in servers.values():
            httpx.get(f"{server.url}/health", timeout=30)
    time.sleep(6)
    return {name: server.holdings() for name, server in servers.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=300.0, help="in three rounds, with silence between")
    options = parser.parse_args()
    figures = Figures(options.clients)
    with tempfile.TemporaryDirectory() as folder, open_house(Path(folder)) as house:
        gateway, inference = house.gateway.url, house.inference.url
        servers = {"gateway": house.gateway, "inference": house.inference}
        twins = twins_of(gateway, n_seeds=4)
        held = []
        for number in range(N_ROUNDS):
            seconds = options.seconds / N_ROUNDS
            one = asyncio.run(run(gateway, twins, n_clients=options.clients, seconds=seconds, salt=number))
            account(gateway, inference, house.output, one)
            figures.add(one)
            held.append(_settled(servers))
        # The first round makes pools, allocators and the batch as large as they stay.
        for name in servers:
            print(f"{name}: {' → '.join(str(each[name]) for each in held)}")
            compare(name, held[0][name], held[-1][name], figures.losses)
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
