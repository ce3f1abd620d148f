from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.main import build_app as build_gateway
from services.tts.settings import GatewaySettings
from tests.proof.house import wait_for, write_audio
from tests.services.clips import served
from tests.tiny import write_own


@dataclass(frozen=True)
class Doors:
    """Both services in this process, the real engine with a tiny model among them, behind real sockets."""

    gateway: str
    inference: str
    gateway_app: FastAPI
    settings: GatewaySettings


@pytest.fixture(scope="session")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    work = tmp_path_factory.mktemp("proof")
    audio = work / "audio"
    write_audio(audio)
    write_own(work / "model")
    inference = build_inference(
        GptSovitsSettings(model_path=work / "model", audio_path=audio, _env_file=None)
    )
    with served(inference) as inference_url:
        wait_for(
            lambda: httpx.get(f"{inference_url}/health").status_code == 200, seconds=60, what="the model"
        )
        settings = GatewaySettings(
            gptsovits_url=inference_url, audio_path=audio, output_path=work / "output", _env_file=None
        )
        gateway = build_gateway(settings)
        with served(gateway) as gateway_url:
            yield Doors(gateway_url, inference_url, gateway, settings)
