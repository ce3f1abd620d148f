import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import soundfile
from pydantic import SecretStr

from comps.cores.keys.key import ApiKey, ApiKeys, Scope, digest
from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, OTHER_CLIP, served
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import wait_for

KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


def state_of(client: httpx.Client, job_id: str) -> str:
    return str(client.get(f"/status/{job_id}").json()["state"])


def test_asking_again_with_the_same_key_gives_the_same_job(client: httpx.Client, engine: FakeEngine) -> None:
    wish = {"text": "One. Two.", "async": True}
    first, again = (client.post("/tts", json=wish, headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.headers["Location"] == again.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    wait_for(lambda: state_of(client, first.json()["job_id"]) == "succeeded")
    late = client.post("/tts", json=wish, headers=KEY)
    assert (late.json()["job_id"], late.json()["state"]) == (first.json()["job_id"], "succeeded")
    assert engine.n_submitted == 1
    other = client.post("/tts", json=wish, headers={"Idempotency-Key": "other"})
    assert other.json()["job_id"] != first.json()["job_id"]


@pytest.mark.parametrize("response_format", ["wav", "flac", "mp3", "opus", "pcm"])
@pytest.mark.parametrize("stream", [True, False])
def test_audio_is_given_again_without_being_made_again(
    client: httpx.Client, engine: FakeEngine, response_format: str, stream: bool
) -> None:
    wish = {"text": "One. Two.", "response_format": response_format, "stream": stream}
    first, again = (client.post("/tts", json=wish, headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    same = ("X-Job-Id", "X-Seed", "X-Speaker-Id", "X-Sample-Rate", "X-Segments", "content-type")
    assert [first.headers[name] for name in same] == [again.headers[name] for name in same]
    if stream and response_format in ("wav", "flac"):  # the file has the lengths that the stream could not
        assert again.content[44:] == first.content[44:]
    else:
        assert again.content == first.content
    assert engine.n_submitted == 1


def test_an_answer_that_is_still_being_made_is_heard_from_its_start(
    client: httpx.Client, engine: FakeEngine
) -> None:
    wish = {"text": "[slow]. " * 6}
    replies: list[httpx.Response] = []

    def ask() -> None:
        replies.append(client.post("/tts", json=wish, headers=KEY))

    with client.stream("POST", "/tts", json=wish, headers=KEY) as first:
        pieces = first.iter_bytes()
        head = next(pieces)
        assert engine.running == 1
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        data = head + b"".join(pieces)
    for thread in threads:
        thread.join()
    assert [reply.status_code for reply in replies] == [200] * 3
    assert {reply.content[44:] for reply in replies} == {data[44:]}
    assert {reply.headers["X-Job-Id"] for reply in replies} == {first.headers["X-Job-Id"]}
    assert engine.n_submitted == 1


def test_equal_requests_at_the_same_moment_make_one_job(client: httpx.Client, engine: FakeEngine) -> None:
    def ask(_: int) -> httpx.Response:
        return client.post("/tts", json={"text": "One. [slow]. Three."}, headers=KEY)

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(ask, range(8)))
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.headers["X-Job-Id"] for reply in replies}) == 1
    assert len({reply.content[44:] for reply in replies}) == 1
    assert sum("Idempotent-Replayed" not in reply.headers for reply in replies) == 1
    assert engine.n_submitted == 1


def test_a_client_that_lost_its_connection_finds_all_of_it_when_it_comes_back(
    client: httpx.Client, engine: FakeEngine
) -> None:
    wish = {"text": "[slow]. " * 5}
    with client.stream("POST", "/tts", json=wish, headers=KEY) as reply:
        next(reply.iter_bytes())
        job = reply.headers["X-Job-Id"]
    again = client.post("/tts", json=wish, headers=KEY)
    assert again.headers["X-Job-Id"] == job
    assert len(again.content) == 44 + 5 * 24_000
    assert (engine.n_submitted, engine.cancelled) == (1, 0)


def test_a_key_with_another_request_is_refused(client: httpx.Client) -> None:
    assert client.post("/tts", json={"text": "One."}, headers=KEY).status_code == 200
    others = [
        client.post("/tts", json={"text": "Two."}, headers=KEY),
        client.post("/tts", json={"text": "One.", "async": True}, headers=KEY),
        client.post("/tts", data={"text": "One."}, files={"reference_audio": CLIP}, headers=KEY),
        client.post("/v1/audio/speech", json={"input": "One.", "voice": "alto"}, headers=KEY),
    ]
    assert [reply.status_code for reply in others] == [422] * 4
    assert others[0].json()["code"] == "idempotency_key_reused"
    upload = {"data": {"text": "Three."}, "headers": {"Idempotency-Key": "upload"}}
    replies = [
        client.post("/tts", files={"reference_audio": clip}, **upload)  # type: ignore[arg-type]
        for clip in (CLIP, CLIP, OTHER_CLIP)
    ]
    assert [reply.status_code for reply in replies] == [200, 200, 422]
    assert (
        client.post("/tts", json={"text": "One."}, headers={"Idempotency-Key": "x" * 300}).status_code == 422
    )


def test_what_may_go_better_next_time_is_tried_again_and_what_cannot_is_not(
    client: httpx.Client, engine: FakeEngine
) -> None:
    failing = {"text": "[fail]."}
    replies = [client.post("/tts", json=failing, headers=KEY) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [500, 500]
    assert engine.n_submitted == 2
    mute = {"text": "🙂🙂"}
    unspeakable = [client.post("/tts", json=mute, headers={"Idempotency-Key": "mute"}) for _ in range(2)]
    assert [reply.json()["code"] for reply in unspeakable] == ["unspeakable_text"] * 2
    counts = client.get("/status").json()["counts"]
    assert counts["failed"] == 3, "the second unspeakable one was answered from the first"

    stuck = {"text": "[stuck].", "async": True}
    first = client.post("/tts", json=stuck, headers={"Idempotency-Key": "stuck"}).headers["Location"]
    assert client.delete(first).json()["state"] == "cancelled"
    second = client.post("/tts", json=stuck, headers={"Idempotency-Key": "stuck"}).headers["Location"]
    assert second != first
    client.delete(second)


def test_openai_clients_may_use_keys_too(client: httpx.Client, engine: FakeEngine) -> None:
    wish = {"input": "Hello.", "voice": "alto", "model": "tts-1", "response_format": "pcm"}
    first, again = (client.post("/v1/audio/speech", json=wish, headers=KEY) for _ in range(2))
    assert first.content == again.content
    events = [
        client.post(
            "/v1/audio/speech", json=wish | {"stream_format": "sse"}, headers={"Idempotency-Key": "e"}
        )
        for _ in range(2)
    ]
    assert events[0].text.count("speech.audio.done") == events[1].text.count("speech.audio.done") == 1
    assert engine.n_submitted == 2


def test_a_key_holds_at_every_gateway_and_after_a_restart(
    settings: GatewaySettings, engine: FakeEngine
) -> None:
    wish = {"text": "[slow]. " * 6}
    with served(build_app(settings)) as one, served(build_app(settings)) as other:
        heard: list[httpx.Response] = []

        def ask(url: str) -> None:
            heard.append(httpx.post(f"{url}/tts", json=wish, headers=KEY, timeout=60))

        threads = [threading.Thread(target=ask, args=(url,)) for url in (one, other)]
        threads[0].start()
        wait_for(lambda: engine.running == 1)
        threads[1].start()
        for thread in threads:
            thread.join()
    with served(build_app(settings)) as later:
        ask(later)
    assert [reply.status_code for reply in heard] == [200] * 3
    assert len({reply.headers["X-Job-Id"] for reply in heard}) == 1
    assert len({reply.content[44:] for reply in heard}) == 1
    assert engine.n_submitted == 1
    (file,) = settings.output_path.glob("*.wav")
    assert soundfile.info(file).duration == pytest.approx(3.0)


def test_one_clients_keys_are_not_anothers(settings: GatewaySettings, engine: FakeEngine) -> None:
    secrets = ("first-secret", "second-secret")
    keys = [ApiKey(name=each, sha256=digest(each), scopes=(Scope.SPEAK,)) for each in secrets]
    as_json = ApiKeys.dump_json(tuple(keys)).decode()
    guarded = settings.model_copy(update={"api_keys": SecretStr(as_json)})
    with served(build_app(guarded)) as url:
        replies = [
            httpx.post(
                f"{url}/tts", json={"text": secret}, headers=KEY | {"Authorization": f"Bearer {secret}"}
            )
            for secret in secrets
        ]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert engine.n_submitted == 2


def test_audio_that_has_been_removed_is_said_to_be(client: httpx.Client, settings: GatewaySettings) -> None:
    client.post("/tts", json={"text": "One."}, headers=KEY)
    for file in settings.output_path.glob("*.wav"):
        file.unlink()
    gone = client.post("/tts", json={"text": "One."}, headers=KEY)
    assert (gone.status_code, gone.json()["code"]) == (404, "job_unknown")
