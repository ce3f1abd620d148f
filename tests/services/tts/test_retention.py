import asyncio
import os
import time
from pathlib import Path

import httpx
import pytest

from comps.cores.errors import JobStoreUnavailable
from services.tts.gateway import Gateway
from services.tts.jobs.store import JobStore
from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, served
from tests.services.tts.conftest import wait_for
from tests.services.tts.gated import GatedEngine


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


def files(settings: GatewaySettings) -> set[str]:
    folders = (settings.output_path, *(settings.state_folder / each for each in ("uploads", "subtitles")))
    return {path.name for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_file()}


def test_jobs_that_are_too_old_or_too_many_go_with_all_their_files(settings: GatewaySettings) -> None:
    app = build_app(settings)
    with served(app) as url, httpx.Client(base_url=url, timeout=30) as client:
        gateway: Gateway = app.state.gateway
        made = [client.post("/tts", json={"text": f"Job {n}."}).headers["X-Job-Id"] for n in range(4)]
        assert files(settings) == {f"{job}.wav" for job in made} | {f"{job}.json" for job in made}
        gateway.settings.jobs_kept = 3
        asyncio.run(_pruned(gateway))
        assert files(settings) == {f"{job}.wav" for job in made[1:]} | {f"{job}.json" for job in made[1:]}
        assert client.get(f"/status/{made[0]}").status_code == 404
        assert client.get(f"/status/{made[1]}/audio").status_code == 200
        gateway.settings.jobs_kept_hours = 1e-9
        asyncio.run(_pruned(gateway))
        assert files(settings) == set()
        assert sum(client.get("/status").json()["counts"].values()) == 0


async def _pruned(gateway: Gateway) -> None:
    """In a loop of its own: the store's connections belong to the server's."""
    from services.tts.jobs.connection import Database

    database = Database(gateway.settings.jobs_database)
    there = Gateway(**{**vars(gateway), "store": JobStore(database), "database": database})
    try:
        await there.prune()
        await there.sweep()
    finally:
        await database.close()


def test_unfinished_jobs_keep_what_they_need_and_strangers_keep_their_files(
    settings: GatewaySettings, engine: GatedEngine
) -> None:
    app = build_app(settings)
    with served(app) as url, httpx.Client(base_url=url, timeout=30) as client:
        gateway: Gateway = app.state.gateway
        job = client.post(
            "/tts", data={"text": "One. [gate].", "async": "true"}, files={"reference_audio": CLIP}
        ).headers["X-Job-Id"]
        wait_for(lambda: list(settings.output_path.glob(f".{job}.wav.*.part")))
        (part,) = settings.output_path.glob(f".{job}.wav.*.part")
        long_ago = time.time() - 100 * 3_600
        os.utime(part, (long_ago, long_ago))
        lost = "0123456789abcdef" * 2
        uploads = settings.state_folder / "uploads"
        for path in (
            settings.output_path / "hello.wav",
            settings.output_path / f"{lost}.wav",
            settings.output_path / f".{lost}.wav.0123.part",
            settings.output_path / f"{lost[:-1]}x.wav",
            uploads / f"{lost}-0.clip",
        ):
            path.write_bytes(b"x")
            os.utime(path, (long_ago, long_ago))
        fresh = settings.output_path / f"{lost[::-1]}.wav"
        fresh.write_bytes(b"x")
        os.utime(uploads / f"{job}-0.clip", (long_ago, long_ago))
        asyncio.run(_pruned(gateway))
        assert files(settings) == {"hello.wav", f"{lost[:-1]}x.wav", fresh.name, f"{job}-0.clip", part.name}
        engine.gate.set()
        wait_for(lambda: client.get(f"/status/{job}").json()["state"] == "succeeded")
        assert client.get(f"/status/{job}/audio").status_code == 200


def test_a_job_whose_end_cannot_be_written_down_is_written_down_later(
    settings: GatewaySettings, engine: GatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, failures = JobStore.finish, [2]

    async def unreliable(self: JobStore, *args: object, **options: object) -> bool:
        if failures[0]:
            failures[0] -= 1
            raise JobStoreUnavailable("database or disk is full")
        return await finish(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(JobStore, "finish", unreliable)
    with served(build_app(settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        reply = client.post("/tts", json={"text": "Hello."})
        assert len(reply.content) == 44 + 24_000
        where = f"/status/{reply.headers['X-Job-Id']}"
        wait_for(lambda: client.get(where).json()["state"] == "succeeded")
        assert failures == [0]
        assert len(client.get(f"{where}/audio").content) == 44 + 24_000


def test_a_job_that_cannot_be_written_down_is_not_accepted(
    settings: GatewaySettings, engine: GatedEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def full(self: JobStore, *args: object) -> bool:
        raise JobStoreUnavailable("jobs cannot be written down at the moment")

    with served(build_app(settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        with monkeypatch.context() as patched:
            patched.setattr(JobStore, "add", full)
            for more in ({}, {"async": True}):
                refused = client.post("/tts", json={"text": "Hello."} | more)
                assert (refused.status_code, refused.json()["code"]) == (503, "job_store_unavailable")
                assert refused.headers["Retry-After"] == "5"
        assert files(settings) == set()
        assert engine.n_submitted == 0
        assert client.post("/tts", json={"text": "Hello."}).status_code == 200
