"""The gateway: `tts-gateway`. It needs no torch and no GPU."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from comps.cores.keys.command import run_keys_command
from comps.cores.web.app import create_app
from comps.cores.web.server import built, checked, command_line, guarded, ring_of, serve, writable
from comps.cores.web.tracing import Tracing, tracing_to
from services.tts import job_routes, openai_routes, page, routes, voice_routes
from services.tts.gateway import MAX_CONNECTIONS, build_gateway
from services.tts.scopes import RULES
from services.tts.settings import GatewaySettings, environment
from services.tts.upstream import MeasuredTransport


def build_app(
    settings: GatewaySettings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    tracing: Tracing | None = None,
) -> FastAPI:
    """The application; `transport` replaces the network to the inference service."""
    registry = CollectorRegistry()
    ring = ring_of(settings, settings.keys_path)
    tracing = tracing or tracing_to(settings.otel_endpoint, service="tts-gateway")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=64)
        key = settings.gptsovits_key
        client = httpx.AsyncClient(
            base_url=settings.gptsovits_url,
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            transport=MeasuredTransport(
                transport or httpx.AsyncHTTPTransport(limits=limits, trust_env=False), registry
            ),
            trust_env=False,
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
        await asyncio.to_thread(tracing.close)

    async def refresh() -> None:
        await app.state.gateway.count_queue()

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
        settings=settings,
        rules=RULES,
        ring=ring,
        tracing=tracing,
        refresh=refresh,
    )
    app.mount("/static", page.static_files(), name="static")
    return app


def main() -> None:
    parser = command_line("The door in front of the GPT-SoVITS service.", GatewaySettings)
    parser.add_argument("--gptsovits-url", help="the inference service")
    options = parser.parse_args()
    overrides = {"host": options.host, "port": options.port, "gptsovits_url": options.gptsovits_url}
    settings = checked(GatewaySettings, environment(), overrides)
    if options.command == "keys":
        sys.exit(run_keys_command(options, settings.keys_path))
    writable(settings, "output_path", "state_path")
    settings = guarded(settings, settings.keys_path)
    serve(built(lambda: build_app(settings)), settings)


if __name__ == "__main__":
    main()
