"""The GPT-SoVITS service: `gptsovits-server`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from comps.cores.audio.decoding import ClipLimits
from comps.cores.audio.references import AudioRoot
from comps.cores.audio.remote import RemoteClips
from comps.cores.errors import CorruptKeys
from comps.cores.keys.command import run_keys_command
from comps.cores.keys.ring import KeyRing
from comps.cores.web.app import create_app
from comps.cores.web.server import built, checked, command_line, guarded, ring_of, serve
from comps.cores.web.tracing import Tracing, tracing_to
from services.gptsovits.doors import api, openai, weights
from services.gptsovits.doors.models import DoorModels
from services.gptsovits.doors.voices import DoorVoices
from services.gptsovits.inference import Inference, LoadedModel
from services.gptsovits.metrics import watch
from services.gptsovits.phonemes import router as phonemes_router
from services.gptsovits.routes import router
from services.gptsovits.scopes import RULES
from services.gptsovits.settings import GptSovitsSettings, environment
from services.gptsovits.sources import source_of
from services.gptsovits.speakers import Speakers
from services.gptsovits.speech import Speech
from services.gptsovits.transfers import router as transfers_router
from services.gptsovits.watching import SpeechMetrics, WatchedEngine


def build_app(
    settings: GptSovitsSettings,
    *,
    load: Callable[[], LoadedModel] | None = None,
    tracing: Tracing | None = None,
) -> FastAPI:
    """The application; `load` makes the running engine, by default from `settings.model_path`."""
    registry = CollectorRegistry()
    metrics = SpeechMetrics(registry)
    inference = Inference(
        source_of(settings), load or _loader(settings), watch=lambda engine: WatchedEngine(engine, metrics)
    )
    remote = RemoteClips(settings.reference_hosts, settings.max_body_bytes, settings.reference_seconds)
    audio_root = AudioRoot(settings.audio_path, settings.max_body_bytes, remote)
    speech = Speech(
        inference,
        Speakers(settings.speaker_cache_bytes),
        audio_root=audio_root,
        limits=ClipLimits(settings.min_clip_seconds, settings.max_clip_seconds),
        deadline_seconds=settings.deadline_seconds,
    )
    tracing = tracing or tracing_to(settings.otel_endpoint, service="gptsovits-server")
    watch(inference, speech.speakers, registry)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(inference.run())
        yield
        loading.cancel()
        with suppress(asyncio.CancelledError):
            await loading
        await inference.stop()
        await asyncio.to_thread(tracing.close)

    app = create_app(
        "GPT-SoVITS inference",
        routers=[router, transfers_router, phonemes_router, openai.router, api.router, weights.router],
        lifespan=lifespan,
        registry=registry,
        settings=settings,
        rules=RULES,
        ring=_ring(settings),
        tracing=tracing,
    )
    app.state.speech = speech
    app.state.door_voices = DoorVoices(audio_root)
    app.state.door_models = DoorModels(inference)
    app.state.settings = settings
    return app


def _ring(settings: GptSovitsSettings) -> KeyRing:
    ring = ring_of(settings, settings.keys_file)
    for key in ring.keys:
        if key.characters_a_day is not None:  # better no service than a limit that does not hold
            raise CorruptKeys(f"key {key.name!r} has a quota, which only the gateway counts: give it there")
    return ring


def _loader(settings: GptSovitsSettings) -> Callable[[], LoadedModel]:
    def load() -> LoadedModel:
        # Torch and the networks are imported here, in the loading thread: /health answers meanwhile.
        from services.gptsovits.loading import load_engine

        return load_engine(settings)

    return load


def main() -> None:
    parser = command_line("Serve a GPT-SoVITS model over HTTP.", GptSovitsSettings)
    parser.add_argument("--model", help="file or folder of the model")
    options = parser.parse_args()
    overrides = {"host": options.host, "port": options.port, "model_path": options.model}
    settings = checked(GptSovitsSettings, environment(), overrides)
    if options.command == "keys":
        if settings.keys_file is None:
            sys.exit("set GPTSOVITS_KEYS_FILE: it says where the keys of this service are kept")
        if getattr(options, "quota", None) is not None:
            sys.exit(
                "characters a day are counted by the gateway alone: give the quota to a key of the gateway"
            )
        sys.exit(run_keys_command(options, settings.keys_file))
    settings = guarded(settings, settings.keys_file)
    serve(built(lambda: build_app(settings)), settings)


if __name__ == "__main__":
    main()
