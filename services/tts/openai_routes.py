"""The doors that other servers' clients know: OpenAI's speech API, and OPEA's health."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Request, Response

from comps.cores.proto.health import GatewayHealth
from comps.cores.proto.openai import (
    PCM_RATE,
    OpenAIAudioModelList,
    OpenAIModel,
    OpenAIModelList,
    OpenAISpeechRequest,
    OpenAIVoice,
    OpenAIVoiceList,
)
from comps.cores.web.bodies import Uploads, body_schema, read_body
from comps.cores.web.openapi import AUDIO_CONTENT
from comps.cores.web.streaming import AudioStream, primed
from services.tts.deps import GatewayDep, Responses
from services.tts.gateway import Gateway
from services.tts.jobs.follow import FollowedJob
from services.tts.jobs.keys import KeyHeader, key_of
from services.tts.jobs.run import JobRun
from services.tts.routes import headers_of, health, streamed, whole

router = APIRouter(prefix="/v1")

AUDIO_OR_EVENTS: Responses = {200: {"content": {**AUDIO_CONTENT, "text/event-stream": {}}}}

TOKENS_A_SECOND = 25  # semantic tokens of the model


@router.post(
    "/audio/speech", responses=AUDIO_OR_EVENTS, openapi_extra=body_schema(OpenAISpeechRequest, files={})
)
async def speech(request: Request, gateway: GatewayDep, idempotency_key: KeyHeader = None) -> Response:
    """OpenAI's request; `voice` is a name from `/voices`, `model` is not looked at."""
    body, _ = await read_body(request, OpenAISpeechRequest)
    key = key_of(idempotency_key, body, route="/v1/audio/speech")
    run = await gateway.start_job(body.to_gateway(), Uploads(), pcm_rate=PCM_RATE, key=key)
    if body.stream_format == "sse":
        events = await primed(_events(run, n_characters=len(body.input)), request)
        return AudioStream(events, media_type="text/event-stream", headers=headers_of(run))
    return await (streamed if body.stream else whole)(run, request)


@router.get("/models")
async def models(gateway: GatewayDep) -> OpenAIModelList:
    """The loaded model, and the names that OpenAI's clients ask for by default."""
    return OpenAIModelList(data=[OpenAIModel(id=name, created=0) for name in await _model_names(gateway)])


@router.get("/audio/models")
async def audio_models(gateway: GatewayDep) -> OpenAIAudioModelList:
    """The same as Open WebUI asks for them."""
    return OpenAIAudioModelList(
        models=[OpenAIVoice(id=name, name=name) for name in await _model_names(gateway)]
    )


async def _model_names(gateway: Gateway) -> list[str]:
    model = await gateway.inference.model()
    return list(dict.fromkeys((model.id, "tts-1", "tts-1-hd", "gpt-4o-mini-tts")))


@router.get("/audio/voices")
async def voices(gateway: GatewayDep) -> OpenAIVoiceList:
    found = await asyncio.to_thread(gateway.voices.all)
    return OpenAIVoiceList(voices=[OpenAIVoice(id=voice.name, name=voice.name) for voice in found])


@router.get("/health_check", responses={503: {"model": GatewayHealth}})
async def health_check(gateway: GatewayDep) -> Response:
    """OPEA's name for `/health`."""
    return await health(gateway)


async def _events(run: JobRun | FollowedJob, *, n_characters: int) -> AsyncGenerator[bytes, None]:
    async for chunk in run.listen():
        yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()})
    n_tokens = round(run.record.audio_seconds * TOKENS_A_SECOND)
    usage = {
        "input_tokens": n_characters,
        "output_tokens": n_tokens,
        "total_tokens": n_characters + n_tokens,
    }
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(data: dict[str, object]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
