import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, OTHER_CLIP, served
from tests.services.fakes import FakeEngine


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    folder = tmp_path / "audio"
    folder.mkdir()
    (folder / "alto.wav").write_bytes(OTHER_CLIP)
    (folder / "reference.wav").write_bytes(CLIP)
    (folder / "reference.txt").write_text("what the clip says\n")
    (tmp_path / "secret.wav").write_bytes(CLIP)
    return folder


def inference_app(tmp_path: Path, engine: FakeEngine) -> object:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"weights")
    settings = GptSovitsSettings(model_path=model, audio_path=tmp_path / "none", _env_file=None)
    return build_inference(settings, load=engine.loaded)


@pytest.fixture
def inference(tmp_path: Path, engine: FakeEngine) -> Iterator[str]:
    with served(inference_app(tmp_path, engine)) as url:  # type: ignore[arg-type]
        wait_for(lambda: httpx.get(f"{url}/health").status_code == 200)
        yield url


@pytest.fixture
def settings(tmp_path: Path, audio: Path, inference: str) -> GatewaySettings:
    return GatewaySettings(
        gptsovits_url=inference,
        audio_path=audio,
        output_path=tmp_path / "output",
        default_voice="reference",
        _env_file=None,
    )


@pytest.fixture
def client(settings: GatewaySettings) -> Iterator[httpx.Client]:
    with served(build_app(settings)) as url, httpx.Client(base_url=url, timeout=10) as client:
        yield client


def wait_for(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {seconds} s"
        time.sleep(0.01)
