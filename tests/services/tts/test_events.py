import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.tts.main import build_app
from services.tts.settings import GatewaySettings
from tests.services.clips import served
from tests.services.tts.conftest import wait_for
from tests.services.tts.gated import GatedEngine


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


@pytest.fixture
def one_at_a_time(settings: GatewaySettings) -> Iterator[httpx.Client]:
    narrow = settings.model_copy(update={"max_jobs_running": 1, "max_jobs_queued": 3})
    with served(build_app(narrow)) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def accept(client: httpx.Client, text: str) -> str:
    return str(client.post("/tts", json={"text": text, "async": True}).headers["Location"])


class Events:
    """Server-sent events, one at a time."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def next(self) -> tuple[str, dict[str, object]]:
        """The id and the data of the next event."""
        event_id = ""
        for line in self._lines:
            if line.startswith("id: "):
                event_id = line[4:]
            if line.startswith("data: "):
                return event_id, json.loads(line[6:])
        raise StopIteration

    def rest(self) -> list[tuple[str, dict[str, object]]]:
        found = []
        try:
            while True:
                found.append(self.next())
        except StopIteration:
            return found


def test_queue_positions_count_down_and_progress_counts_up(
    one_at_a_time: httpx.Client, engine: GatedEngine
) -> None:
    client = one_at_a_time
    first = accept(client, "One. [gate].")
    wait_for(lambda: engine.running == 1)
    second, third = accept(client, "Two."), accept(client, "A. B. C.")
    assert [client.get(job).json()["queue_position"] for job in (second, third)] == [0, 1]
    assert "queue_position" not in client.get(first).json()
    listed = {job["job_id"]: job.get("queue_position") for job in client.get("/status").json()["jobs"]}
    assert listed == {where.rpartition("/")[2]: n for where, n in ((first, None), (second, 0), (third, 1))}
    with client.stream("GET", f"{third}/events") as reply:
        events = Events(reply.iter_lines())
        _, at_first = events.next()
        assert (at_first["state"], at_first["queue_position"]) == ("queued", 1)
        client.delete(second)
        _, then = events.next()
        assert then["queue_position"] == 0
        engine.gate.set()
        shown = [data for _, data in events.rest()]
    assert shown[-1]["state"] == "succeeded"
    done = [data["segments_done"] for data in shown]
    assert done == sorted(done)  # type: ignore[type-var]
    assert (shown[-1]["segments_done"], shown[-1]["segments_total"]) == (3, 3)


def test_a_queue_that_is_full_says_when_to_come_back(
    one_at_a_time: httpx.Client, engine: GatedEngine
) -> None:
    first = accept(one_at_a_time, "One. [gate].")
    wait_for(lambda: engine.running == 1)
    waiting = [accept(one_at_a_time, "Two.") for _ in range(3)]
    full = one_at_a_time.post("/tts", json={"text": "Three.", "async": True})
    assert (full.status_code, full.json()["code"]) == (503, "engine_busy")
    assert full.headers["Retry-After"] == "5"
    for job in (first, *waiting):
        one_at_a_time.delete(job)
    assert one_at_a_time.post("/tts", json={"text": "Three.", "async": True}).status_code == 202


def test_who_comes_back_with_the_last_id_misses_nothing_and_hears_nothing_twice(
    client: httpx.Client, engine: GatedEngine
) -> None:
    job = accept(client, "One. [gate]. Three.")
    wait_for(lambda: client.get(job).json()["segments_done"] == 1)
    with client.stream("GET", f"{job}/events") as reply:
        last, shown = Events(reply.iter_lines()).next()
    assert (shown["state"], shown["segments_done"]) == ("running", 1)
    opener = threading.Timer(0.3, engine.gate.set)
    opener.start()
    with client.stream("GET", f"{job}/events", headers={"Last-Event-ID": last}) as reply:
        events = Events(reply.iter_lines()).rest()
    assert last not in [event_id for event_id, _ in events]
    assert events[-1][1]["state"] == "succeeded"
    final = events[-1][0]
    assert len({event_id for event_id, _ in events}) == len(events)
    # An EventSource comes back until it is told that there is nothing more.
    assert client.get(f"{job}/events", headers={"Last-Event-ID": final}).status_code == 204
    again = client.get(f"{job}/events", headers={"Last-Event-ID": "of another time"})
    assert again.text.count("event: succeeded") == 1
    assert client.get(f"{job}/events").text == again.text


def test_events_of_a_job_go_on_over_a_restart_of_the_gateway(
    settings: GatewaySettings, engine: GatedEngine, tmp_path: Path
) -> None:
    with served(build_app(settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        job = accept(client, "One. [gate].")
        wait_for(lambda: client.get(job).json()["segments_done"] == 1)
        with client.stream("GET", f"{job}/events") as reply:
            last, _ = Events(reply.iter_lines()).next()
    engine.gate.set()
    with served(build_app(settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        with client.stream("GET", f"{job}/events", headers={"Last-Event-ID": last}) as reply:
            events = Events(reply.iter_lines()).rest()
        assert events[-1][1]["state"] == "succeeded"
