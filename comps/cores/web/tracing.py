"""Spans of requests: always numbered, for the logs and the next service; kept only with OpenTelemetry."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from comps.cores.errors import InvalidOption
from comps.cores.trace import TRACEPARENT_HEADER, TRACESTATE_HEADER, Trace, trace_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class Span(Protocol):
    @property
    def trace(self) -> Trace: ...
    def stage(self, name: str, began_ns: int, ended_ns: int) -> None: ...
    def end(self, *, route: str, status: int, problem: str | None) -> None: ...


class Tracing(Protocol):
    def begin(self, method: str, headers: Mapping[str, str]) -> Span: ...
    def close(self) -> None:
        """Send what was not sent yet."""
        ...


class NumberedSpan:
    """A span that nobody keeps."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def stage(self, name: str, began_ns: int, ended_ns: int) -> None: ...

    def end(self, *, route: str, status: int, problem: str | None) -> None: ...


class Numbering:
    """Tracing without OpenTelemetry: ids are taken over, or made, and passed on."""

    def begin(self, method: str, headers: Mapping[str, str]) -> NumberedSpan:
        return NumberedSpan(trace_of(headers.get(TRACEPARENT_HEADER, ""), headers.get(TRACESTATE_HEADER, "")))

    def close(self) -> None: ...


def tracing_to(endpoint: str | None, *, service: str) -> Tracing:
    """Tracing that sends its spans to a collector; without one, or with none given, only numbers.

    Raises `InvalidOption` if a collector is given and the extra `otel` is not installed.
    """
    if endpoint is None:
        return Numbering()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InvalidOption(
            "OTEL_EXPORTER_OTLP_ENDPOINT: spans need the extra: pip install 'sovits-serve[otel]'"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return recorded(provider)


def recorded(provider: "TracerProvider") -> Tracing:
    from comps.cores.web.spans import RecordedTracing

    return RecordedTracing(provider)
