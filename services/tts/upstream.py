"""The way to the inference service, measured."""

import time

import httpx
from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 15, 60, 300)


class MeasuredTransport(httpx.AsyncBaseTransport):
    """Any transport; of each call the time until its answer began, and whether it was an error."""

    def __init__(self, transport: httpx.AsyncBaseTransport, registry: CollectorRegistry) -> None:
        self._transport = transport
        self._seconds = Histogram(
            "tts_upstream_seconds",
            "Until an answer of the inference service begins, by route",
            ["route"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self._failures = Counter(
            "tts_upstream_failures_total",
            "Calls of the inference service that failed, by route and status (none: no answer)",
            ["route", "status"],
            registry=registry,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        route = "/" + request.url.path.strip("/").partition("/")[0]  # what follows are ids
        began = time.monotonic()
        try:
            reply = await self._transport.handle_async_request(request)
        except httpx.HTTPError:
            self._failures.labels(route, "none").inc()
            raise
        self._seconds.labels(route).observe(time.monotonic() - began)
        if reply.status_code >= 400:
            self._failures.labels(route, str(reply.status_code)).inc()
        return reply

    async def aclose(self) -> None:
        await self._transport.aclose()
