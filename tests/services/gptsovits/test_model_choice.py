"""Requests name their model: it is loaded beside the default, speaks, and keeps its own voices."""

import io
import shutil
import time
from collections.abc import Iterator

import pytest
import soundfile
from fastapi.testclient import TestClient

from services.gptsovits.main import build_app
from services.gptsovits.settings import GptSovitsSettings
from tests.services.clips import voiced, wav
from tests.tiny import write_own

SPOKEN = {"text": "The fox jumps.", "language": "en", "stream": False, "sample_steps": 2}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("models")
    for name, version in (("alice", "v2"), ("bob", "v4")):
        path = write_own(tmp_path_factory.mktemp("work"), version)
        (folder / name).mkdir()
        shutil.copy(path, folder / name / "model.safetensors")
    (folder / "broken.pth").write_text("<html>")
    settings = GptSovitsSettings(model_path=folder / "alice", _env_file=None)  # type: ignore[call-arg]
    with TestClient(build_app(settings)) as client:
        deadline = time.monotonic() + 120
        while client.get("/health").json()["status"] == "starting":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield client


def speaker(client: TestClient, **fields: str) -> dict[str, object]:
    fields = {"prompt_text": "A hum, and no words.", "prompt_language": "en", **fields}
    reply = client.post("/process", data=fields, files={"audio": ("clip.wav", wav(voiced(4.0)))})
    assert reply.status_code == 200, reply.text
    found: dict[str, object] = reply.json()
    return found


def rate_of(client: TestClient, **fields: object) -> int:
    reply = client.post("/tts", json={**SPOKEN, **fields})
    assert reply.status_code == 200, reply.text
    return int(soundfile.info(io.BytesIO(reply.content)).samplerate)


def test_a_request_speaks_with_the_model_it_names(client: TestClient) -> None:
    before = {model["id"]: model["loaded"] for model in client.get("/models").json()["models"]}
    assert before == {"alice": True, "bob": False, "broken": False}
    alice, bob = speaker(client), speaker(client, model="bob")
    assert (alice["model"], bob["model"]) == ("alice", "bob")
    assert alice["fingerprint"] != bob["fingerprint"]
    assert rate_of(client, speaker_id=alice["speaker_id"]) == 32_000
    assert rate_of(client, speaker_id=bob["speaker_id"], model="bob") == 48_000
    assert rate_of(client, speaker_id=bob["speaker_id"]) == 48_000  # a voice knows whose it is
    after = {model["id"]: model["loaded"] for model in client.get("/models").json()["models"]}
    assert after == {"alice": True, "bob": True, "broken": False}
    assert client.get("/health").json()["model"]["id"] == "alice"


def test_a_voice_of_one_model_is_refused_by_another(client: TestClient) -> None:
    alice = speaker(client)
    reply = client.post("/tts", json={**SPOKEN, "speaker_id": alice["speaker_id"], "model": "bob"})
    assert reply.status_code == 409


def test_a_profile_is_taken_in_for_whichever_model_made_it(client: TestClient) -> None:
    import base64

    bob = speaker(client, model="bob", include_profile="true")
    data = base64.b64decode(str(bob["profile"]))
    path = f"/speakers/{bob['speaker_id']}"
    assert client.delete(path).status_code == 204
    reply = client.put(path, content=data, headers={"Content-Type": "application/octet-stream"})
    assert reply.status_code == 200, reply.text
    assert reply.json()["model"] == "bob"


@pytest.mark.parametrize(("name", "status"), [("carol", 404), ("broken", 503)])
def test_a_model_that_is_not_there_or_cannot_be_loaded_says_so(
    name: str, status: int, client: TestClient
) -> None:
    reply = client.post("/process", data={"model": name}, files={"audio": ("clip.wav", wav(voiced(4.0)))})
    assert reply.status_code == status
    assert name in reply.json()["detail"]
