"""The gateway: `tts-gateway`. It needs no torch and no GPU."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from comps.cores import logs
from comps.cores.web.app import create_app
from services.tts import job_routes, openai_routes, page, routes, voice_routes
from services.tts.gateway import MAX_CONNECTIONS, build_gateway
from services.tts.settings import GatewaySettings


def build_app(settings: GatewaySettings, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The application; `transport` replaces the network to the inference service."""
    registry = CollectorRegistry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=64)
        client = httpx.AsyncClient(
            base_url=settings.gptsovits_url, limits=limits, transport=transport, trust_env=False
        )
        async with client:
            gateway = build_gateway(settings, client, registry)
            await gateway.open()
            app.state.gateway = gateway
            pruning = asyncio.create_task(gateway.prune_for_ever())
            yield
            pruning.cancel()
            with suppress(asyncio.CancelledError):
                await pruning
            await gateway.close()

    app = create_app(
        "Text to speech gateway",
        routers=[
            page.router,
            routes.router,
            job_routes.router,
            voice_routes.router,
            openai_routes.router,
        ],
        lifespan=lifespan,
        registry=registry,
        max_body_bytes=settings.max_body_bytes,
    )
    app.mount("/static", page.static_files(), name="static")
    return app


def main() -> None:
    settings = GatewaySettings()
    parser = argparse.ArgumentParser(description="The door in front of the GPT-SoVITS service.")
    parser.add_argument("--host", default=settings.host, help="default: %(default)s")
    parser.add_argument("--port", type=int, default=settings.port, help="default: %(default)s")
    parser.add_argument(
        "--gptsovits-url", default=settings.gptsovits_url, help="the inference service (default: %(default)s)"
    )
    options = parser.parse_args()
    settings = settings.model_copy(update={"gptsovits_url": options.gptsovits_url})
    logs.configure(settings.log_level, as_json=settings.log_json)
    uvicorn.run(build_app(settings), host=options.host, port=options.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
