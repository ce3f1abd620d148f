"""The small parts that logs, figures and traces are made of."""

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comps.cores import exchange, logs
from comps.cores.errors import InvalidOption
from comps.cores.exchange import Exchange, server_timing, stage
from comps.cores.playback import TOLERANCE_SECONDS, Playback
from comps.cores.trace import Trace, trace_of
from comps.cores.web.tracing import Numbering, tracing_to

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_well_formed_traceparent_is_gone_on_with() -> None:
    trace = trace_of(f"00-{TRACE}-{SPAN}-01", "a=b,c=d")
    assert (trace.trace_id, trace.parent_id, trace.flags) == (TRACE, SPAN, 1)
    assert trace.span_id != SPAN
    assert trace.headers == {"traceparent": f"00-{TRACE}-{trace.span_id}-01", "tracestate": "a=b,c=d"}


@pytest.mark.parametrize("header", [f"01-{TRACE}-{SPAN}-01-more", f"cc-{TRACE}-{SPAN}-00"])
def test_later_versions_are_read_as_far_as_they_are_known(header: str) -> None:
    assert trace_of(header).trace_id == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}x-{SPAN}-01",
    ],
)
def test_another_begins_a_trace_of_its_own(header: str) -> None:
    trace = trace_of(header, "a=b")
    assert re.fullmatch(r"[0-9a-f]{32}", trace.trace_id)
    assert (trace.parent_id, trace.state) == (None, "")
    assert trace.trace_id != trace_of(header).trace_id


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_comes_what_is_passed_on_is_well_formed(parent: str, state: str) -> None:
    headers = trace_of(parent, state).headers
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", headers["traceparent"])
    assert headers.get("tracestate", "").isascii()


@pytest.fixture
def here() -> Iterator[Exchange]:
    made = Exchange(Trace(TRACE, SPAN))
    token = exchange.current.set(made)
    yield made
    exchange.current.reset(token)


def test_stages_add_up_by_name_in_the_order_they_began(here: Exchange) -> None:
    with stage("outer"), stage("inner"):
        pass
    with stage("outer"):
        pass
    assert list(here.stages) == ["outer", "inner"]
    assert re.fullmatch(r"outer;dur=\d+\.\d, inner;dur=\d+\.\d", server_timing(here.stages))


def test_a_stage_that_fails_is_measured_too(here: Exchange) -> None:
    with pytest.raises(KeyError), stage("it"):
        raise KeyError
    assert "it" in here.stages


def test_outside_of_requests_nothing_is_measured() -> None:
    assert exchange.current.get() is None
    with stage("it"):
        pass


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_chunk_is_late_when_what_came_before_has_been_played() -> None:
    clock = Clock()
    playback = Playback(clock)
    assert not playback.arrived(1.0, waited=5.0)  # the first is never late
    clock.now = 0.9
    assert not playback.arrived(1.0, waited=0.9)
    clock.now = 2.1
    assert playback.arrived(1.0, waited=1.2)
    clock.now = 3.0  # the gap was heard; from then on it plays from there
    assert not playback.arrived(1.0, waited=0.9)
    assert playback.underruns == 1


def test_a_slow_reader_is_no_underrun() -> None:
    clock = Clock()
    playback = Playback(clock)
    playback.arrived(0.1, waited=0.0)
    clock.now = 10.0
    assert not playback.arrived(0.1, waited=0.0)


@given(st.lists(st.tuples(st.floats(0.01, 2), st.floats(0, 2)), max_size=30))
def test_audio_that_is_made_faster_than_it_is_played_never_underruns(
    chunks: list[tuple[float, float]],
) -> None:
    clock = Clock()
    playback = Playback(clock)
    before = 0.0
    for seconds, share in chunks:
        waited = min(share, 1.0) * before
        clock.now += waited
        assert not playback.arrived(seconds, waited=waited)
        before = seconds
    assert playback.underruns == 0
    assert TOLERANCE_SECONDS < 0.1


def logged(error: BaseException, *, as_json: bool) -> str:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonFormatter("tts") if as_json else logs.LineFormatter())
    record = logging.LogRecord(
        "x", logging.ERROR, "f", 1, "it broke", (), (type(error), error, error.__traceback__)
    )
    handler.emit(record)
    return out.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_of_an_exception_kind_and_places_are_logged_and_not_its_words(as_json: bool) -> None:
    def inner() -> None:
        raise ValueError("a user's secret")

    try:
        try:
            inner()
        except ValueError as error:
            raise InvalidOption("another secret") from error
    except InvalidOption as error:
        text = logged(error, as_json=as_json)
    assert "secret" not in text
    for word in (f"{InvalidOption.__module__}.InvalidOption", "ValueError", "in inner", "test_watching.py"):
        assert word in text


def test_exceptions_that_are_each_others_cause_end() -> None:
    one, two = ValueError(), KeyError()
    one.__cause__, two.__cause__ = two, one
    assert logged(one, as_json=True)


def test_an_event_has_its_service_its_trace_and_its_fields(here: Exchange) -> None:
    record = logging.LogRecord("access", logging.INFO, "f", 1, "request", (), None)
    record.route = "/tts"
    event = json.loads(logs.JsonFormatter("tts").format(record))
    assert (event["service"], event["trace_id"], event["span_id"], event["route"]) == (
        "tts",
        TRACE,
        SPAN,
        "/tts",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])


def test_without_a_collector_spans_are_only_numbered() -> None:
    assert isinstance(tracing_to(None, service="x"), Numbering)


def test_a_collector_without_the_extra_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(InvalidOption, match=r"OTEL_EXPORTER_OTLP_ENDPOINT: .*\[otel\]"):
        tracing_to("http://127.0.0.1:1", service="x")


def test_spans_go_to_the_collector_over_http() -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tracing = tracing_to(f"http://127.0.0.1:{server.server_port}/", service="tts-gateway")
    span = tracing.begin("POST", {"traceparent": f"00-{TRACE}-{SPAN}-01"})
    span.stage("profile", 1_000, 2_000)
    span.end(route="/tts", status=200, problem=None)
    tracing.close()
    server.shutdown()
    ((path, body),) = received
    assert path == "/v1/traces"
    for word in (b"tts-gateway", b"POST /tts", b"profile", bytes.fromhex(TRACE), bytes.fromhex(SPAN)):
        assert word in body
