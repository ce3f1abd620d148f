"""The service with a quick stand-in for its engine."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from services.gptsovits.main import build_app
from services.gptsovits.settings import GptSovitsSettings
from tests.services.clips import CLIP
from tests.services.fakes import FakeEngine


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def settings(tmp_path: Path) -> GptSovitsSettings:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "reference.wav").write_bytes(CLIP)
    (tmp_path / "secret.wav").write_bytes(CLIP)
    model = tmp_path / "starter" / "model.safetensors"
    model.parent.mkdir()
    model.write_bytes(b"weights")
    return GptSovitsSettings(model_path=model.parent, audio_path=tmp_path / "audio", _env_file=None)


@pytest.fixture
def client(settings: GptSovitsSettings, engine: FakeEngine) -> Iterator[TestClient]:
    with TestClient(build_app(settings, load=engine.loaded), raise_server_exceptions=False) as client:
        ready(client)
        yield client


def ready(client: TestClient | httpx.Client) -> None:
    deadline = time.monotonic() + 30
    while client.get("/health").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "did not happen within 30 s"
        time.sleep(0.01)
