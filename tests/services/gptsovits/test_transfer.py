"""`POST /transfer` of the GPT-SoVITS service."""

import base64
import io
from pathlib import Path

import httpx
import pytest
import soundfile
from fastapi.testclient import TestClient

from comps.cores.proto.frames import MEDIA_TYPE, FrameReader
from services.gptsovits.main import build_app
from services.gptsovits.settings import GptSovitsSettings
from tests.services.clips import CLIP, OTHER_CLIP, hang_up, served, voiced, wav
from tests.services.fakes import FakeEngine
from tests.services.gptsovits.conftest import until

SECONDS = 2.33
SOURCE = wav(voiced(SECONDS, pitch=180.0))
TEXT = "Something that was said. And more."


@pytest.fixture
def settings(tmp_path: Path) -> GptSovitsSettings:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "target.wav").write_bytes(CLIP)
    (tmp_path / "audio" / "source.wav").write_bytes(SOURCE)
    (tmp_path / "secret.wav").write_bytes(CLIP)
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"weights")
    return GptSovitsSettings(
        model_path=model, audio_path=tmp_path / "audio", max_clip_seconds=20, _env_file=None
    )


def test_a_recording_comes_back_in_another_voice_as_long_as_it_was(client: TestClient) -> None:
    reply = client.post(
        "/transfer", data={"text": TEXT, "seed": 3}, files={"source": SOURCE, "reference": CLIP}
    )
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "audio/wav"
    assert reply.headers["X-Seed"] == "3"
    assert reply.headers["X-Sample-Rate"] == "24000"
    assert reply.headers["X-Segments"] == "1"
    assert client.get(f"/speakers/{reply.headers['X-Speaker-Id']}").status_code == 200
    samples, rate = soundfile.read(io.BytesIO(reply.content))
    assert 0 <= len(samples) / rate - SECONDS < 0.04


def test_source_and_target_may_be_uploads_paths_data_uris_or_a_known_speaker(client: TestClient) -> None:
    def inline(data: bytes) -> str:
        return "data:audio/wav;base64," + base64.b64encode(data).decode()

    speaker = client.post("/process", files={"audio": CLIP}).json()["speaker_id"]
    fields = {"text": TEXT}
    replies = [
        client.post("/transfer", data=fields, files={"source": SOURCE, "reference": CLIP}),
        client.post("/transfer", data=fields, files={"source_audio": SOURCE, "reference_audio": CLIP}),
        client.post("/transfer", data=fields | {"speaker_id": speaker}, files={"source": SOURCE}),
        client.post("/transfer", data=fields | {"reference_audio": "target.wav"}, files={"source": SOURCE}),
        client.post("/transfer", json=fields | {"source_audio": "source.wav", "speaker_id": speaker}),
        client.post("/transfer", json=fields | {"source": "audio/source.wav", "speaker_id": speaker}),
        client.post(
            "/transfer", json=fields | {"source_audio": inline(SOURCE), "reference_audio": inline(CLIP)}
        ),
    ]
    assert [reply.status_code for reply in replies] == [200] * len(replies)
    assert len({reply.headers["X-Speaker-Id"] for reply in replies}) == 1
    assert len({reply.content for reply in replies}) == 1


def test_another_target_is_another_voice(client: TestClient) -> None:
    first, second = [
        client.post("/transfer", data={"text": TEXT}, files={"source": SOURCE, "reference": target})
        for target in (CLIP, OTHER_CLIP)
    ]
    assert first.headers["X-Speaker-Id"] != second.headers["X-Speaker-Id"]
    assert first.content != second.content


@pytest.mark.parametrize("audio_format", ["wav", "pcm", "flac", "mp3", "opus"])
@pytest.mark.parametrize("stream", [True, False])
def test_every_format_comes_streamed_and_whole(client: TestClient, audio_format: str, stream: bool) -> None:
    fields = {
        "text": TEXT,
        "source_audio": "source.wav",
        "reference_audio": "target.wav",
        "response_format": audio_format,
        "stream": stream,
    }
    reply = client.post("/transfer", json=fields)
    assert reply.status_code == 200
    assert ("content-length" in reply.headers) is not stream
    assert len(reply.content) > 1_000


def test_the_gateway_gets_frames(client: TestClient) -> None:
    reply = client.post(
        "/transfer",
        data={"text": TEXT},
        files={"source": SOURCE, "reference": CLIP},
        headers={"Accept": MEDIA_TYPE},
    )
    frames = list(FrameReader().feed(reply.content))
    assert frames[0].frame.text == TEXT
    assert frames[-1].frame.end
    n_samples = sum(len(found.audio) for found in frames) / 2
    assert 0 <= n_samples / 24_000 - SECONDS < 0.04


def test_what_is_asked_for_reaches_the_engine(client: TestClient, engine: FakeEngine) -> None:
    client.post(
        "/transfer",
        data={"text": TEXT, "language": "en", "speed": "1.5", "seed": "9", "sample_steps": "8"}
        | {"pronunciations": '{"said": "S EH1 D"}'},
        files={"source": SOURCE, "reference": CLIP},
    )
    (request,) = engine.transfers
    assert request.text == TEXT
    assert request.source.seconds == pytest.approx(SECONDS, abs=0.001)
    options = request.options
    assert (options.language, options.speed, options.seed, options.sample_steps) == ("en", 1.5, 9, 8)
    assert options.pronunciations == {"said": "S EH1 D"}


BAD = [
    ({"text": TEXT}, {"reference": CLIP}, 422, "invalid_option"),  # no source
    ({"text": TEXT}, {"source": SOURCE}, 422, "invalid_option"),  # no target
    (
        {"text": TEXT, "source_audio": "source.wav"},
        {"source": SOURCE, "reference": CLIP},
        422,
        "invalid_option",
    ),
    ({"text": TEXT, "speaker_id": "x"}, {"source": SOURCE, "reference": CLIP}, 404, "speaker_unknown"),
    ({}, {"source": SOURCE, "reference": CLIP}, 422, "invalid_fields"),
    ({"text": ""}, {"source": SOURCE, "reference": CLIP}, 422, "invalid_fields"),
    ({"text": "a" * 2_001}, {"source": SOURCE, "reference": CLIP}, 422, "invalid_fields"),
    ({"text": TEXT, "top_k": "3"}, {"source": SOURCE, "reference": CLIP}, 422, "invalid_fields"),
    ({"text": "…"}, {"source": SOURCE, "reference": CLIP}, 422, "unspeakable_text"),
    ({"text": TEXT, "language": "zh"}, {"source": SOURCE, "reference": CLIP}, 422, "unsupported_language"),
    ({"text": TEXT}, {"source": b"junk", "reference": CLIP}, 422, "invalid_audio"),
    ({"text": TEXT}, {"source": SOURCE, "reference": b"junk"}, 422, "invalid_audio"),
    ({"text": TEXT}, {"source": wav(voiced(0.2)), "reference": CLIP}, 422, "audio_too_short"),
    ({"text": TEXT}, {"source": wav(voiced(20.5)), "reference": CLIP}, 413, "audio_too_long"),
    ({"text": TEXT}, {"source": wav(voiced() * 0), "reference": CLIP}, 422, "silent_audio"),
    ({"text": TEXT}, {"source": SOURCE, "audio": CLIP}, 422, "invalid_option"),
    ({"text": TEXT, "source_audio": "../secret.wav"}, {"reference": CLIP}, 422, "path_outside_root"),
    ({"text": TEXT, "source_audio": "nowhere.wav"}, {"reference": CLIP}, 404, "file_missing"),
    ({"text": TEXT, "model": "nowhere"}, {"source": SOURCE, "reference": CLIP}, 404, "model_not_found"),
]


@pytest.mark.parametrize(("fields", "files", "status", "code"), BAD)
def test_what_is_wrong_is_said(
    client: TestClient,
    engine: FakeEngine,
    fields: dict[str, str],
    files: dict[str, bytes],
    status: int,
    code: str,
) -> None:
    reply = client.post("/transfer", data=fields, files=files)
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert not engine.transfers


def test_who_hangs_up_cancels_the_transfer(settings: GptSovitsSettings, engine: FakeEngine) -> None:
    with served(build_app(settings, load=engine.loaded)) as url:
        until(lambda: httpx.get(f"{url}/health").status_code == 200)
        hang_up(
            f"{url}/transfer",
            data={"text": "[stuck] for ever"},
            files={"source": SOURCE, "reference": CLIP},
            when=lambda: engine.running == 1,
        )
        until(lambda: engine.cancelled == 1 and engine.running == 0)


def test_a_transfer_that_fails_is_a_problem(client: TestClient) -> None:
    fields = {"text": "this will [fail]"}
    reply = client.post("/transfer", data=fields, files={"source": SOURCE, "reference": CLIP})
    assert (reply.status_code, reply.json()["code"]) == (500, "synthesis_failed")
