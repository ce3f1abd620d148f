"""What the services tell of themselves: metrics, logs, timings and traces, through both of them."""

import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from comps.cores import logs
from comps.cores.web.tracing import recorded
from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.main import build_app as build_gateway
from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, served
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import wait_for

ROOT = Path(__file__).resolve().parents[2]
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


@dataclass
class House:
    gateway: httpx.Client
    inference: httpx.Client
    spans: InMemorySpanExporter


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "reference.wav").write_bytes(CLIP)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    inner = GptSovitsSettings(
        model_path=tmp_path / "model.safetensors", audio_path=tmp_path / "audio", _env_file=None
    )
    with served(build_inference(inner, load=FakeEngine().loaded, tracing=recorded(provider))) as url:
        wait_for(lambda: httpx.get(f"{url}/health").status_code == 200)
        outer = GatewaySettings(
            gptsovits_url=url, audio_path=tmp_path / "audio", output_path=tmp_path / "out", _env_file=None
        )
        with (
            served(build_gateway(outer, tracing=recorded(provider))) as door,
            httpx.Client(base_url=door, timeout=30) as gateway,
            httpx.Client(base_url=url, timeout=30) as inference,
        ):
            yield House(gateway, inference, spans)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as the services log it."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    out = io.StringIO()
    logs.configure("DEBUG", as_json=True, stream=out)
    yield out
    root.handlers[:], root.level = before, level
    root.setLevel(level)


def events(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def names(metrics: str) -> set[str]:
    """Of what is told, as the table has it: a histogram by its name alone."""
    found = re.findall(r"^# TYPE (\S+) (\w+)$", metrics, re.M)
    return {name for name, kind in found if not name.endswith("_created")}


def test_the_table_of_metrics_is_what_both_services_tell(house: House) -> None:
    house.gateway.post("/tts", json={"text": "One. Two."})
    house.gateway.post("/tts", json={"text": "One.", "voice": "nobody"})
    told = names(house.gateway.get("/metrics").text) | names(house.inference.get("/metrics").text)
    text = (ROOT / "services" / "README.md").read_text(encoding="utf-8")
    table = set(re.findall(r"`((?:http|gptsovits|tts)_[a-z0-9_]+)`", text))
    assert told == table


def figure(metrics: str, sample: str) -> float:
    (value,) = re.findall(rf"^{re.escape(sample)} (\S+)$", metrics, re.M)
    return float(value)


def test_what_happens_is_counted_in_both(house: House) -> None:
    house.gateway.post("/tts", json={"text": "One. Two."})
    house.gateway.post("/tts", json={"text": "[fail]."})
    house.gateway.post("/tts", json={"text": ""})
    outer, inner = house.gateway.get("/metrics").text, house.inference.get("/metrics").text
    for sample, value in {
        'http_requests_total{method="POST",route="/tts",status="200"}': 1,
        'http_problems_total{code="invalid_fields"}': 1,
        'http_problems_total{code="synthesis_failed"}': 1,
        'tts_jobs_total{state="succeeded"}': 1,
        'tts_characters_total{key=""}': 16,
        "tts_first_audio_seconds_count": 1,
        "tts_profile_cache_hits_total": 1,
        'tts_upstream_failures_total{route="/tts",status="500"}': 1,
        "tts_jobs_queued": 0,
    }.items():
        assert figure(outer, sample) == value, sample
    for sample, value in {
        "gptsovits_first_audio_seconds_count": 1,
        "gptsovits_speech_seconds_count": 1,
        "gptsovits_profile_seconds_count": 1,
        'gptsovits_failures_total{code="synthesis_failed"}': 1,
        'http_stage_seconds_count{stage="profile"}': 1,
        "gptsovits_waiting": 0,
        "gptsovits_ready": 1,
    }.items():
        assert figure(inner, sample) == value, sample


def test_the_page_shows_none_of_it(house: House) -> None:
    assert "/metrics" not in house.gateway.get("/").text
    assert "/metrics" not in house.gateway.get("/static/app.js").text


def timings(reply: httpx.Response) -> dict[str, float]:
    found = re.findall(r"(\w+);dur=([\d.]+)", reply.headers["Server-Timing"])
    return {name: float(milliseconds) for name, milliseconds in found}


def test_a_reply_tells_its_stages_a_whole_one_all_of_them(house: House) -> None:
    wish = {"text": "One [slow]. Two [slow]. Three."}
    streamed = timings(house.gateway.post("/tts", json=wish))
    whole = timings(house.gateway.post("/tts", json=wish | {"stream": False}))
    assert {"decode", "profile", "first_audio", "total"} <= streamed.keys()
    assert streamed["total"] >= streamed["first_audio"] > 100
    assert whole["total"] > 290  # both slow segments
    again = (timings(house.gateway.post("/tts", json=wish)) for _ in range(9))
    assert any(each["total"] < 290 for each in (streamed, *again))  # without the second, unless it is held up
    direct = house.inference.post("/tts", json={**wish, "reference_audio": "reference.wav", "stream": False})
    assert {"text", "first_audio", "audio", "total"} <= timings(direct).keys()
    assert "total" in timings(house.inference.get("/health"))


def test_one_id_runs_through_both_services_and_every_line(house: House, log: io.StringIO) -> None:
    reply = house.gateway.post("/tts", json={"text": "One. Two."}, headers={"X-Request-Id": "abc-123"})
    assert reply.headers["X-Request-Id"] == "abc-123"
    wait_for(lambda: sum(event.get("route") == "/tts" for event in events(log)) == 2)
    mine = [event for event in events(log) if event["request_id"] == "abc-123"]
    assert [event["route"] for event in mine if event["logger"] == "access"].count("/tts") == 2
    assert any(event["message"] == "job succeeded" for event in mine)
    assert len({event["trace_id"] for event in mine}) == 1


def test_a_job_keeps_the_id_of_the_request_it_came_with(house: House, log: io.StringIO) -> None:
    headers = {"X-Request-Id": "job-77", "traceparent": f"00-{TRACE}-{CALLER}-01"}
    job = house.gateway.post("/tts", json={"text": "Later.", "async": True}, headers=headers).json()
    wait_for(lambda: house.gateway.get(f"/status/{job['job_id']}").json()["state"] == "succeeded")
    wait_for(lambda: any(event["message"] == "job succeeded" for event in events(log)))
    (ended,) = [event for event in events(log) if event["message"] == "job succeeded"]
    (spoken,) = [e for e in events(log) if e.get("route") == "/tts" and e.get("status") == 200]
    assert ended["request_id"] == spoken["request_id"] == "job-77"
    assert ended["trace_id"] == spoken["trace_id"] == TRACE


@pytest.mark.parametrize("offered", ["", "a b", "x" * 65, "ä", "a\tb", "../../etc"])
def test_an_id_that_is_not_well_formed_is_replaced(house: House, offered: str) -> None:
    reply = house.gateway.get("/health", headers={"X-Request-Id": offered.encode()})  # type: ignore[dict-item]
    assert re.fullmatch(r"[0-9a-f]{32}", reply.headers["X-Request-Id"])


MARKED = "Zebrafinch"


def test_no_word_or_sound_of_a_user_is_logged_even_when_things_go_wrong(
    house: House, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline = f"data:audio/wav;base64,{MARKED}"
    text = f"{MARKED} is my secret."
    for client in (house.gateway, house.inference):
        client.post("/tts", json={"text": text, "reference_audio": "reference.wav"})
        client.post("/tts", json={"text": text, "reference_audio": inline})
        client.post("/tts", json={"text": text, "language": MARKED})
        client.post("/tts", json={"text": text, MARKED: 1})
        client.post("/tts", json={"text": f"[fail] {text}", "reference_audio": "reference.wav"})
        client.post("/tts", content=f'{{"text": "{MARKED}'.encode())
        client.post("/tts", data={"text": text, "voice": MARKED}, files={MARKED: CLIP})
        client.get("/tts", params={"text": text, "reference_audio": MARKED})
        client.get(f"/{MARKED}")
        client.get("/health", headers={"X-Request-Id": f"{MARKED}!"})
    house.gateway.post("/voices", data={"name": MARKED, "text": text}, files={"audio": CLIP})
    house.gateway.get(f"/voices/{MARKED}")
    house.gateway.post("/v1/audio/speech", json={"model": MARKED, "input": text, "voice": MARKED})
    house.gateway.post("/tts", json={"text": text, "async": True})

    async def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot say {text}")

    monkeypatch.setattr(FakeEngine, "submit", fails)
    broken = house.inference.post("/tts", json={"text": text, "reference_audio": "reference.wav"})
    assert broken.status_code == 500
    assert MARKED not in broken.text
    found = events(log)
    assert len([event for event in found if event["logger"] == "access"]) > 20
    assert any("RuntimeError" in str(event.get("exception")) for event in found)
    assert MARKED.lower() not in log.getvalue().lower()


def test_a_trace_that_began_elsewhere_goes_on_through_both(house: House) -> None:
    reply = house.gateway.post(
        "/tts", json={"text": "One."}, headers={"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "a=b"}
    )
    assert reply.status_code == 200
    wait_for(lambda: sum(span.name == "POST /tts" for span in house.spans.get_finished_spans()) == 2)
    spans = [span for span in house.spans.get_finished_spans() if span.context.trace_id == int(TRACE, 16)]
    requests = {span.name: span for span in spans if span.name.startswith(("POST", "GET"))}
    outer, inner = sorted((span for span in spans if span.name == "POST /tts"), key=lambda s: s.start_time)
    assert outer.parent is not None
    assert f"{outer.parent.span_id:016x}" == CALLER
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert outer.attributes is not None
    assert outer.attributes["http.response.status_code"] == 200
    assert "POST /process" in requests
    stages = {span.name for span in spans if span.parent and span.parent.span_id == outer.context.span_id}
    assert {"decode", "profile", "first_audio"} <= stages
    within = [span for span in spans if span.name == "first_audio"]
    assert all(span.start_time <= span.end_time for span in within)


def test_a_request_that_failed_is_marked_as_such(house: House) -> None:
    house.gateway.post("/tts", json={"text": "One.", "voice": "nobody"})
    wait_for(lambda: any(s.name == "POST /tts" for s in house.spans.get_finished_spans()))
    (span,) = [span for span in house.spans.get_finished_spans() if span.name == "POST /tts"]
    assert span.attributes is not None
    assert span.attributes["error.type"] == "voice_unknown"
