"""References by URL at both services: allowed hosts by setting, and never this machine's network."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.main import build_app as build_gateway
from services.tts.settings import GatewaySettings
from tests.services.clips import served
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import wait_for

HOSTS = "cdn.example, localhost, 127.0.0.1, 169.254.169.254"


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[list[str]]:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    inner = GptSovitsSettings(
        model_path=tmp_path / "model.safetensors",
        audio_path=tmp_path,
        reference_hosts=HOSTS,
        reference_seconds=2,
        _env_file=None,
    )
    with served(build_inference(inner, load=FakeEngine().loaded)) as url:
        wait_for(lambda: httpx.get(f"{url}/health").status_code == 200)
        outer = GatewaySettings(
            gptsovits_url=url,
            audio_path=tmp_path,
            output_path=tmp_path / "out",
            reference_hosts=HOSTS,
            reference_seconds=2,
            _env_file=None,
        )
        with served(build_gateway(outer)) as door:
            yield [url, door]


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("http://other.example/clip.wav", "allowed hosts only"),
        ("http://localhost/clip.wav", "no public address"),
        ("http://127.0.0.1/clip.wav", "no public address"),
        ("http://169.254.169.254/latest/meta-data/", "no public address"),
    ],
)
def test_a_url_is_refused_with_its_reason(doors: list[str], reference: str, words: str) -> None:
    for door in doors:
        for fields in ({"reference_audio": reference}, {"aux_reference_audio": [reference]}):
            body = {"text": "Hello.", "reference_audio": "data:audio/wav;base64,AAAA"} | fields
            path = "/process" if door == doors[0] else "/tts"
            refused = httpx.post(f"{door}{path}", json=body, timeout=30)
            assert (refused.status_code, refused.json()["code"]) == (422, "url_refused"), refused.text
            assert words in refused.json()["detail"]
