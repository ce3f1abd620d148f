"""Requests that must sound the same are said once."""

import threading
from collections.abc import Callable

import httpx
import pytest

from tests.services.tts.conftest import wait_for
from tests.services.tts.gated import GatedEngine

WISH = {"text": "One. [gate]. Three.", "seed": 5}


def beside(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


def test_equal_requests_with_a_seed_are_synthesised_once_and_each_is_its_own_job(
    client: httpx.Client, engine: GatedEngine
) -> None:
    forms: list[dict[str, object]] = [{}, {}, {"response_format": "flac"}, {}]
    replies: list[httpx.Response] = []
    threads = [
        beside(lambda form=form: replies.append(client.post("/tts", json=WISH | form)))  # type: ignore[misc]
        for form in forms
    ]
    wait_for(lambda: n_heard(client) == 4)
    engine.gate.set()
    for thread in threads:
        thread.join()
    assert {reply.status_code for reply in replies} == {200}
    assert engine.n_submitted == 1
    jobs = {reply.headers["X-Job-Id"] for reply in replies}
    assert len(jobs) == 4
    wavs = [reply.content for reply in replies if reply.headers["content-type"] == "audio/wav"]
    assert [len(content) for content in wavs] == [44 + 3 * 24_000] * 3
    assert len({content[44:] for content in wavs}) == 1
    assert {client.get(f"/status/{job}").json()["state"] for job in jobs} == {"succeeded"}
    alone = client.post("/tts", json=WISH)
    assert alone.content[44:] == wavs[0][44:]
    assert engine.n_submitted == 2


def test_who_cancels_takes_nothing_from_the_others(client: httpx.Client, engine: GatedEngine) -> None:
    whole: list[httpx.Response] = []
    with client.stream("POST", "/tts", json=WISH) as first:
        pieces = first.iter_bytes()  # to be held: the connection goes with it
        next(pieces)
        listener = beside(lambda: whole.append(client.post("/tts", json=WISH)))
        job = client.post("/tts", json=WISH | {"async": True}).headers["Location"]
        wait_for(lambda: n_heard(client) == 3)
        assert client.delete(job).json()["state"] == "cancelled"
    wait_for(lambda: client.get("/status").json()["counts"]["cancelled"] == 2)
    wait_for(lambda: engine.cancelled == 1)  # nobody listened to the job beside it
    engine.gate.set()
    listener.join()
    assert len(whole[0].content) == 44 + 3 * 24_000
    assert engine.n_submitted == 2
    assert engine.cancelled == 1


def n_heard(client: httpx.Client) -> int:
    """How many jobs have been told the first segment."""
    return sum(job["segments_done"] == 1 for job in client.get("/status").json()["jobs"])


def test_when_all_have_left_the_engine_stops(client: httpx.Client, engine: GatedEngine) -> None:
    endless = {"text": "[slow]. " * 200, "seed": 5, "async": True}
    jobs = [client.post("/tts", json=endless).headers["Location"] for _ in range(2)]
    wait_for(lambda: all(client.get(job).json()["segments_done"] > 0 for job in jobs))
    assert engine.running == 1
    for job in jobs:
        client.delete(job)
    wait_for(lambda: engine.running == 0 and engine.cancelled == 1)


def test_without_a_seed_or_with_another_wish_nothing_is_shared(
    client: httpx.Client, engine: GatedEngine
) -> None:
    wishes = [
        {"text": WISH["text"]},
        {"text": WISH["text"]},
        WISH,
        WISH | {"seed": 6},
        WISH | {"voice": "alto"},
        WISH | {"speed": 1.5},
        WISH | {"stream": False},  # whole sentences are spoken a little differently
        WISH | {"reference_text": "other words"},
    ]
    replies: list[httpx.Response] = []
    threads = [
        beside(lambda wish=wish: replies.append(client.post("/tts", json=wish)))  # type: ignore[misc]
        for wish in wishes
    ]
    wait_for(lambda: n_heard(client) == len(wishes))
    engine.gate.set()
    for thread in threads:
        thread.join()
    assert {reply.status_code for reply in replies} == {200}
    assert engine.n_submitted == len(wishes)


def test_what_fails_fails_for_all_and_is_tried_anew(client: httpx.Client, engine: GatedEngine) -> None:
    wish = {"text": "[slow]. [slow]. [fail].", "seed": 5, "stream": False}
    replies: list[httpx.Response] = []
    threads = [beside(lambda: replies.append(client.post("/tts", json=wish))) for _ in range(3)]
    for thread in threads:
        thread.join()
    assert {reply.json()["code"] for reply in replies} == {"synthesis_failed"}
    assert engine.n_submitted <= 3
    assert client.post("/tts", json=wish | {"text": "better"}).status_code == 200
