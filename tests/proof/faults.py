"""Faults: killed and frozen services, a full disk, damaged files, a clock that jumps.

    python -m tests.proof.faults [NAME …]

Every accepted job must be accounted for: done with the very audio it would have had, or failed with a
reason. Recovery takes nobody's help: a supervisor starts what died, and that is all. Each line tells how long
it took.
The full disk is a small tmpfs (root mounts it); the clock is libfaketime's (Debian: `libfaketime`).
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.proof.house import House, Server, wait_for

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
LONG_TEXT = "It was a long day, and there was much to do. Nobody knew why it rained again. " * 6
SHORT_TEXT = "Everything is as it was."
FINAL = ("succeeded", "failed", "cancelled")
ANSWER_SECONDS = 6.0  # within which health must say how it is, whatever hangs behind it
DISK_BYTES = 2_500_000


@dataclass
class Scene:
    """The gateway, what it writes to, and the inference service if that is a process too."""

    gateway: Server
    output: Path
    inference: Server | None = None
    jobs_seconds: float = 300.0  # within which accepted jobs must have ended

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.gateway.url, timeout=60)

    def speak(self, text: str = SHORT_TEXT) -> str:
        """The digest of the audio."""
        with self.client() as client:
            reply = client.post("/tts", json=_wish(text))
        assert reply.status_code == 200, reply.text
        return hashlib.sha256(reply.content).hexdigest()

    def accept(self, n_jobs: int, text: str = LONG_TEXT) -> list[str]:
        with self.client() as client:
            replies = [client.post("/tts", json={**_wish(text), "async": True}) for _ in range(n_jobs)]
        assert all(reply.status_code == 202 for reply in replies), replies[-1].text
        return [reply.json()["job_id"] for reply in replies]

    def ended(self, jobs: list[str]) -> Counter[str]:
        """How the jobs ended, once all have; one that nobody knows any more is lost."""
        with self.client() as client:

            def states() -> list[str]:
                replies = [client.get(f"/status/{job_id}") for job_id in jobs]
                assert not any(reply.status_code == 404 for reply in replies), "an accepted job is lost"
                return [reply.json()["state"] for reply in replies if reply.status_code == 200]

            wait_for(
                lambda: len(now := states()) == len(jobs) and all(state in FINAL for state in now),
                seconds=self.jobs_seconds,
                what="every accepted job has ended",
            )
            return Counter(states())

    def all_succeed(self, jobs: list[str]) -> None:
        ends = self.ended(jobs)
        with self.client() as client:
            problems = [client.get(f"/status/{job_id}").json().get("problem") for job_id in jobs]
            assert ends == Counter(succeeded=len(jobs)), (
                f"{dict(ends)}: {[each for each in problems if each]}"
            )
            replies = [client.get(f"/status/{job_id}/audio") for job_id in jobs]
        heard = {(reply.status_code, hashlib.sha256(reply.content).hexdigest()[:8]) for reply in replies}
        assert len(heard) == 1, f"the same wish gave different audio after the fault: {heard}"
        assert replies[0].content[:4] == b"RIFF", replies[0].text[:200]


def _wish(text: str) -> dict[str, Any]:
    return {"text": text, "voice": "high", "seed": 3}


def gateway_killed(scene: Scene) -> str:
    jobs = scene.accept(6)
    with scene.client() as client, client.stream("POST", "/tts", json=_wish(LONG_TEXT)) as reply:
        heard = reply.headers["X-Job-Id"]
        next(reply.iter_raw())
        scene.gateway.kill()
    began = time.monotonic()
    scene.gateway.start()
    healthy = scene.gateway.until_healthy()
    scene.all_succeed(jobs)
    assert scene.ended([heard]) == Counter(failed=1), "a reply that broke off is told as one that worked"
    with scene.client() as client:
        problem = client.get(f"/status/{heard}").json()["problem"]
    _until_tidy(scene)
    return (
        f"healthy {healthy:.1f} s after the restart; {len(jobs)} jobs done {time.monotonic() - began:.1f} s "
        f"after it; the broken reply failed with {problem['code']}"
    )


def inference_killed(scene: Scene) -> str:
    inference = _inference(scene)
    jobs = scene.accept(6)
    inference.kill()
    told = _health_within(scene, 503)
    began = time.monotonic()
    with scene.client() as client:
        refused = client.post("/tts", json=_wish(SHORT_TEXT))
    assert refused.status_code in (502, 503), refused.text
    answered = time.monotonic() - began
    inference.start()
    back = inference.until_healthy()
    scene.all_succeed(jobs)
    return (
        f"told by /health in {told:.2f} s, a request refused ({refused.json()['code']}) in {answered:.2f} s; "
        f"back {back:.1f} s after its restart, {len(jobs)} jobs done {time.monotonic() - began:.1f} s after"
    )


def inference_frozen(scene: Scene) -> str:
    inference = _inference(scene)
    expected = scene.speak()
    inference.send(signal.SIGSTOP)
    try:
        told = _health_within(scene, 503)
        began = time.monotonic()
        with scene.client() as client:
            refused = client.post("/tts", json=_wish(SHORT_TEXT))
        assert refused.status_code in (503, 504), refused.text
        answered = time.monotonic() - began
        jobs = scene.accept(3, SHORT_TEXT)
        time.sleep(2)
    finally:
        inference.send(signal.SIGCONT)
    began = time.monotonic()
    assert scene.speak() == expected
    spoke = time.monotonic() - began
    scene.all_succeed(jobs)
    return (
        f"told by /health in {told:.2f} s, a request refused ({refused.json()['code']}) in {answered:.1f} s; "
        f"after the thaw it spoke in {spoke:.2f} s, {len(jobs)} jobs of the frozen time were done"
    )


def disk_full(scene: Scene) -> str:
    expected = scene.speak()
    filler = scene.output / "filler"
    _fill(filler)
    outcomes: Counter[str] = Counter()
    accepted = []
    with scene.client() as client:
        for n in range(8):
            as_job = n % 2 == 1
            reply = client.post("/tts", json={**_wish(SHORT_TEXT), "async": as_job})
            if reply.status_code == 202:
                accepted.append(reply.json()["job_id"])
                outcomes["accepted as a job"] += 1
            elif reply.status_code == 200:
                assert hashlib.sha256(reply.content).hexdigest() == expected, "a full disk changed the audio"
                outcomes["spoken all the same"] += 1
            else:
                assert reply.status_code == 503, reply.text
                outcomes[f"refused: {reply.json()['code']}"] += 1
            _fill(filler)
    _health_within(scene, 200)
    filler.unlink()
    began = time.monotonic()
    wait_for(lambda: scene.speak() == expected, seconds=30, what="it speaks again")
    scene.all_succeed(scene.accept(2, SHORT_TEXT))
    seconds = time.monotonic() - began
    ends = scene.ended(accepted) if accepted else Counter()
    return f"{dict(outcomes)}; accepted jobs ended {dict(ends)}; working {seconds:.1f} s after there was room"


def cache_damaged(scene: Scene) -> str:
    expected = scene.speak()
    profiles = list((scene.output / ".state" / "profiles").glob("*.profile"))
    assert profiles
    for path in profiles:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    if scene.inference is not None:  # it forgets the speaker, and must be given the profile again
        scene.inference.kill()
        scene.inference.start()
        scene.inference.until_healthy()
    assert scene.speak() == expected
    scene.gateway.kill()
    for path in profiles:
        path.write_bytes(b"nothing that anybody wrote")
    scene.gateway.start()
    healthy = scene.gateway.until_healthy()
    assert scene.speak() == expected
    return f"{len(profiles)} damaged profiles were made anew, the audio is the same; restart {healthy:.1f} s"


def database_damaged(scene: Scene) -> str:
    expected = scene.speak()
    database = scene.output / ".state" / "jobs.db"
    seconds = []
    for offset in (0, 4_096):
        scene.gateway.kill()
        for leftover in ("-wal", "-shm"):
            database.with_name(database.name + leftover).unlink(missing_ok=True)
        with database.open("r+b") as file:
            file.seek(offset)
            file.write(os.urandom(3 * 4_096))
        scene.gateway.start()
        seconds.append(scene.gateway.until_healthy())
        assert scene.speak() == expected
        scene.all_succeed(scene.accept(2, SHORT_TEXT))
    aside = list(database.parent.glob("*damaged*"))
    assert aside, "the damaged database was thrown away"
    return f"healthy {max(seconds):.1f} s after the restart, both times; the damaged files were put aside"


def clock_jumps(scene: Scene) -> str:
    """The gateway must run with the settings of `odd_clock`."""
    offset = Path(scene.gateway.settings["FAKETIME_TIMESTAMP_FILE"])
    jobs: list[str] = []
    whole: set[str] = set()
    for jump in ("+0", "+3h", "-20h", "+1h", "+0"):  # within the time that jobs are kept
        offset.write_text(jump)
        jobs += scene.accept(2)
        with scene.client() as client, client.stream("POST", "/tts", json=_wish(LONG_TEXT)) as reply:
            assert reply.status_code == 200
            pieces = reply.iter_raw()
            heard = [next(pieces)]
            offset.write_text("-1h")  # in the middle of a reply
            heard += pieces
            whole.add(hashlib.sha256(b"".join(heard)).hexdigest())
    began = time.monotonic()
    scene.all_succeed(jobs)
    return (
        f"jumps of up to 23 hours, both ways: {len(jobs)} jobs done, {time.monotonic() - began:.1f} s later"
    )


ALONE = {each.__name__: each for each in (gateway_killed, cache_damaged, database_damaged)}
TOGETHER = {each.__name__: each for each in (inference_killed, inference_frozen)}


def odd_clock(folder: Path) -> dict[str, str]:
    """Settings under which a process believes the time that the file `clock` in `folder` says."""
    (folder / "clock").write_text("+0")
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """`folder` with room for a few seconds of audio. Only root may."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    subprocess.run(words, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file:
        for size in (65_536, 4_096, 256, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


def _inference(scene: Scene) -> Server:
    assert scene.inference is not None
    return scene.inference


def _health_within(scene: Scene, status: int) -> float:
    began = time.monotonic()
    reply = httpx.get(f"{scene.gateway.url}/health", timeout=ANSWER_SECONDS)
    assert reply.status_code == status, reply.text
    return time.monotonic() - began


def _until_tidy(scene: Scene) -> None:
    wait_for(lambda: not list(scene.output.glob(".*.part")), seconds=30, what="half files are removed")


def run(name: str, scenario: Callable[[Scene], str], folder: Path, settings: Mapping[str, str]) -> bool:
    """Whether nothing was lost; a line of what happened."""
    with ExitStack() as stack:
        if scenario is disk_full:
            stack.enter_context(small_disk(folder / "output"))
        house = House(folder, inference={}, gateway=settings)
        try:
            house.start()
            scene = Scene(house.gateway, house.output, house.inference)
            print(f"{name}: {scenario(scene)}")
        except (AssertionError, httpx.HTTPError) as error:
            print(f"LOST: {name}: {error}", file=sys.stderr)
            for server in (house.gateway, house.inference):
                lines = server.log.read_text().splitlines()[-8:] if server.log.exists() else []
                print("\n".join(lines), file=sys.stderr)
            return False
        finally:
            house.stop()
    return True


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not without stopping what was started
    scenarios: dict[str, Callable[[Scene], str]] = {**ALONE, **TOGETHER}
    scenarios |= {"disk_full": disk_full, "clock_jumps": clock_jumps}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *scenarios], help="all, if none is named")
    options = parser.parse_args()
    is_well = True
    for name in options.names or scenarios:
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            settings = odd_clock(folder) if name == "clock_jumps" else {}
            is_well &= run(name, scenarios[name], folder, settings)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
