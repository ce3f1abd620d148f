"""A FastAPI application with what both services need around their routes."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry

from comps.constants import MAX_BODY_BYTES
from comps.cores.web import problems
from comps.cores.web.metrics import HttpMetrics, metrics_router
from comps.cores.web.middleware import RequestMiddleware


def create_app(
    title: str,
    *,
    routers: Sequence[APIRouter],
    lifespan: Any,
    registry: CollectorRegistry,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """The application: request ids, access log, bounded bodies, problem+json, `/metrics` and `/docs`."""
    # FastAPI's own /docs loads its scripts from another host; this one brings them along.
    app = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs-files",
        title=title,
        version=distribution_version(),
        lifespan=lifespan,
    )
    app.add_middleware(RequestMiddleware, max_body_bytes=max_body_bytes, metrics=HttpMetrics(registry))
    problems.install(app)
    for router in (*routers, metrics_router(registry)):
        app.include_router(router)
    return app


def distribution_version() -> str:
    try:
        return version("sovits-serve")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"
