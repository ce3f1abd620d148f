"""What becomes of accepted jobs while the inference service is away."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import Request, Response

from comps.cores.errors import UpstreamUnavailable
from services.tts import inference
from services.tts.jobs import runner
from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.proof.house import free_port
from tests.services.clips import served
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import inference_app, wait_for


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = UpstreamUnavailable.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "retry_after", 0.01)


def test_a_job_waits_for_the_inference_service_longer_than_any_number_of_tries(
    tmp_path: Path, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_TRIES", 2)
    port = free_port()
    settings = GatewaySettings(
        gptsovits_url=f"http://127.0.0.1:{port}",
        audio_path=audio,
        output_path=tmp_path / "output",
        _env_file=None,
    )
    with served(build_app(settings)) as url, httpx.Client(base_url=url, timeout=10) as client:
        job = client.post("/tts", json={"text": "One. Two.", "async": True}).json()["links"]["self"]
        time.sleep(0.5)  # dozens of tries
        assert client.get(job).json()["state"] in ("queued", "running")
        with served(inference_app(tmp_path, FakeEngine()), port=port):  # type: ignore[arg-type]
            wait_for(lambda: client.get(job).json()["state"] not in ("queued", "running"))
            done = client.get(job).json()
            assert (done["state"], done["segments_done"]) == ("succeeded", 2)
            assert client.get(done["links"]["audio"]).content[:4] == b"RIFF"


def test_a_job_outlasts_an_inference_service_that_is_too_slow_to_say_how_it_is(
    tmp_path: Path, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "HEALTH_SECONDS", 0.2)
    app, asked = inference_app(tmp_path, FakeEngine()), Counter[str]()
    is_slow, latest = True, time.monotonic() + 60

    @app.middleware("http")  # type: ignore[attr-defined, untyped-decorator]
    async def slow(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        asked[request.url.path] += 1
        while is_slow and time.monotonic() < latest:
            await asyncio.sleep(0.02)
        return await call_next(request)

    with served(app) as upstream:  # type: ignore[arg-type]
        settings = GatewaySettings(
            gptsovits_url=upstream, audio_path=audio, output_path=tmp_path / "output", _env_file=None
        )
        with served(build_app(settings)) as url, httpx.Client(base_url=url, timeout=10) as client:
            job = client.post("/tts", json={"text": "One. Two.", "async": True}).json()["links"]["self"]
            wait_for(lambda: asked["/health"] > runner.MAX_TRIES)
            assert client.get(job).json()["state"] == "running"
            # Who waits for a reply is told at once, and to come back.
            refused = client.post("/tts", json={"text": "One."})
            assert (refused.status_code, refused.json()["code"]) == (503, "upstream_unavailable")
            is_slow = False
            monkeypatch.setattr(inference, "HEALTH_SECONDS", 10.0)
            wait_for(lambda: client.get(job).json()["state"] == "succeeded")


def test_a_job_that_waits_for_ever_ends_at_its_deadline_and_says_so(tmp_path: Path, audio: Path) -> None:
    settings = GatewaySettings(
        gptsovits_url=f"http://127.0.0.1:{free_port()}",
        audio_path=audio,
        output_path=tmp_path / "output",
        deadline_seconds=0.5,
        _env_file=None,
    )
    with served(build_app(settings)) as url, httpx.Client(base_url=url, timeout=10) as client:
        job = client.post("/tts", json={"text": "One. Two.", "async": True}).json()["links"]["self"]
        wait_for(lambda: client.get(job).json()["state"] == "failed")
        assert client.get(job).json()["problem"]["code"] == "deadline_exceeded"
