"""The GPT-SoVITS service: `gptsovits-server`."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from comps.cores import logs
from comps.cores.audio.decoding import ClipLimits
from comps.cores.audio.references import AudioRoot
from comps.cores.web.app import create_app
from services.gptsovits.inference import Inference, LoadedModel
from services.gptsovits.metrics import watch
from services.gptsovits.phonemes import router as phonemes_router
from services.gptsovits.routes import router
from services.gptsovits.settings import GptSovitsSettings
from services.gptsovits.sources import source_of
from services.gptsovits.speakers import Speakers
from services.gptsovits.speech import Speech


def build_app(settings: GptSovitsSettings, *, load: Callable[[], LoadedModel] | None = None) -> FastAPI:
    """The application; `load` makes the running engine, by default from `settings.model_path`."""
    inference = Inference(source_of(settings), load or _loader(settings))
    speech = Speech(
        inference,
        Speakers(settings.speaker_cache_bytes),
        audio_root=AudioRoot(settings.audio_path, settings.max_body_bytes),
        limits=ClipLimits(settings.min_clip_seconds, settings.max_clip_seconds),
        deadline_seconds=settings.deadline_seconds,
    )
    registry = CollectorRegistry()
    watch(inference, speech.speakers, registry)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(inference.run())
        yield
        loading.cancel()
        with suppress(asyncio.CancelledError):
            await loading
        await inference.stop()

    app = create_app(
        "GPT-SoVITS inference",
        routers=[router, phonemes_router],
        lifespan=lifespan,
        registry=registry,
        max_body_bytes=settings.max_body_bytes,
    )
    app.state.speech = speech
    app.state.settings = settings
    return app


def _loader(settings: GptSovitsSettings) -> Callable[[], LoadedModel]:
    def load() -> LoadedModel:
        # Torch and the networks are imported here, in the loading thread: /health answers meanwhile.
        from services.gptsovits.loading import load_engine

        return load_engine(settings)

    return load


def main() -> None:
    settings = GptSovitsSettings()
    parser = argparse.ArgumentParser(description="Serve a GPT-SoVITS model over HTTP.")
    parser.add_argument("--host", default=settings.host, help="default: %(default)s")
    parser.add_argument("--port", type=int, default=settings.port, help="default: %(default)s")
    parser.add_argument("--model", default=settings.model_path, help="file or folder (default: %(default)s)")
    options = parser.parse_args()
    settings = settings.model_copy(update={"model_path": options.model})
    logs.configure(settings.log_level, as_json=settings.log_json)
    app = build_app(settings)
    uvicorn.run(app, host=options.host, port=options.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
