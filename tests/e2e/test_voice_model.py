"""A voice that is bound to a trained model speaks with it, through both services."""

import shutil
import time
from collections.abc import Iterator

import httpx
import pytest

from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.main import build_app as build_gateway
from services.tts.settings import GatewaySettings
from tests.services.clips import served, voiced, wav
from tests.tiny import write_own

RATES = {"alice": "32000", "bob": "48000"}  # of v2 and of v4


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The default model is alice; bob lies beside it."""
    work = tmp_path_factory.mktemp("bound")
    for name, version in (("alice", "v2"), ("bob", "v4")):
        (work / "models" / name).mkdir(parents=True)
        path = write_own(tmp_path_factory.mktemp("weights"), version)
        shutil.copy(path, work / "models" / name / "model.safetensors")
    (work / "audio").mkdir()
    models = GptSovitsSettings(model_path=work / "models" / "alice", _env_file=None)
    with served(build_inference(models)) as url:
        settings = GatewaySettings(
            gptsovits_url=url, audio_path=work / "audio", output_path=work / "output", _env_file=None
        )
        with served(build_gateway(settings)) as door, httpx.Client(base_url=door, timeout=120) as client:
            deadline = time.monotonic() + 120
            while client.get("/health").status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield client


def test_a_voice_speaks_with_the_model_that_was_trained_for_it(gateway: httpx.Client) -> None:
    for name, model in (("plain", None), ("trained", "bob")):
        fields = {"name": name, "text": "A hum, and no words.", "language": "en"}
        fields |= {"model": model} if model else {}
        made = gateway.post("/voices", data=fields, files={"audio": wav(voiced(4.0))})
        assert made.json().get("model") == model, made.text

    def rate(**fields: object) -> str:
        spoken = {"text": "The fox jumps.", "language": "en", "sample_steps": 2, "stream": False}
        reply = gateway.post("/tts", json=spoken | fields)
        assert reply.status_code == 200, reply.text
        return reply.headers["X-Sample-Rate"]

    assert rate(voice="plain") == RATES["alice"]
    assert rate(voice="trained") == RATES["bob"]
    assert rate(voice="trained", model="alice") == RATES["alice"], "the request's own wish wins"
    openai = {"input": "The fox jumps.", "voice": "trained", "model": "tts-1"}
    reply = gateway.post("/v1/audio/speech", json=openai | {"response_format": "flac"})
    assert reply.headers["X-Sample-Rate"] == RATES["bob"]

    job = gateway.post("/tts", json={"text": "The fox jumps.", "voice": "trained", "async": True}).json()
    while (state := gateway.get(job["links"]["self"]).json())["state"] in ("queued", "running"):
        time.sleep(0.05)
    assert (state["state"], state["sample_rate"]) == ("succeeded", 48_000)
