"""The requests that other projects' clients send to port 9880, as they send them, to a real server.

Bodies as in api.py and api_v2.py of GPT-SoVITS, SillyTavern's gpt-sovits-v2.js and gpt-sovits-adapter.js,
and OPEA's opea_gptsovits.py.
"""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import soundfile

from services.gptsovits.main import build_app
from services.gptsovits.settings import GptSovitsSettings
from tests.services.clips import CLIP, OTHER_CLIP, served
from tests.services.fakes import FakeEngine


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def client(tmp_path: Path, engine: FakeEngine) -> Iterator[httpx.Client]:
    audio = tmp_path / "audio"
    audio.mkdir()
    (audio / "alto.wav").write_bytes(CLIP)
    (audio / "reference.wav").write_bytes(OTHER_CLIP)
    (audio / "reference.txt").write_text("what the clip says\n")
    (audio / "[calm]Nice weather today.wav").write_bytes(OTHER_CLIP)
    (tmp_path / "secret.wav").write_bytes(CLIP)
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"weights")
    settings = GptSovitsSettings(model_path=model, audio_path=audio, _env_file=None)
    app = build_app(settings, load=engine.loaded)
    with served(app) as url, httpx.Client(base_url=url, timeout=10) as client:
        deadline = time.monotonic() + 30
        while client.get("/health").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield client


def heard(reply: httpx.Response) -> float:
    """Seconds of audio."""
    assert reply.status_code == 200, reply.text
    info = soundfile.info(io.BytesIO(reply.content))
    return float(info.frames / info.samplerate)


# --- api_v2 ---

API_V2_GET = {
    "text": "Hello there.",
    "text_lang": "en",
    "ref_audio_path": "reference.wav",
    "prompt_lang": "en",
    "prompt_text": "I am somebody, however « briefly ».",
    "text_split_method": "cut5",
    "batch_size": "1",
    "media_type": "wav",
    "streaming_mode": "true",
}
API_V2_POST = {
    "text": "Hello there.",
    "text_lang": "en",
    "ref_audio_path": "reference.wav",
    "aux_ref_audio_paths": ["alto.wav"],
    "prompt_text": "",
    "prompt_lang": "en",
    "top_k": 5,
    "top_p": 1,
    "temperature": 0.8,
    "text_split_method": "cut5",
    "batch_size": 1,
    "batch_threshold": 0.75,
    "split_bucket": True,
    "speed_factor": 1.1,
    "fragment_interval": 0.2,
    "seed": 42,
    "media_type": "wav",
    "streaming_mode": False,
    "parallel_infer": True,
    "repetition_penalty": 1.2,
    "sample_steps": 16,
    "super_sampling": False,
    "overlap_length": 2,
    "min_chunk_length": 16,
}


def test_api_v2_by_query(client: httpx.Client, engine: FakeEngine) -> None:
    reply = client.get("/tts", params=API_V2_GET)
    assert heard(reply) == 0.5
    assert reply.headers["content-type"] == "audio/wav"
    assert "content-length" not in reply.headers
    assert engine.requests[0].voice.prompt_text == "I am somebody, however « briefly »."


def test_api_v2_field_for_field(client: httpx.Client, engine: FakeEngine) -> None:
    reply = client.post("/tts", json=API_V2_POST)
    assert heard(reply) == 0.5
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert int.from_bytes(reply.content[40:44], "little") == len(reply.content) - 44
    options = engine.requests[0].options
    assert (options.language, options.seed, options.split) == ("en", 42, "cut5")
    assert (options.speed, options.pause_seconds) == (1.1, 0.2)
    assert (options.top_k, options.top_p, options.temperature) == (5, 1.0, 0.8)
    assert (options.repetition_penalty, options.sample_steps) == (1.2, 16)


@pytest.mark.parametrize("mode", [1, 2, 3, True, "true", "1", "2", "3"])
def test_each_streaming_mode_streams(client: httpx.Client, mode: object) -> None:
    for reply in (
        client.post("/tts", json=API_V2_POST | {"streaming_mode": mode}),
        client.get("/tts", params=API_V2_GET | {"streaming_mode": str(mode)}),
    ):
        assert "content-length" not in reply.headers
        assert heard(reply) == 0.5


@pytest.mark.parametrize("mode", [0, False, "false", "0"])
def test_without_one_the_file_comes_whole(client: httpx.Client, mode: object) -> None:
    reply = client.post("/tts", json=API_V2_POST | {"streaming_mode": mode})
    assert int(reply.headers["content-length"]) == len(reply.content)


@pytest.mark.parametrize(
    ("name", "kind", "magic"),
    [("wav", "audio/wav", b"RIFF"), ("ogg", "audio/ogg", b"OggS"), ("raw", "audio/raw", b"")],
)
def test_each_of_its_media_types_has_its_name(
    client: httpx.Client, name: str, kind: str, magic: bytes
) -> None:
    reply = client.post("/tts", json=API_V2_POST | {"media_type": name})
    assert (reply.status_code, reply.headers["content-type"]) == (200, kind)
    assert reply.content.startswith(magic)
    if name == "raw":
        assert len(reply.content) == 24_000


def test_fields_that_nobody_knows_are_ignored_as_there(client: httpx.Client) -> None:
    assert heard(client.post("/tts", json=API_V2_POST | {"return_fragment": False, "cut_minimum": 3})) == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": None}, "text"),
        ({"text": ""}, "text"),
        ({"text_lang": "tlh"}, "tlh"),
        ({"media_type": "silk"}, "response_format"),
        ({"text_split_method": "cut9"}, "split"),
        ({"streaming_mode": 7}, "stream"),
        ({"ref_audio_path": "nowhere.wav"}, "nowhere.wav"),
        ({"ref_audio_path": "../secret.wav"}, "secret.wav"),
    ],
)
def test_its_clients_read_errors_as_400_with_a_message(
    client: httpx.Client, change: dict[str, object], message: str
) -> None:
    reply = client.post("/tts", json=API_V2_POST | change)
    assert reply.status_code == 400, reply.text
    assert message in reply.json()["message"]
    assert reply.json()["request_id"] == reply.headers["X-Request-Id"]


def test_a_probe_without_any_field_is_told_what_is_required(client: httpx.Client) -> None:
    reply = client.get("/tts")  # how some clients find out that the server is up
    assert (reply.status_code, reply.json()["message"]) == (400, "text is required")


def test_a_failure_while_speaking_is_told_in_its_two_fields(client: httpx.Client, engine: FakeEngine) -> None:
    reply = client.post("/tts", json=API_V2_POST | {"text": "[fail]"})
    assert reply.json()["message"] == "tts failed"
    assert reply.json()["Exception"] == "the segment could not be made"
    engine.capacity = 0
    busy = client.post("/tts", json=API_V2_POST)
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "2")


def test_others_still_get_problem_details(client: httpx.Client) -> None:
    reply = client.post("/tts", json={"text": "hi", "reference_audio": "nowhere.wav"})
    assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")


def test_the_default_clip_may_be_set(client: httpx.Client, engine: FakeEngine) -> None:
    reply = client.get("/set_refer_audio", params={"refer_audio_path": "reference.wav"})
    assert (reply.status_code, reply.json()) == (200, {"message": "success"})
    client.post("/", json={"text": "Hello."})
    assert engine.requests[0].voice.prompt_text == "what the clip says"
    refused = client.get("/set_refer_audio", params={"refer_audio_path": "nowhere.wav"})
    assert refused.status_code == 400
    assert "nowhere.wav" in refused.json()["message"]


# --- SillyTavern ---


def test_sillytavern_lists_voices_and_speaks(client: httpx.Client, engine: FakeEngine) -> None:
    voices = client.get("/speakers").json()
    assert [voice["name"] for voice in voices] == ["[calm]Nice weather today", "alto", "reference"]
    for voice in voices:
        voice_id = voice["voice_id"]
        said = voice_id.replace("[calm]", "")
        reply = client.post(
            "/",
            json={
                "text": "Hello there.",
                "prompt_text": said,
                "ref_audio_path": f"./参考音频/{voice_id}.wav",
                "text_lang": "en",
                "prompt_lang": "en",
                "text_split_method": "cut5",
                "batch_size": 1,
                "media_type": "ogg",
                "streaming_mode": "true",
            },
        )
        assert reply.headers["content-type"] == "audio/ogg"
        assert heard(reply) == pytest.approx(0.5, abs=0.05)
    # A transcript beside the clip is best; else the name, where it can be one.
    texts = [request.voice.prompt_text for request in engine.requests]
    assert texts == ["Nice weather today", "", "what the clip says"]


def test_sillytaverns_adapter(client: httpx.Client) -> None:
    body = {
        "text": "Hello there.",
        "card_name": ["Seraphina"],
        "use_st_adapter": True,
        "target_voice": "alto",
        "text_lang": "en",
        "text_split_method": "cut5",
        "batch_size": 1,
        "media_type": "auto",
        "streaming_mode": "true",
    }
    reply = client.post("/", json=body)
    assert (reply.headers["content-type"], heard(reply)) == ("audio/wav", 0.5)
    assert client.post("/", json=body | {"media_type": "mp3"}).headers["content-type"] == "audio/mpeg"
    refused = client.post("/", json=body | {"target_voice": "nobody"})
    assert refused.status_code == 400
    assert "nobody" in refused.text
    assert client.post("/", json=body | {"media_type": "silk"}).status_code == 400


# --- the older API ---

OLD_API = {
    "refer_wav_path": "reference.wav",
    "prompt_text": "what was said",
    "prompt_language": "英文",
    "text": "Hello there, my friend. Good morning.",
    "text_language": "英文",
    "cut_punc": ",.",
    "top_k": 20,
    "top_p": 0.6,
    "temperature": 0.6,
    "speed": 1,
    "inp_refs": ["alto.wav", "reference.wav"],
    "sample_steps": 32,
    "if_sr": False,
}


def test_the_old_api_by_body(client: httpx.Client, engine: FakeEngine) -> None:
    reply = client.post("/", json=OLD_API)
    assert heard(reply) == 1.0
    assert reply.headers["content-type"] == "audio/wav"
    assert int(reply.headers["content-length"]) == len(reply.content)
    (request,) = engine.requests
    assert request.text == "Hello there,\n my friend.\n Good morning."
    assert (request.options.language, request.options.top_k, request.options.top_p) == ("en", 20, 0.6)


def test_the_old_api_by_query(client: httpx.Client) -> None:
    assert heard(client.get("/", params={"text": "Hello there.", "text_language": "en"})) == 0.5
    fields = {key: value for key, value in OLD_API.items() if key != "if_sr"}
    assert heard(client.get("/", params=fields)) == 1.0


def test_the_old_apis_default_clip_can_be_changed(client: httpx.Client, engine: FakeEngine) -> None:
    client.post("/", json={"text": "Hello.", "text_language": "en"})
    change = {"refer_wav_path": "alto.wav", "prompt_text": "It is I.", "prompt_language": "en"}
    reply = client.post("/change_refer", json=change)
    assert (reply.status_code, reply.json()) == (200, {"code": 0, "message": "Success"})
    client.post("/", json={"text": "Hello.", "text_language": "en"})
    assert engine.requests[1].voice.prompt_text == "It is I."
    assert client.get("/change_refer", params={"prompt_text": "Really."}).json()["code"] == 0
    client.post("/", json={"text": "Hello.", "text_language": "en"})
    assert engine.requests[2].voice.prompt_text == "Really."


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "hi", "refer_wav_path": "../secret.wav"}])
def test_the_old_apis_errors_have_its_form(client: httpx.Client, body: dict[str, str]) -> None:
    reply = client.post("/", json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, 400)
    assert reply.json()["message"]
    assert client.post("/change_refer", json={}).json()["code"] == 400


def test_a_browser_at_the_root_is_told_where_to_look(client: httpx.Client) -> None:
    reply = client.get("/")
    assert reply.status_code == 400
    assert "/docs" in reply.json()["message"]


# --- OPEA ---


def test_opeas_speech_service_speaks_through_this_one(client: httpx.Client) -> None:
    # It posts the JSON as a bare string, without a content type, and with no voice.
    body = {
        "input": "Who are you?",
        "model": "microsoft/speecht5_tts",
        "voice": None,
        "response_format": "mp3",
        "speed": 1.0,
    }
    reply = client.post("/v1/audio/speech", content=json.dumps(body))
    assert reply.headers["content-type"] == "audio/mpeg"
    assert heard(reply) == pytest.approx(0.5, abs=0.1)
    named = client.post("/v1/audio/speech", json=body | {"voice": "reference", "response_format": "wav"})
    assert heard(named) == 0.5
    unknown = client.post("/v1/audio/speech", json=body | {"voice": "nobody"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "file_missing")
    assert client.get("/v1/health_check").json()["status"] == "ok"
