"""A FastAPI application with what both services need around their routes."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware

from comps.constants import (
    JOB_ID_HEADER,
    REQUEST_ID_HEADER,
    SAMPLE_RATE_HEADER,
    SEED_HEADER,
    SEGMENTS_HEADER,
    SPEAKER_CACHE_HEADER,
    SPEAKER_ID_HEADER,
    WARNINGS_HEADER,
)
from comps.cores.keys.ring import KeyRing
from comps.cores.settings.base import ServiceSettings
from comps.cores.web import openapi, problems
from comps.cores.web.access import Access, AccessMiddleware, Rule
from comps.cores.web.metrics import HttpMetrics, Refresh, metrics_router
from comps.cores.web.middleware import RequestMiddleware
from comps.cores.web.tracing import Numbering, Tracing
from comps.cores.web.uploading import BodyLimits

TOLD_HEADERS = (
    REQUEST_ID_HEADER,
    JOB_ID_HEADER,
    SPEAKER_ID_HEADER,
    SPEAKER_CACHE_HEADER,
    SAMPLE_RATE_HEADER,
    SEED_HEADER,
    SEGMENTS_HEADER,
    WARNINGS_HEADER,
    "Location",
    "Retry-After",
    "Server-Timing",
)


def create_app(
    title: str,
    *,
    routers: Sequence[APIRouter],
    lifespan: Any,
    registry: CollectorRegistry,
    settings: ServiceSettings,
    rules: Sequence[Rule],
    ring: KeyRing,
    tracing: Tracing | None = None,
    refresh: Refresh | None = None,
) -> FastAPI:
    """The application: request ids, access log, limits, keys, CORS, problem+json, `/metrics` and `/docs`."""
    # FastAPI's own /docs loads its scripts from another host; this one brings them along.
    app = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs-files",
        title=title,
        version=distribution_version(),
        lifespan=lifespan,
    )
    limits = BodyLimits(settings.max_body_bytes, settings.max_bodies_bytes, settings.max_body_seconds)
    access = Access(rules, ring, allowed_hosts=settings.allowed_hosts, origins=settings.cors_origins)
    # The last one added is the outermost: a refusal, too, has an id, and is readable across origins.
    app.add_middleware(AccessMiddleware, access=access)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=TOLD_HEADERS,
        )
    app.add_middleware(
        RequestMiddleware,
        limits=limits,
        metrics=HttpMetrics(registry, limits),
        tracing=tracing or Numbering(),
    )
    problems.install(app)
    for router in (*routers, metrics_router(registry, refresh)):
        app.include_router(router)
    openapi.complete(app)
    app.state.access = access
    return app


def distribution_version() -> str:
    try:
        return version("sovits-serve")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"
