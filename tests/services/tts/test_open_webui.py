"""Open WebUI's requests (backend/open_webui/routers/audio.py), to a real server."""

import io

import httpx
import pytest
import soundfile

HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "Bearer none",
    "X-OpenWebUI-User-Name": "Ada",
    "X-OpenWebUI-User-Id": "6f8f",
    "X-OpenWebUI-User-Email": "ada@example.org",
    "X-OpenWebUI-User-Role": "user",
}


def test_its_settings_find_models_and_voices(client: httpx.Client) -> None:
    models = client.get("/v1/audio/models").json()["models"]
    assert [model["id"] for model in models] == ["fake", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    voices = client.get("/v1/audio/voices").json()["voices"]
    assert {voice["id"]: voice["name"] for voice in voices} == {"alto": "alto", "reference": "reference"}


def test_it_reads_a_sentence_aloud(client: httpx.Client) -> None:
    body = {"model": "tts-1", "input": "Hello there.", "voice": "alto"}
    reply = client.post("/v1/audio/speech", json=body, headers=HEADERS)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "audio/mpeg")
    assert soundfile.info(io.BytesIO(reply.content)).duration == pytest.approx(0.5, abs=0.1)


def test_it_shows_what_went_wrong(client: httpx.Client) -> None:
    body = {"model": "tts-1", "input": "Hello.", "voice": "alloy"}
    reply = client.post("/v1/audio/speech", json=body, headers=HEADERS)
    assert reply.status_code == 404
    assert "alloy" in reply.json()["error"]["message"]


def test_opeas_client_needs_no_more_than_a_text(client: httpx.Client) -> None:
    reply = client.post("/v1/audio/speech", json={"input": "Who are you?"})
    assert (reply.status_code, reply.headers["content-type"]) == (200, "audio/mpeg")
    full = {"input": "Who are you?", "model": "microsoft/speecht5_tts", "voice": None, "speed": 1.0}
    assert client.post("/v1/audio/speech", json=full).status_code == 200
    assert client.get("/v1/health_check").status_code == 200
