"""The official `openai` package against the gateway."""

from pathlib import Path

import httpx
import openai
import pytest


@pytest.fixture
def client_of_openai(client: httpx.Client) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{str(client.base_url).rstrip('/')}/v1", api_key="none", max_retries=0)


def test_create_gives_the_whole_file(client_of_openai: openai.OpenAI) -> None:
    reply = client_of_openai.audio.speech.create(model="tts-1", voice="alto", input="Hello there.")
    assert reply.content[:1] == b"\xff"


def test_a_streaming_response_goes_to_a_file(client_of_openai: openai.OpenAI, tmp_path: Path) -> None:
    target = tmp_path / "speech.wav"
    with client_of_openai.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alto", input="One. Two.", response_format="wav"
    ) as reply:
        reply.stream_to_file(target)
    assert len(target.read_bytes()) == 44 + 48_000


def test_its_errors_are_the_clients_own_kinds(client_of_openai: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client_of_openai.audio.speech.create(model="tts-1", voice="nobody", input="Hello.")
    assert caught.value.code == "voice_unknown"
    with pytest.raises(openai.UnprocessableEntityError):
        client_of_openai.audio.speech.create(model="tts-1", voice="alto", input="")


def test_models_can_be_listed(client_of_openai: openai.OpenAI) -> None:
    assert client_of_openai.models.list().data[0].id == "fake"


def test_a_busy_service_is_retried_as_it_asks(client: httpx.Client, engine: object) -> None:
    patient = openai.OpenAI(base_url=f"{str(client.base_url).rstrip('/')}/v1", api_key="none", max_retries=1)
    engine.capacity = 0  # type: ignore[attr-defined]
    with pytest.raises(openai.InternalServerError) as caught:
        patient.audio.speech.create(model="tts-1", voice="alto", input="Hello.")
    assert caught.value.status_code == 503
    assert caught.value.response.headers["retry-after-ms"] == "1500"
