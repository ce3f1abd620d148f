"""`POST /transfer` of the gateway: a job like those of `/tts`, of another kind."""

import base64
import io
from pathlib import Path

import httpx
import pytest
import soundfile

from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, OTHER_CLIP, hang_up, served, voiced, wav
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import wait_for

SECONDS = 2.33
SOURCE = wav(voiced(SECONDS, pitch=180.0))
TEXT = "Something that was said. And more."
UPLOADS = {"source": SOURCE, "reference": CLIP}


def seconds_of(data: bytes) -> float:
    samples, rate = soundfile.read(io.BytesIO(data))
    return len(samples) / rate


def test_a_recording_comes_back_in_another_voice_and_is_kept(
    client: httpx.Client, settings: GatewaySettings
) -> None:
    reply = client.post("/transfer", data={"text": TEXT, "seed": "3"}, files=UPLOADS)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "audio/wav"
    assert (reply.headers["X-Seed"], reply.headers["X-Speaker-Cache"]) == ("3", "miss")
    assert 0 <= seconds_of(reply.content) - SECONDS < 0.04
    job = reply.headers["X-Job-Id"]
    wait_for(lambda: client.get(f"/status/{job}").json()["state"] == "succeeded")
    view = client.get(f"/status/{job}").json()
    assert view["kind"] == "transfer"
    assert view["segments_done"] == view["segments_total"] == 1
    assert view["audio_seconds"] == pytest.approx(SECONDS, abs=0.04)
    kept = (settings.output_path / f"{job}.wav").read_bytes()
    assert (
        soundfile.read(io.BytesIO(kept))[0].tolist() == soundfile.read(io.BytesIO(reply.content))[0].tolist()
    )
    assert TEXT in client.get(view["links"]["srt"]).text
    assert not list((settings.state_folder / "uploads").glob("*"))


def test_target_and_source_may_be_named_in_every_way(client: httpx.Client, audio: Path) -> None:
    (audio / "source.wav").write_bytes(SOURCE)
    inline = "data:audio/wav;base64," + base64.b64encode(SOURCE).decode()
    fields = {"text": TEXT, "seed": 3}
    first = client.post("/transfer", data=fields, files={"source": SOURCE, "reference": OTHER_CLIP})
    speaker = first.headers["X-Speaker-Id"]
    replies = [
        client.post("/transfer", data=fields, files={"source": SOURCE, "reference_audio": OTHER_CLIP}),
        client.post("/transfer", data=fields | {"voice": "alto"}, files={"source": SOURCE}),
        client.post("/transfer", data=fields | {"reference_audio": "alto.wav"}, files={"source": SOURCE}),
        client.post("/transfer", data=fields | {"speaker_id": speaker}, files={"source": SOURCE}),
        client.post("/transfer", json=fields | {"source_audio": "source.wav", "voice": "alto"}),
        client.post("/transfer", json=fields | {"source_audio": inline, "voice": "alto"}),
    ]
    assert [reply.status_code for reply in replies] == [200] * len(replies)
    assert {reply.headers["X-Speaker-Id"] for reply in replies} == {speaker}
    assert {reply.headers["X-Speaker-Cache"] for reply in replies} == {"hit"}
    assert {reply.content for reply in replies} == {first.content}
    default = client.post("/transfer", data=fields, files={"source": SOURCE})
    assert default.headers["X-Speaker-Id"] != speaker


def test_the_target_profile_is_that_of_speech(client: httpx.Client, engine: FakeEngine) -> None:
    client.post("/tts", json={"text": "hello", "voice": "alto"})
    reply = client.post("/transfer", data={"text": TEXT, "voice": "alto"}, files={"source": SOURCE})
    assert reply.headers["X-Speaker-Cache"] == "hit"
    assert engine.n_profiles == 1


@pytest.mark.parametrize("audio_format", ["wav", "pcm", "flac", "mp3", "opus"])
@pytest.mark.parametrize("stream", ["true", "false"])
def test_every_format_comes_streamed_and_whole(client: httpx.Client, audio_format: str, stream: str) -> None:
    fields = {"text": TEXT, "response_format": audio_format, "stream": stream}
    reply = client.post("/transfer", data=fields, files=UPLOADS)
    assert reply.status_code == 200
    assert ("content-length" in reply.headers) is (stream == "false")
    assert len(reply.content) > 1_000


def test_what_is_asked_for_reaches_the_engine(client: httpx.Client, engine: FakeEngine) -> None:
    fields = {"text": TEXT, "language": "en", "speed": "1.5", "seed": "9", "sample_steps": "8"}
    fields |= {"pronunciations": '{"said": "S EH1 D"}'}
    client.post("/transfer", data=fields, files=UPLOADS)
    (request,) = engine.transfers
    options = request.options
    assert (options.language, options.speed, options.seed, options.sample_steps) == ("en", 1.5, 9, 8)
    assert options.pronunciations == {"said": "S EH1 D"}


def test_a_job_is_answered_at_once_and_asked_for_later(client: httpx.Client) -> None:
    accepted = client.post("/transfer", data={"text": TEXT, "async": "true"}, files=UPLOADS)
    assert (accepted.status_code, accepted.json()["kind"]) == (202, "transfer")
    preferred = client.post(
        "/transfer", data={"text": TEXT}, files=UPLOADS, headers={"Prefer": "respond-async"}
    )
    for where in (accepted.headers["Location"], preferred.headers["Location"]):
        wait_for(lambda: client.get(where).json()["state"] == "succeeded")  # noqa: B023
        assert 0 <= seconds_of(client.get(f"{where}/audio").content) - SECONDS < 0.04
    assert {job["kind"] for job in client.get("/status").json()["jobs"]} == {"transfer"}


def test_an_uploaded_source_survives_a_restart_of_the_gateway(
    settings: GatewaySettings, engine: FakeEngine, audio: Path
) -> None:
    (audio / "source.wav").write_bytes(SOURCE)
    engine.capacity = 0  # too busy for now
    with served(build_app(settings)) as url, httpx.Client(base_url=url) as client:
        jobs = [
            client.post("/transfer", data={"text": TEXT, "async": "true"}, files=UPLOADS),
            client.post("/transfer", json={"text": TEXT, "async": True, "source_audio": "source.wav"}),
        ]
        (audio / "source.wav").unlink()
    engine.capacity = 8
    with served(build_app(settings)) as url, httpx.Client(base_url=url) as client:
        for job in jobs:
            where = job.headers["Location"]
            wait_for(lambda: client.get(where).json()["state"] == "succeeded")  # noqa: B023
            assert 0 <= seconds_of(client.get(f"{where}/audio").content) - SECONDS < 0.04
        wait_for(lambda: not list((settings.state_folder / "uploads").iterdir()))


def test_an_inference_service_that_forgot_the_target_is_told_again(
    client: httpx.Client, inference: str
) -> None:
    first = client.post("/transfer", data={"text": TEXT, "seed": "1"}, files=UPLOADS)
    httpx.delete(f"{inference}/speakers/{first.headers['X-Speaker-Id']}")
    again = client.post("/transfer", data={"text": TEXT, "seed": "1"}, files=UPLOADS)
    assert (again.status_code, again.headers["X-Speaker-Cache"]) == (200, "hit")
    assert again.content == first.content


def test_deleting_a_running_job_stops_the_engine(client: httpx.Client, engine: FakeEngine) -> None:
    job = client.post("/transfer", data={"text": "[stuck]", "async": "true"}, files=UPLOADS)
    wait_for(lambda: engine.running == 1)
    assert client.delete(job.headers["Location"]).json()["state"] == "cancelled"
    wait_for(lambda: engine.cancelled == 1 and engine.running == 0)


def test_a_listener_who_hangs_up_stops_the_engine(client: httpx.Client, engine: FakeEngine) -> None:
    url = str(client.base_url.join("/transfer"))
    hang_up(url, data={"text": "[stuck]"}, files=UPLOADS, when=lambda: engine.running == 1)
    wait_for(lambda: engine.cancelled == 1 and engine.running == 0)


def test_asking_again_with_the_same_key_gets_the_same_job(client: httpx.Client, engine: FakeEngine) -> None:
    key = {"Idempotency-Key": "once"}
    first = client.post("/transfer", data={"text": TEXT}, files=UPLOADS, headers=key)
    again = client.post("/transfer", data={"text": TEXT}, files=UPLOADS, headers=key)
    assert again.headers["X-Job-Id"] == first.headers["X-Job-Id"]
    assert len(engine.transfers) == 1
    other = {"source": CLIP, "reference": CLIP}
    refused = client.post("/transfer", data={"text": TEXT}, files=other, headers=key)
    assert refused.status_code == 422


BAD = [
    ({"text": TEXT}, {"reference": CLIP}, 422, "invalid_option"),
    ({"text": TEXT, "source_audio": "alto.wav"}, UPLOADS, 422, "invalid_option"),
    ({"text": TEXT, "voice": "alto"}, UPLOADS, 422, "invalid_option"),
    ({"text": TEXT, "voice": "nobody"}, {"source": SOURCE}, 404, "voice_unknown"),
    ({"text": TEXT, "speaker_id": "nobody"}, {"source": SOURCE}, 404, "speaker_unknown"),
    ({}, UPLOADS, 422, "invalid_fields"),
    ({"text": "a" * 2_001}, UPLOADS, 422, "invalid_fields"),
    ({"text": TEXT, "top_k": "3"}, UPLOADS, 422, "invalid_fields"),
    ({"text": "…"}, UPLOADS, 422, "unspeakable_text"),
    ({"text": TEXT, "language": "tlh"}, UPLOADS, 422, "unsupported_language"),
    ({"text": TEXT}, {"source": b"junk", "reference": CLIP}, 422, "invalid_audio"),
    ({"text": TEXT}, {"source": SOURCE, "reference": b"junk"}, 422, "invalid_audio"),
    ({"text": TEXT}, {"source": wav(voiced(60.5))}, 413, "audio_too_long"),
    ({"text": TEXT}, {"source": wav(voiced(0.2))}, 422, "audio_too_short"),
    ({"text": TEXT, "source_audio": "../secret.wav"}, {}, 422, "path_outside_root"),
    ({"text": TEXT, "response_format": "exe"}, UPLOADS, 422, "invalid_fields"),
    ({"text": TEXT}, {"source": SOURCE, "audio": CLIP}, 422, "invalid_option"),
]


@pytest.mark.parametrize(("fields", "files", "status", "code"), BAD)
def test_each_bad_request_has_a_clean_answer(
    client: httpx.Client, fields: dict[str, str], files: dict[str, bytes], status: int, code: str
) -> None:
    reply = client.post("/transfer", data=fields, files=files)
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
