import base64
import json

import httpx
import numpy as np
import pytest


@pytest.mark.parametrize(
    ("audio_format", "kind", "magic"),
    [
        (None, "audio/mpeg", b"\xff"),
        ("mp3", "audio/mpeg", b"\xff"),
        ("opus", "audio/ogg", b"OggS"),
        ("flac", "audio/flac", b"fLaC"),
        ("wav", "audio/wav", b"RIFF"),
        ("pcm", "audio/pcm", b""),
    ],
)
def test_speech_in_each_format(
    client: httpx.Client, audio_format: str | None, kind: str, magic: bytes
) -> None:
    body = {"model": "tts-1", "input": "Hello there.", "voice": "alto"}
    reply = client.post(
        "/v1/audio/speech", json=body | ({"response_format": audio_format} if audio_format else {})
    )
    assert reply.status_code == 200
    assert reply.headers["content-type"] == kind
    assert reply.content.startswith(magic)


def test_a_voice_may_be_an_object_and_unknown_fields_are_let_pass(client: httpx.Client) -> None:
    body = {
        "input": "Hello.",
        "voice": {"id": "alto"},
        "response_format": "pcm",
        "instructions": "x",
        "foo": 1,
    }
    reply = client.post("/v1/audio/speech", json=body)
    assert reply.status_code == 200
    assert len(np.frombuffer(reply.content, "<i2")) == 12_000


def test_events_carry_the_audio_and_its_usage(client: httpx.Client) -> None:
    body = {"input": "One. Two.", "voice": "alto", "response_format": "pcm", "stream_format": "sse"}
    reply = client.post("/v1/audio/speech", json=body)
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert len(audio) == 48_000
    assert events[-1]["type"] == "speech.audio.done"
    usage = events[-1]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 9 + 25


def test_errors_have_openais_form(client: httpx.Client) -> None:
    for body, status, code, param in (
        ({"input": "hi", "voice": "nobody"}, 404, "voice_unknown", None),
        ({"input": "", "voice": "alto"}, 422, "invalid_fields", "input"),
        ({"input": "hi", "voice": "alto", "speed": 9}, 422, "invalid_fields", "speed"),
        ({"input": "hi", "voice": "alto", "seed": -7}, 422, "invalid_fields", "seed"),
    ):
        reply = client.post("/v1/audio/speech", json=body)
        assert reply.status_code == status
        error = reply.json()["error"]
        assert error["message"]
        assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)


def test_models_and_voices_are_listed_as_clients_read_them(client: httpx.Client) -> None:
    models = client.get("/v1/models").json()
    assert models["object"] == "list"
    assert models["data"][0]["id"] == "fake"
    voices = client.get("/v1/audio/voices").json()["voices"]
    assert voices == [{"id": name, "name": name} for name in ("alto", "reference")]
    assert client.get("/v1/health_check").json()["status"] == "ok"


def test_a_loudness_may_be_asked_for(client: httpx.Client) -> None:
    quiet, loud = (
        np.frombuffer(
            client.post(
                "/v1/audio/speech",
                json={
                    "input": "One. Two. Three. Four.",
                    "response_format": "pcm",
                    "loudness": lufs,
                    "stream": stream,
                },
            ).content,
            "<i2",
        ).astype(np.float64)
        for lufs, stream in ((-30.0, True), (-20.0, False))
    )
    assert len(quiet) == len(loud) == 48_000
    assert 20 * np.log10(np.abs(loud).mean() / np.abs(quiet).mean()) == pytest.approx(10.0, abs=1.0)
    reply = client.post("/v1/audio/speech", json={"input": "One.", "loudness": 3})
    assert (reply.status_code, reply.json()["error"]["param"]) == (422, "loudness")
