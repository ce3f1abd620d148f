"""Prometheus figures; one registry per application, so that two of them can live in one process."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from comps.cores.exchange import Exchange
from comps.cores.web.uploading import BodyLimits

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class HttpMetrics:
    """What is measured of every request, whatever it asks for."""

    def __init__(self, registry: CollectorRegistry, limits: BodyLimits) -> None:
        self._requests = Counter(
            "http_requests_total", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "http_request_seconds",
            "From the request to the last byte of its reply",
            ["route"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self._stages = Histogram(
            "http_stage_seconds",
            "What a request's time went to, by stage",
            ["stage"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self._problems = Counter(
            "http_problems_total", "Errors answered, by their code", ["code"], registry=registry
        )
        self.running = Gauge("http_requests_running", "Requests being served", registry=registry)
        held = Gauge("http_bodies_bytes", "Bytes of request bodies being held", registry=registry)
        held.set_function(lambda: limits.held_bytes)

    def observe(self, method: str, route: str, status: int, seconds: float, exchange: Exchange) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        for stage, milliseconds in exchange.stages.items():
            self._stages.labels(stage).observe(milliseconds / 1000)
        if exchange.problem is not None:
            self._problems.labels(exchange.problem).inc()


Refresh = Callable[[], Awaitable[None]]


def metrics_router(registry: CollectorRegistry, refresh: Refresh | None = None) -> APIRouter:
    """`/metrics`; `refresh` brings figures up to date that take more than reading a number."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        if refresh is not None:
            await refresh()
        data = await asyncio.to_thread(generate_latest, registry)
        return Response(data, media_type=CONTENT_TYPE_LATEST)

    return router
