import base64
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import soundfile

from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, OTHER_CLIP, served, voiced, wav
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import inference_app, wait_for


def test_a_clip_and_a_text_give_that_text_as_a_streamed_wav_that_is_also_kept(
    client: httpx.Client, settings: GatewaySettings
) -> None:
    with client.stream(
        "POST", "/tts", data={"text": "One. Two. Three."}, files={"reference_audio": CLIP}
    ) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "audio/wav"
        assert "content-length" not in reply.headers
        data = reply.read()
    assert reply.headers["X-Speaker-Cache"] == "miss"
    assert reply.headers["X-Sample-Rate"] == "24000"
    job = client.get(f"/status/{reply.headers['X-Job-Id']}").json()
    assert job["state"] == "succeeded"
    assert (job["segments_done"], job["segments_total"]) == (3, 3)
    assert job["audio_seconds"] == pytest.approx(1.5)
    kept = client.get(job["links"]["audio"])
    assert kept.headers["content-type"] == "audio/wav"
    samples, rate = soundfile.read(io.BytesIO(kept.content))
    assert (len(samples), rate) == (36_000, 24_000)
    assert kept.content[44:] == data[44:]
    assert [path.name for path in settings.output_path.glob("*.wav")] == [f"{job['job_id']}.wav"]
    assert not list(settings.output_path.glob(".*.part"))


def test_phonemize_is_answered_by_the_inference_service(client: httpx.Client) -> None:
    body = {"text": "I paid $5.", "language": "en", "pronunciations": {"paid": "P EY1 D"}}
    said = client.post("/phonemize", json=body)
    assert said.status_code == 200, said.text
    assert said.json()["norm_text"] == "I paid five dollars."
    assert len(said.json()["phones"]) == len(said.json()["phone_ids"])
    refused = client.post("/phonemize", json={"text": "你好", "language": "zh"})
    assert (refused.status_code, refused.json()["code"]) == (422, "unsupported_language")
    assert client.post("/phonemize", json={"text": "x", "speed": 2}).status_code == 422


def test_health_shows_both_services(client: httpx.Client) -> None:
    client.post("/tts", json={"text": "hello"})
    client.post("/tts", json={"text": "hello again"})
    health = client.get("/health").json()
    assert health["status"] == "ok"
    assert health["gptsovits"]["model"]["id"] == "fake"
    assert {"code": "en", "spoken": True} in health["gptsovits"]["languages"]
    assert health["jobs"] == {"queued": 0, "running": 0}
    assert (health["cache"]["hits"], health["cache"]["misses"]) == (1, 1)
    assert health["cache"]["bytes"] > 0


def test_without_the_inference_service_health_is_503_and_speaking_too(tmp_path: Path, audio: Path) -> None:
    settings = GatewaySettings(
        gptsovits_url="http://127.0.0.1:9", audio_path=audio, output_path=tmp_path / "output", _env_file=None
    )
    with served(build_app(settings)) as url, httpx.Client(base_url=url) as client:
        health = client.get("/health")
        assert health.status_code == 503
        assert health.json()["gptsovits"]["status"] == "unreachable"
        refused = client.post("/tts", json={"text": "hello"})
        assert (refused.status_code, refused.json()["code"]) == (503, "upstream_unavailable")
        assert int(refused.headers["Retry-After"]) >= 1


def test_one_profile_serves_every_text_and_way_of_naming_the_clip(
    client: httpx.Client, engine: FakeEngine
) -> None:
    inline = "data:audio/wav;base64," + base64.b64encode(CLIP).decode()
    named = {"text": "a", "reference_text": "what the clip says"}
    replies = [
        client.post("/tts", json={"text": "a", "reference_audio": "reference.wav"}),
        client.post("/tts", json={"text": "b", "reference_audio": "/app/audio/reference.wav"}),
        client.post("/tts", json={**named, "reference_audio": inline}),
        client.post("/tts", data=named, files={"reference_audio": CLIP}),
        client.post("/tts", json={"text": "e", "voice": "reference"}),
        client.post("/tts", json={"text": "f"}),
    ]
    assert [reply.status_code for reply in replies] == [200] * 6
    assert [reply.headers["X-Speaker-Cache"] for reply in replies] == ["miss"] + ["hit"] * 5
    assert len({reply.headers["X-Speaker-Id"] for reply in replies}) == 1
    assert engine.n_profiles == 1


def test_many_first_requests_at_once_make_one_profile(client: httpx.Client, engine: FakeEngine) -> None:
    engine.profile_seconds = 0.2
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: client.post("/tts", json={"text": f"number {n}"}), range(8)))
    assert [reply.status_code for reply in replies] == [200] * 8
    assert engine.n_profiles == 1


def test_concurrent_requests_with_different_voices_equal_their_serial_twins(client: httpx.Client) -> None:
    wishes = [(text, voice) for text in ("One.", "Two. Three.", "Four.") for voice in ("alto", "reference")]

    def ask(wish: tuple[str, str]) -> bytes:
        return client.post("/tts", json={"text": wish[0], "voice": wish[1], "seed": 5}).content

    serial = [ask(wish) for wish in wishes]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, wishes)) == serial
    assert len(set(serial)) == len(serial)


def test_an_inference_service_that_restarted_is_told_the_speaker_again_unnoticed(
    tmp_path: Path, audio: Path
) -> None:
    first, second = FakeEngine(), FakeEngine()
    with served(inference_app(tmp_path, first)) as url:  # type: ignore[arg-type]
        port = int(url.rsplit(":", 1)[1])
        settings = GatewaySettings(
            gptsovits_url=url, audio_path=audio, output_path=tmp_path / "output", _env_file=None
        )
        with served(build_app(settings)) as gateway, httpx.Client(base_url=gateway) as client:
            wait_for(lambda: client.get("/health").status_code == 200)
            before = client.post("/tts", json={"text": "hello", "seed": 1})
            client.delete("/")  # keeps the connection pool awake
            httpx.delete(f"{url}/speakers/{before.headers['X-Speaker-Id']}")
            after = client.post("/tts", json={"text": "hello", "seed": 1})
            assert (after.status_code, after.headers["X-Speaker-Cache"]) == (200, "hit")
            assert after.content == before.content
    with (
        served(inference_app(tmp_path, second), port=port),  # type: ignore[arg-type]
        served(build_app(settings)) as gateway,
        httpx.Client(base_url=gateway) as client,
    ):
        wait_for(lambda: client.get("/health").status_code == 200)
        again = client.post("/tts", json={"text": "hello", "seed": 1})
        assert (again.status_code, again.headers["X-Speaker-Cache"]) == (200, "hit")
        assert again.content == before.content
        assert second.n_profiles == 0


def test_other_weights_behind_the_same_address_make_new_profiles(tmp_path: Path, audio: Path) -> None:
    engine = FakeEngine()
    app = inference_app(tmp_path, engine)
    with served(app) as url:  # type: ignore[arg-type]
        settings = GatewaySettings(
            gptsovits_url=url, audio_path=audio, output_path=tmp_path / "output", _env_file=None
        )
        with served(build_app(settings)) as gateway, httpx.Client(base_url=gateway) as client:
            wait_for(lambda: client.get("/health").status_code == 200)
            first = client.post("/tts", json={"text": "hello"}).headers["X-Speaker-Id"]
            # The model is exchanged under the gateway's feet, within the time it believes in the old one.
            engine.fingerprint = "0" * 16
            app.state.speech.inference._loaded = engine.loaded()  # type: ignore[attr-defined]
            app.state.speech.speakers.forget(first)  # type: ignore[attr-defined]
            reply = client.post("/tts", json={"text": "hello"})
            assert reply.status_code == 200
            assert reply.headers["X-Speaker-Id"] != first


def test_a_damaged_cache_file_is_made_anew(
    client: httpx.Client, settings: GatewaySettings, inference: str, engine: FakeEngine
) -> None:
    first = client.post("/tts", json={"text": "hello", "seed": 1})
    (file,) = (settings.state_folder / "profiles").glob("*.profile")
    file.write_bytes(file.read_bytes()[:-3])
    httpx.delete(f"{inference}/speakers/{first.headers['X-Speaker-Id']}")
    again = client.post("/tts", json={"text": "hello", "seed": 1})
    assert again.status_code == 200
    assert again.content == first.content
    assert engine.n_profiles == 2


def test_a_job_is_answered_at_once_and_asked_for_later(client: httpx.Client) -> None:
    reply = client.post("/tts", json={"text": "One. Two.", "async": True})
    assert reply.status_code == 202
    where = reply.headers["Location"]
    assert reply.json()["state"] in ("queued", "running")
    wait_for(lambda: client.get(where).json()["state"] == "succeeded")
    job = client.get(where).json()
    part = client.get(job["links"]["audio"], headers={"Range": "bytes=0-43"})
    assert part.status_code == 206
    assert part.content[:4] == b"RIFF"
    assert int.from_bytes(part.content[40:44], "little") == 48_000
    preferred = client.post("/tts", json={"text": "hello"}, headers={"Prefer": "respond-async"})
    assert preferred.status_code == 202


def test_a_bad_job_is_refused_before_it_is_accepted(client: httpx.Client) -> None:
    reply = client.post("/tts", data={"text": "hi", "async": "true"}, files={"reference_audio": b"no audio"})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_audio")
    assert sum(client.get("/status").json()["counts"].values()) == 0


def test_a_job_that_fails_tells_why(client: httpx.Client) -> None:
    where = client.post("/tts", json={"text": "One. [fail].", "async": True}).headers["Location"]
    wait_for(lambda: client.get(where).json()["state"] == "failed")
    job = client.get(where).json()
    assert job["problem"]["code"] == "synthesis_failed"
    assert client.get(f"{where}/audio").status_code == 404


def test_deleting_a_running_job_stops_the_engine(client: httpx.Client, engine: FakeEngine) -> None:
    where = client.post("/tts", json={"text": "[slow]. " * 100, "async": True}).headers["Location"]
    wait_for(lambda: client.get(where).json()["segments_done"] > 0)
    assert client.get(f"{where}/audio").status_code == 409
    assert client.delete(where).json()["state"] == "cancelled"
    wait_for(lambda: engine.running == 0 and engine.cancelled == 1)
    assert client.delete(where).json()["state"] == "cancelled"


def test_a_listener_who_hangs_up_stops_the_engine(client: httpx.Client, engine: FakeEngine) -> None:
    with client.stream("POST", "/tts", json={"text": "[slow]. " * 100}) as reply:
        pieces = reply.iter_bytes()
        next(pieces)
        job = reply.headers["X-Job-Id"]
        assert engine.running == 1
        del pieces
    wait_for(lambda: engine.running == 0 and engine.cancelled == 1)
    wait_for(lambda: client.get(f"/status/{job}").json()["state"] == "cancelled")


def test_status_pages_through_jobs_newest_first(client: httpx.Client) -> None:
    made = [client.post("/tts", json={"text": f"job {n}"}).headers["X-Job-Id"] for n in range(5)]
    first = client.get("/status", params={"limit": 3}).json()
    rest = client.get("/status", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [job["job_id"] for job in first["jobs"] + rest["jobs"]] == made[::-1]
    assert "next_cursor" not in rest
    assert first["counts"]["succeeded"] == 5
    assert client.get("/status", params={"state": "failed"}).json()["jobs"] == []
    assert client.get("/status", params={"job_id": made[0]}).json()["job_id"] == made[0]
    assert client.get("/status", params={"cursor": "nonsense"}).status_code == 422


def test_events_follow_a_job_to_its_end(client: httpx.Client) -> None:
    where = client.post("/tts", json={"text": "[slow]. [slow]. [slow].", "async": True}).headers["Location"]
    with client.stream("GET", f"{where}/events") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in reply.iter_lines() if line.startswith("event: ")]
    assert lines[-1] == "event: succeeded"
    assert "event: running" in lines


def test_jobs_survive_a_restart_of_the_gateway(settings: GatewaySettings, engine: FakeEngine) -> None:
    with served(build_app(settings)) as url, httpx.Client(base_url=url) as client:
        text = "[slow]. " * 8
        job = client.post("/tts", data={"text": text, "async": "true"}, files={"reference_audio": OTHER_CLIP})
        where = job.headers["Location"]
        wait_for(lambda: client.get(where).json()["segments_done"] > 0)
    with served(build_app(settings)) as url, httpx.Client(base_url=url) as client:
        wait_for(lambda: client.get(where).json()["state"] == "succeeded")
        assert client.get(where).json()["audio_seconds"] == pytest.approx(4.0)
        assert soundfile.info(io.BytesIO(client.get(f"{where}/audio").content)).duration == pytest.approx(4.0)
        assert not list((settings.state_folder / "uploads").iterdir())


def test_an_async_job_waits_for_an_inference_service_that_is_busy(
    client: httpx.Client, engine: FakeEngine
) -> None:
    engine.capacity = 0
    where = client.post("/tts", json={"text": "patience", "async": True}).headers["Location"]
    sync = client.post("/tts", json={"text": "now"})
    assert (sync.status_code, sync.json()["code"]) == (503, "engine_busy")
    assert sync.headers["retry-after-ms"] == "1500"
    engine.capacity = 8
    wait_for(lambda: client.get(where).json()["state"] == "succeeded")


def test_old_jobs_go_with_their_files(settings: GatewaySettings) -> None:
    few = settings.model_copy(update={"jobs_kept": 2})
    with served(build_app(few)) as url, httpx.Client(base_url=url) as client:
        for n in range(4):
            client.post("/tts", json={"text": f"job {n}"})
    assert len(list(settings.output_path.glob("*.wav"))) == 4
    with served(build_app(few)) as url, httpx.Client(base_url=url) as client:
        wait_for(lambda: client.get("/status").json()["counts"]["succeeded"] == 2)
        wait_for(lambda: len(list(settings.output_path.glob("*.wav"))) == 2)


BAD_REQUESTS = [
    ({"json": {"text": ""}}, 422, "invalid_fields"),
    ({"json": {"text": "🙂🙂"}}, 422, "unspeakable_text"),
    ({"json": {"text": "x" * 50_000}}, 422, "invalid_fields"),
    ({"json": {"text": "hi", "language": "tlh"}}, 422, "unsupported_language"),
    ({"json": {"text": "hi", "voice": "nobody"}}, 404, "voice_unknown"),
    ({"json": {"text": "hi", "speaker_id": "nobody"}}, 404, "speaker_unknown"),
    ({"json": {"text": "hi", "reference_audio": "nowhere.wav"}}, 404, "file_missing"),
    ({"json": {"text": "hi", "reference_audio": "../secret.wav"}}, 422, "path_outside_root"),
    ({"json": {"text": "hi", "reference_audio": "https://example.org/a.wav"}}, 422, "url_refused"),
    ({"json": {"text": "hi", "voice": "alto", "reference_audio": "reference.wav"}}, 422, "invalid_option"),
    ({"json": {"text": "hi", "unheard": 1}}, 422, "invalid_fields"),
    ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "unreadable_body"),
    ({"content": b"a", "headers": {"content-type": "text/plain"}}, 415, "unsupported_media_type"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": b""}}, 422, "invalid_audio"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": b"no audio"}}, 422, "invalid_audio"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": wav(voiced(0.2))}}, 422, "audio_too_short"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": wav(voiced(61))}}, 413, "audio_too_long"),
    ({"data": {"text": "hi"}, "files": {"reference_audio": wav(voiced(2) * 0)}}, 422, "silent_audio"),
    ({"json": {"text": "[fail]"}}, 500, "synthesis_failed"),
]


@pytest.mark.parametrize(("request_", "status", "code"), BAD_REQUESTS, ids=lambda value: str(value)[:40])
def test_each_bad_request_has_a_clean_answer(
    client: httpx.Client, request_: dict[str, object], status: int, code: str
) -> None:
    reply = client.post("/tts", **request_)  # type: ignore[arg-type]
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["request_id"] == reply.headers["X-Request-Id"]
    assert reply.json()["instance"] == "/tts"


def test_unknown_jobs_are_404_everywhere(client: httpx.Client) -> None:
    for reply in (
        client.get("/status/none"),
        client.get("/status/none/audio"),
        client.get("/status/none/events"),
        client.delete("/status/none"),
        client.get("/status", params={"job_id": "none"}),
    ):
        assert (reply.status_code, reply.json()["code"]) == (404, "job_unknown")


def test_a_disk_that_is_full_does_not_silence_the_speaker(
    client: httpx.Client, settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("services.tts.jobs.files.os.replace", full)
    reply = client.post("/tts", json={"text": "hello"})
    assert reply.status_code == 200
    assert len(reply.content) == 44 + 24_000
    job = client.get(f"/status/{reply.headers['X-Job-Id']}").json()
    assert job["state"] == "succeeded"
    assert "No space left" in job["warnings"][-1]
    assert "audio" not in job["links"]


def test_the_request_id_travels_to_the_inference_service(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    from comps.cores import logs

    seen: list[str] = []

    class Listener:
        def filter(self, record: object) -> bool:
            seen.append(logs.request_id.get())
            return True

    import logging

    access = logging.getLogger("access")
    access.setLevel(logging.INFO)
    listener = Listener()
    access.addFilter(listener)  # type: ignore[arg-type]
    try:
        client.post("/tts", json={"text": "hello"}, headers={"X-Request-Id": "trace-me"})
        wait_for(lambda: seen.count("trace-me") >= 3)  # /process and /tts there, /tts here
    finally:
        access.removeFilter(listener)  # type: ignore[arg-type]


def test_metrics_count_jobs_and_cache(client: httpx.Client) -> None:
    client.post("/tts", json={"text": "hello"})
    text = client.get("/metrics").text
    assert 'tts_jobs_total{state="succeeded"} 1.0' in text
    assert "tts_profile_cache_misses_total 1.0" in text
