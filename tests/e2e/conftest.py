import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.main import build_app as build_gateway
from services.tts.settings import GatewaySettings
from tests.services.clips import served

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "models" / "starter"


@dataclass(frozen=True)
class House:
    """Both services, running in this process behind real sockets."""

    gateway: httpx.Client
    inference: httpx.Client
    settings: GatewaySettings


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model, or a tiny random one of the same form where it is not there."""
    if (STARTER / "model.safetensors").is_file():
        return STARTER
    from tests.tiny import write_own

    folder = tmp_path_factory.mktemp("tiny")
    write_own(folder)
    return folder


@pytest.fixture(scope="session")
def house(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    work = tmp_path_factory.mktemp("house")
    audio = work / "audio"
    shutil.copytree(ROOT / "audio", audio, ignore=shutil.ignore_patterns("voices"))
    inference_settings = GptSovitsSettings(model_path=model_path, audio_path=audio, _env_file=None)
    with (
        served(build_inference(inference_settings)) as url,
        httpx.Client(base_url=url, timeout=60) as inference,
    ):
        _wait(inference)
        settings = GatewaySettings(
            gptsovits_url=url, audio_path=audio, output_path=work / "output", _env_file=None
        )
        with served(build_gateway(settings)) as door, httpx.Client(base_url=door, timeout=60) as gateway:
            yield House(gateway, inference, settings)


def _wait(client: httpx.Client) -> None:
    deadline = time.monotonic() + 120
    while (reply := client.get("/health")).status_code != 200:
        assert reply.json()["status"] == "starting", reply.text
        assert time.monotonic() < deadline
        time.sleep(0.05)
