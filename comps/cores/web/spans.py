"""Spans that OpenTelemetry keeps (the extra `otel`)."""

from collections.abc import Mapping

from opentelemetry import trace as api
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from comps.cores.trace import TRACEPARENT_HEADER, TRACESTATE_HEADER, Trace, trace_of


class RecordedTracing:
    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("sovits-serve")

    def begin(self, method: str, headers: Mapping[str, str]) -> "RecordedSpan":
        offered = trace_of(headers.get(TRACEPARENT_HEADER, ""), headers.get(TRACESTATE_HEADER, ""))
        context = None
        if offered.parent_id is not None:
            parent = SpanContext(
                int(offered.trace_id, 16), int(offered.parent_id, 16), True, TraceFlags(offered.flags)
            )
            context = api.set_span_in_context(NonRecordingSpan(parent))
        span = self._tracer.start_span(
            method, context, kind=SpanKind.SERVER, attributes={"http.request.method": method}
        )
        return RecordedSpan(self._tracer, span, method, offered)

    def close(self) -> None:
        self._provider.shutdown()


class RecordedSpan:
    def __init__(self, tracer: api.Tracer, span: api.Span, method: str, offered: Trace) -> None:
        self._tracer, self._span, self._method = tracer, span, method
        own = span.get_span_context()
        self.trace = Trace(
            f"{own.trace_id:032x}",
            f"{own.span_id:016x}",
            offered.parent_id,
            int(own.trace_flags),
            offered.state,
        )

    def stage(self, name: str, began_ns: int, ended_ns: int) -> None:
        """A part of the request, as a span within it."""
        context = api.set_span_in_context(self._span)
        self._tracer.start_span(name, context, start_time=began_ns).end(ended_ns)

    def end(self, *, route: str, status: int, problem: str | None) -> None:
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attributes({"http.route": route, "http.response.status_code": status})
        if problem is not None:
            self._span.set_attribute("error.type", problem)
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
