"""Whatever is sent, the answer is a status of the contract and never a crash."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comps.cores.proto.speech import GatewaySpeechRequest
from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, served
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import wait_for

NAMES = [*GatewaySpeechRequest.model_fields, "async", "input", "text_lang", "streaming_mode", "nonsense"]
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=30),
    st.sampled_from(
        ["reference.wav", "../secret.wav", "data:,", "auto", "en", "wav", "true", "\0", "é" * 300]
    ),
)
BODIES = st.dictionaries(st.sampled_from(NAMES), st.one_of(PLAIN, st.lists(PLAIN, max_size=3)), max_size=8)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[httpx.Client]]:
    work: Path = tmp_path_factory.mktemp("any")
    (work / "audio").mkdir()
    (work / "audio" / "reference.wav").write_bytes(CLIP)
    (work / "model.safetensors").write_bytes(b"weights")
    inner = GptSovitsSettings(
        model_path=work / "model.safetensors", audio_path=work / "audio", _env_file=None
    )
    with served(build_inference(inner, load=FakeEngine().loaded)) as url:
        wait_for(lambda: httpx.get(f"{url}/health").status_code == 200)
        outer = GatewaySettings(
            gptsovits_url=url, audio_path=work / "audio", output_path=work / "out", _env_file=None
        )
        with (
            served(build_app(outer)) as gateway,
            httpx.Client(base_url=gateway) as one,
            httpx.Client(base_url=url) as other,
        ):
            yield [one, other]


def check(reply: httpx.Response) -> None:
    assert reply.status_code in (200, 201, 202, 400, 404, 405, 409, 413, 415, 422), reply.text
    assert reply.headers["X-Request-Id"]
    if reply.status_code >= 400:
        body = reply.json()
        if "message" in body:  # as the reference API's clients read it: 400 and why
            assert reply.status_code == 400
            assert body["message"]
        else:
            assert body["error"]["message"] if "error" in body else body["status"] == reply.status_code


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_any_json_object(doors: list[httpx.Client], body: dict[str, object]) -> None:
    gateway, inference = doors
    data = json.dumps(body)
    kind = {"Content-Type": "application/json"}
    for client, paths in (
        (gateway, ("/tts", "/voices", "/v1/audio/speech")),
        (inference, ("/tts", "/process")),
    ):
        for path in paths:
            check(client.post(path, content=data, headers=kind))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "multipart/form-data; boundary=x", "a"]),
)
def test_any_bytes(doors: list[httpx.Client], data: bytes, kind: str) -> None:
    for client in doors:
        check(client.post("/tts", content=data, headers={"Content-Type": kind}))
        check(client.put("/speakers/x", content=data))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.dictionaries(
        st.sampled_from([*NAMES, "limit", "cursor", "state", "job_id"]), st.text(max_size=20)
    )
)
def test_any_query(doors: list[httpx.Client], query: dict[str, str]) -> None:
    gateway, inference = doors
    check(inference.get("/tts", params=query))
    check(gateway.get("/status", params=query))
