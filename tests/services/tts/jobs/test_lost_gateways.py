"""Several gateways on one database: killed, frozen, stopped, and asked for jobs that run elsewhere."""

import asyncio
import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import soundfile

from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests import postgres
from tests.proof.house import Server
from tests.services.clips import served
from tests.services.tts.conftest import wait_for
from tests.services.tts.gated import GatedEngine

LEASE_SECONDS = 3.0  # a busy machine may keep a living gateway waiting for a second or two
SEGMENT_SECONDS = 0.5
PATIENCE_SECONDS = 120.0
FINAL = ("succeeded", "failed", "cancelled")


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


@pytest.fixture
def settings(tmp_path: Path, audio: Path, inference: str, database_url: str) -> GatewaySettings:
    return GatewaySettings(
        gptsovits_url=inference,
        audio_path=audio,
        output_path=tmp_path / "output",
        database_url=database_url,
        lease_seconds=LEASE_SECONDS,
        max_jobs_running=4,
        _env_file=None,
    )


@pytest.fixture
def processes(tmp_path: Path, settings: GatewaySettings) -> Iterator[list[Server]]:
    """Two gateways that are not started yet."""
    assert settings.database_url is not None
    environment = {
        "AUDIO_PATH": str(settings.audio_path),
        "OUTPUT_PATH": str(settings.output_path),
        "GPT_SOVITS_URL": settings.gptsovits_url,
        "TTS_DATABASE_URL": settings.database_url.get_secret_value(),
        "TTS_LEASE_SECONDS": str(LEASE_SECONDS),
        "TTS_MAX_JOBS_RUNNING": "4",
    }
    servers = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        servers.append(Server("services.tts.main", tmp_path / name, environment))
    yield servers
    for server in servers:
        server.stop()


def accept(url: str, text: str) -> str:
    reply = httpx.post(f"{url}/tts", json={"text": text, "async": True}, timeout=60)
    assert reply.status_code == 202, reply.text
    return str(reply.json()["job_id"])


def status(url: str, job_id: str) -> dict[str, object]:
    return dict(httpx.get(f"{url}/status/{job_id}", timeout=60).json())


def counts(url: str) -> dict[str, int]:
    return dict(httpx.get(f"{url}/status", timeout=60).json()["counts"])


def wait_until_final(url: str, jobs: list[str]) -> dict[str, dict[str, object]]:
    wait_for(lambda: all(status(url, each)["state"] in FINAL for each in jobs), seconds=PATIENCE_SECONDS)
    return {each: status(url, each) for each in jobs}


def announced(*gateways: Server) -> Counter[str]:
    """How often each job's success was logged, by any of the gateways."""
    lines = (line for gateway in gateways for line in gateway.log.read_text().splitlines())
    events = (json.loads(line) for line in lines if line.startswith("{"))
    return Counter(event["job_id"] for event in events if event["message"] == "job succeeded")


def test_after_a_kill_in_the_middle_every_accepted_job_finishes_once_or_says_why_not(
    processes: list[Server], settings: GatewaySettings, engine: GatedEngine
) -> None:
    gateway, _ = processes
    gateway.start()
    gateway.until_healthy()
    jobs = [accept(gateway.url, f"Job {n}." if n < 6 else f"Job {n}. [gate].") for n in range(20)]
    heard: list[str] = []

    def listen() -> None:
        body = {"text": "Hello. [gate]."}
        with suppress(httpx.HTTPError), httpx.stream("POST", f"{gateway.url}/tts", json=body) as reply:
            heard.append(reply.headers["X-Job-Id"])
            reply.read()

    listener = threading.Thread(target=listen)
    listener.start()
    wait_for(lambda: heard and engine.running == 5, seconds=PATIENCE_SECONDS)
    assert counts(gateway.url) == {
        "queued": 10,
        "running": 5,
        "succeeded": 6,
        "failed": 0,
        "cancelled": 0,
    }
    gateway.kill()
    listener.join()
    engine.gate.set()

    gateway.start()
    gateway.until_healthy()
    found = wait_until_final(gateway.url, jobs)
    assert {job["state"] for job in found.values()} == {"succeeded"}
    assert Counter(job["attempts"] for job in found.values()) == {1: 16, 2: 4}
    (cut,) = wait_until_final(gateway.url, heard).values()
    assert cut["state"] == "failed"
    assert cut["problem"]["code"] == "job_interrupted"  # type: ignore[index]
    assert announced(gateway) == Counter(jobs)
    wait_for(lambda: not list(settings.output_path.glob(".*.part")))
    files = sorted(path.name for path in settings.output_path.iterdir() if path.is_file())
    assert files == sorted(f"{each}.wav" for each in jobs)
    for n, each in enumerate(jobs):
        length = soundfile.info(settings.output_path / f"{each}.wav").duration
        assert length == pytest.approx(SEGMENT_SECONDS * (1 if n < 6 else 2))
    assert not list((settings.state_folder / "uploads").iterdir())


def test_a_gateway_that_freezes_loses_its_jobs_and_notices_when_it_wakes(
    processes: list[Server], settings: GatewaySettings, engine: GatedEngine
) -> None:
    first, second = processes
    first.start()
    first.until_healthy()
    jobs = [accept(first.url, f"Job {n}. [gate].") for n in range(3)]
    wait_for(lambda: engine.running == 3)
    second.start()
    second.until_healthy()
    first.send(signal.SIGSTOP)
    wait_for(
        lambda: all(status(second.url, each)["attempts"] == 2 for each in jobs), seconds=PATIENCE_SECONDS
    )
    wait_for(lambda: engine.running == 6)  # the frozen one's requests are still open
    first.send(signal.SIGCONT)
    wait_for(lambda: engine.running == 3, seconds=PATIENCE_SECONDS)  # it gave up its own
    assert "taken for dead" in first.log.read_text()
    engine.gate.set()
    found = wait_until_final(first.url, jobs)
    assert {job["state"] for job in found.values()} == {"succeeded"}
    assert {job["attempts"] for job in found.values()} == {2}
    assert announced(second) == Counter(jobs)
    assert announced(first) == Counter()
    for each in jobs:
        assert soundfile.info(settings.output_path / f"{each}.wav").duration == pytest.approx(1.0)
    assert not list(settings.output_path.glob(".*.part"))
    # And it is of use again.
    second.stop()
    again = accept(first.url, "Once more.")
    assert wait_until_final(first.url, [again])[again]["state"] == "succeeded"


def test_a_frozen_gateway_that_wakes_at_the_end_of_its_work_does_not_finish_it_again(
    processes: list[Server], settings: GatewaySettings, engine: GatedEngine
) -> None:
    first, second = processes
    for server in processes:
        server.start()
    first.until_healthy()
    second.until_healthy()
    jobs = [accept(first.url, f"Job {n}. [gate].") for n in range(4)]
    wait_for(lambda: engine.running == 4)
    first.send(signal.SIGSTOP)
    engine.gate.set()  # whatever the frozen one was waiting for lies in its sockets now
    found = wait_until_final(second.url, jobs)
    assert {job["state"] for job in found.values()} == {"succeeded"}
    sizes = {each: (settings.output_path / f"{each}.wav").stat().st_ino for each in jobs}
    first.send(signal.SIGCONT)
    wait_for(lambda: httpx.get(f"{first.url}/health", timeout=30).status_code == 200)
    wait_for(lambda: not list(settings.output_path.glob(".*.part")))
    assert announced(first, second) == Counter(jobs)
    assert {each: status(first.url, each) for each in jobs} == found
    assert {each: (settings.output_path / f"{each}.wav").stat().st_ino for each in jobs} == sizes


def test_a_job_can_be_watched_and_cancelled_at_a_gateway_that_does_not_run_it(
    settings: GatewaySettings, engine: GatedEngine
) -> None:
    with served(build_app(settings)) as first, served(build_app(settings)) as second:
        # Each takes what it was given: the one that accepts a job is the first to know of it.
        job = accept(first, "One. Two. [gate]. Four.")
        wait_for(lambda: status(second, job)["segments_done"] == 2, seconds=PATIENCE_SECONDS)
        seen: list[dict[str, object]] = []

        def watch(url: str) -> None:
            with httpx.stream("GET", f"{url}/status/{job}/events", timeout=60) as events:
                lines = [line for line in events.iter_lines() if line.startswith("data: ")]
            seen.append(json.loads(lines[0][6:]) | {"last": json.loads(lines[-1][6:])})

        watchers = [threading.Thread(target=watch, args=(url,)) for url in (first, second)]
        for watcher in watchers:
            watcher.start()
        engine.gate.set()
        for watcher in watchers:
            watcher.join()
        assert [event["last"]["state"] for event in seen] == ["succeeded"] * 2  # type: ignore[index]
        for url in (first, second):
            assert len(httpx.get(f"{url}/status/{job}/audio", timeout=60).content) == 44 + 4 * 24_000

        engine.gate.clear()
        others = [accept(first, f"Job {n}. [gate].") for n in range(10)]
        wait_for(lambda: engine.running == 8, seconds=PATIENCE_SECONDS)
        for each in others:  # running here, running there, and waiting
            reply = httpx.delete(f"{second}/status/{each}", timeout=60)
            assert reply.json()["state"] == "cancelled"
        wait_for(lambda: engine.running == 0, seconds=PATIENCE_SECONDS)
        assert counts(first)["cancelled"] == 10
        assert not list((settings.state_folder / "uploads").iterdir())


def test_a_gateway_that_stops_hands_its_jobs_over_at_once(
    settings: GatewaySettings, engine: GatedEngine
) -> None:
    patient = settings.model_copy(update={"lease_seconds": 600.0})
    with served(build_app(patient)) as second:
        with served(build_app(patient)) as first:
            jobs = [accept(first, f"Job {n}. [gate].") for n in range(10)]
            wait_for(lambda: engine.running == 8, seconds=PATIENCE_SECONDS)
        engine.gate.set()
        # Nobody looks round for the dead yet: what was handed over is taken from the queue.
        found = wait_until_final(second, jobs)
    assert {job["state"] for job in found.values()} == {"succeeded"}
    assert {job["attempts"] for job in found.values()} == {1}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_jobs_outlive_a_crash_of_the_database(
    settings: GatewaySettings, engine: GatedEngine, postgres_socket: str
) -> None:
    with served(build_app(settings)) as url:
        jobs = [accept(url, f"Job {n}. [gate].") for n in range(6)]
        wait_for(lambda: engine.running == 4)
        postgres.restart(postgres_socket)
        engine.gate.set()
        found = wait_until_final(url, jobs)
        assert {job["state"] for job in found.values()} == {"succeeded"}
        assert {job["attempts"] for job in found.values()} == {1}
        assert httpx.post(f"{url}/tts", json={"text": "Hello."}, timeout=60).status_code == 200


def test_a_job_that_brings_its_gateways_down_is_given_up(
    settings: GatewaySettings, engine: GatedEngine, tmp_path: Path
) -> None:
    async def bring_down(job_id: str) -> None:
        """As if the gateway that runs it had been lost, three times."""
        from services.tts.jobs.connection import Database
        from services.tts.jobs.schema import jobs

        database = Database(settings.jobs_database)
        async with database.writing() as connection:
            await connection.execute(
                jobs.update().where(jobs.c.id == job_id).values(owner="gone", state="running", attempts=3)
            )
        await database.close()

    with served(build_app(settings)) as url:
        job = accept(url, "Hello. [gate].")
        wait_for(lambda: engine.running == 1)
        asyncio.run(bring_down(job))
        engine.gate.set()
        (ended,) = wait_until_final(url, [job]).values()
    assert ended["state"] == "failed"
    assert "given up" in ended["problem"]["detail"]  # type: ignore[index]
