import base64
import io

import httpx
import pytest
import soundfile
from fastapi.testclient import TestClient

from comps.cores.proto.frames import MEDIA_TYPE, FrameReader
from services.gptsovits.main import build_app
from services.gptsovits.settings import GptSovitsSettings
from tests.services.clips import CLIP, OTHER_CLIP, hang_up, served, voiced, wav
from tests.services.fakes import FakeEngine
from tests.services.gptsovits.conftest import ready, until


def process(client: TestClient | httpx.Client, clip: bytes = CLIP, **fields: str) -> str:
    reply = client.post("/process", files={"audio": clip}, data=fields)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["speaker_id"])


def test_a_clip_becomes_a_speaker_who_then_speaks(client: TestClient) -> None:
    speaker = process(client, prompt_text="hello there", prompt_language="en")
    reply = client.post("/tts", json={"text": "One. Two.", "speaker_id": speaker, "seed": 3})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "audio/wav"
    assert reply.headers["X-Seed"] == "3"
    assert reply.headers["X-Sample-Rate"] == "24000"
    assert reply.headers["X-Speaker-Id"] == speaker
    assert soundfile.read(io.BytesIO(reply.content))[0].shape == (24_000,)


def test_the_same_clip_is_profiled_once_whatever_its_file_format(
    client: TestClient, engine: FakeEngine
) -> None:
    flac = io.BytesIO()
    soundfile.write(flac, *soundfile.read(io.BytesIO(CLIP), dtype="int16"), format="FLAC")
    first = client.post("/process", files={"audio": CLIP}).json()
    second = client.post("/process", files={"audio": flac.getvalue()}).json()
    assert (first["cached"], second["cached"]) == (False, True)
    assert first["speaker_id"] == second["speaker_id"]
    assert engine.n_profiles == 1


def test_another_transcript_is_another_profile(client: TestClient) -> None:
    assert process(client, prompt_text="one") != process(client, prompt_text="two")


def test_a_profile_travels_as_bytes(client: TestClient) -> None:
    made = client.post("/process", files={"audio": CLIP}, data={"include_profile": "true"}).json()
    data, speaker = base64.b64decode(made["profile"]), made["speaker_id"]
    assert client.delete(f"/speakers/{speaker}").status_code == 204
    gone = client.post("/tts", json={"text": "hello", "speaker_id": speaker})
    assert (gone.status_code, gone.json()["code"]) == (404, "speaker_unknown")
    assert client.put(f"/speakers/{speaker}", content=data).status_code == 200
    assert client.get(f"/speakers/{speaker}").json()["bytes"] == len(data)
    assert client.post("/tts", json={"text": "hello", "speaker_id": speaker}).status_code == 200


def test_profiles_with_a_wrong_digest_or_of_other_weights_are_refused(
    client: TestClient, settings: GptSovitsSettings
) -> None:
    made = client.post("/process", files={"audio": CLIP}, data={"include_profile": "true"}).json()
    data, speaker = base64.b64decode(made["profile"]), made["speaker_id"]
    assert client.put("/speakers/0000", content=data).json()["code"] == "corrupt_profile"
    assert client.put(f"/speakers/{speaker}", content=b"junk").json()["code"] == "corrupt_profile"
    others = FakeEngine(fingerprint="another")
    with TestClient(build_app(settings, load=others.loaded)) as other:
        ready(other)
        refused = other.put(f"/speakers/{speaker}", content=data)
        assert (refused.status_code, refused.json()["code"]) == (409, "profile_mismatch")


def test_process_with_a_text_answers_with_the_audio(client: TestClient) -> None:
    reply = client.post("/process", files={"audio": CLIP}, data={"text": "Hello.", "response_format": "flac"})
    assert reply.headers["content-type"] == "audio/flac"
    assert client.get(f"/speakers/{reply.headers['X-Speaker-Id']}").status_code == 200


def test_clips_may_be_named_sent_inline_or_uploaded_and_mean_the_same(client: TestClient) -> None:
    inline = "data:audio/wav;base64," + base64.b64encode(CLIP).decode()
    replies = [
        client.post("/tts", json={"text": "hello", "reference_audio": "reference.wav"}),
        client.post("/tts", json={"text": "hello", "reference_audio": "/app/audio/reference.wav"}),
        client.post("/tts", json={"text": "hello", "reference_audio": inline}),
        client.post("/tts", data={"text": "hello"}, files={"reference_audio": CLIP}),
        client.get("/tts", params={"text": "hello", "reference_audio": "audio/reference.wav"}),
    ]
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.headers["X-Speaker-Id"] for reply in replies}) == 1
    assert len({reply.content for reply in replies}) == 1


def test_clients_of_the_reference_api_are_served_unchanged(client: TestClient) -> None:
    fields = {
        "text": "hello",
        "text_lang": "en",
        "ref_audio_path": "reference.wav",
        "prompt_text": "a clip",
        "prompt_lang": "en",
        "text_split_method": "cut5",
        "batch_size": 1,
        "media_type": "wav",
        "streaming_mode": False,
    }
    for reply in (client.post("/tts", json=fields), client.get("/tts", params=fields)):
        assert reply.status_code == 200, reply.text
        assert soundfile.info(io.BytesIO(reply.content)).frames == 12_000  # the length in the header is right


@pytest.mark.parametrize("audio_format", ["wav", "pcm", "flac", "mp3", "opus", "ogg"])
@pytest.mark.parametrize("stream", [True, False])
def test_every_format_comes_with_its_media_type(client: TestClient, audio_format: str, stream: bool) -> None:
    fields = {
        "text": "hello",
        "reference_audio": "reference.wav",
        "response_format": audio_format,
        "stream": stream,
    }
    reply = client.post("/tts", json=fields)
    kinds = {"wav": "wav", "pcm": "pcm", "flac": "flac", "mp3": "mpeg", "opus": "ogg", "ogg": "ogg"}
    assert reply.headers["content-type"] == f"audio/{kinds[audio_format]}"
    assert ("content-length" in reply.headers) is not stream
    assert len(reply.content) > 1_000


BAD_REQUESTS = [
    ({"json": {"text": "hello"}}, 422, "invalid_option"),
    ({"json": {"text": "", "speaker_id": "x"}}, 422, "invalid_fields"),
    ({"json": {"text": "🙂🙂", "reference_audio": "reference.wav"}}, 422, "unspeakable_text"),
    ({"json": {"text": "x" * 50_000, "reference_audio": "reference.wav"}}, 422, "invalid_fields"),
    (
        {"json": {"text": "hi", "reference_audio": "reference.wav", "language": "tlh"}},
        422,
        "unsupported_language",
    ),
    ({"json": {"text": "hi", "reference_audio": "nowhere.wav"}}, 404, "file_missing"),
    ({"json": {"text": "hi", "reference_audio": "../secret.wav"}}, 422, "path_outside_root"),
    ({"json": {"text": "hi", "reference_audio": "/etc/passwd"}}, 422, "path_outside_root"),
    ({"json": {"text": "hi", "speaker_id": "nobody"}}, 404, "speaker_unknown"),
    ({"json": {"text": "hi", "reference_audio": "reference.wav", "model": "other"}}, 404, "model_not_found"),
    ({"json": {"text": "hi", "unheard": 1}}, 422, "invalid_fields"),
    ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "unreadable_body"),
    ({"content": b"[1]", "headers": {"content-type": "application/json"}}, 400, "unreadable_body"),
    (
        {"content": b'{"text": "\\ud800"}', "headers": {"content-type": "application/json"}},
        422,
        "invalid_fields",
    ),
    ({"content": b"a", "headers": {"content-type": "text/plain"}}, 415, "unsupported_media_type"),
    ({"content": b"a", "headers": {"content-type": "multipart/form-data"}}, 400, "unreadable_body"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": b""}}, 422, "invalid_audio"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": b"no audio"}}, 422, "invalid_audio"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": wav(voiced(0.2))}}, 422, "audio_too_short"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": wav(voiced(61))}}, 413, "audio_too_long"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": wav(voiced(2) * 0)}}, 422, "silent_audio"),
    ({"data": {"text": "hi"}, "files": {"unexpected": CLIP}}, 422, "invalid_option"),
    ({"json": {"text": "[fail]", "reference_audio": "reference.wav"}}, 500, "synthesis_failed"),
]


@pytest.mark.parametrize(("request_", "status", "code"), BAD_REQUESTS, ids=lambda value: str(value)[:40])
def test_each_bad_request_has_a_clean_answer(
    client: TestClient, request_: dict[str, object], status: int, code: str
) -> None:
    reply = client.post("/tts", **request_)  # type: ignore[arg-type]
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert problem["status"] == status
    assert problem["instance"] == "/tts"
    assert problem["request_id"] == reply.headers["X-Request-Id"]
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in reply.text


def test_an_unsupported_language_lists_the_supported(client: TestClient) -> None:
    reply = client.post("/tts", json={"text": "hi", "reference_audio": "reference.wav", "language": "tlh"})
    assert "en" in reply.json()["supported"]


def test_aac_is_made_or_refused_before_anything_is_synthesised(
    client: TestClient, engine: FakeEngine
) -> None:
    fields = {"text": "hi", "reference_audio": "reference.wav", "response_format": "aac"}
    reply = client.post("/tts", json=fields)
    if reply.status_code != 200:
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_option")
        assert engine.n_submitted == 0


def test_unknown_routes_and_methods_are_problems_too(client: TestClient) -> None:
    assert client.get("/nowhere").json()["code"] == "not_found"
    assert client.delete("/tts").json()["code"] == "method_not_allowed"


def test_a_full_queue_says_when_to_come_back(client: TestClient, engine: FakeEngine) -> None:
    engine.capacity = 0
    reply = client.post("/tts", json={"text": "hi", "reference_audio": "reference.wav"})
    assert (reply.status_code, reply.json()["code"]) == (503, "engine_busy")
    assert (reply.headers["Retry-After"], reply.headers["retry-after-ms"]) == ("2", "1500")


def test_a_body_beyond_the_limit_is_refused_announced_or_not(
    settings: GptSovitsSettings, engine: FakeEngine
) -> None:
    small = settings.model_copy(update={"max_body_bytes": 10_000})
    with TestClient(build_app(small, load=engine.loaded)) as client:
        ready(client)
        announced = client.post("/process", files={"audio": CLIP})
        assert (announced.status_code, announced.json()["code"]) == (413, "body_too_large")
        chunks = (b"x" * 1_000 for _ in range(20))
        silent = client.put("/speakers/a", content=chunks)
        assert (silent.status_code, silent.json()["code"]) == (413, "body_too_large")


def test_a_request_id_is_taken_over_if_it_is_one(client: TestClient) -> None:
    assert client.get("/health", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    strange = client.get("/health", headers={"X-Request-Id": "a b\tc"}).headers["X-Request-Id"]
    assert len(strange) == 32


def test_frames_carry_segments_and_an_end(client: TestClient) -> None:
    fields = {"text": "One. Two.", "reference_audio": "reference.wav"}
    reply = client.post("/tts", json=fields, headers={"Accept": MEDIA_TYPE})
    found = [each.frame for each in FrameReader().feed(reply.content)]
    assert [frame.segment for frame in found[:-1]] == [0, 0, 1, 1]
    assert found[-1].end
    assert not any(frame.end for frame in found[:-1])


def test_an_error_after_the_first_audio_is_a_frame_with_its_problem(client: TestClient) -> None:
    fields = {"text": "One. [fail]", "reference_audio": "reference.wav"}
    reply = client.post("/tts", json=fields, headers={"Accept": MEDIA_TYPE})
    last = list(FrameReader().feed(reply.content))[-1].frame
    assert last.problem is not None
    assert last.problem.code == "synthesis_failed"
    assert not last.end


def test_a_client_that_hangs_up_cancels_its_request(settings: GptSovitsSettings, engine: FakeEngine) -> None:
    fields = {"text": "[slow]. " * 100, "reference_audio": "reference.wav"}
    with served(build_app(settings, load=engine.loaded)) as url, httpx.Client(base_url=url) as client:
        ready(client)
        with client.stream("POST", "/tts", json=fields) as reply:
            pieces = reply.iter_bytes()  # kept: a forgotten iterator hangs up
            next(pieces)
            assert engine.running == 1
        until(lambda: engine.cancelled == 1 and engine.running == 0)


@pytest.mark.parametrize("stream", [True, False])
def test_hanging_up_before_the_first_audio_cancels_too(
    settings: GptSovitsSettings, engine: FakeEngine, stream: bool
) -> None:
    fields = {"text": "[stuck].", "reference_audio": "reference.wav", "stream": stream}
    with served(build_app(settings, load=engine.loaded)) as url, httpx.Client(base_url=url) as client:
        ready(client)
        hang_up(f"{url}/tts", json=fields, when=lambda: engine.running == 1)
        until(lambda: engine.cancelled == 1 and engine.running == 0)


def test_clips_of_different_voices_are_different_speakers(client: TestClient) -> None:
    assert process(client, CLIP) != process(client, OTHER_CLIP)
