"""OpenAI's request, as OPEA's speech service sends it to this one: `voice` is a clip, or nothing."""

import asyncio

from fastapi import APIRouter, Request, Response

from comps.cores.errors import InvalidOption
from comps.cores.proto.health import InferenceHealth
from comps.cores.proto.openai import OpenAISpeechRequest
from comps.cores.proto.speech import SpeechRequest
from comps.cores.web.bodies import body_schema, read_body
from services.gptsovits.deps import AUDIO, SpeechDep, VoicesDep
from services.gptsovits.doors.voices import DoorVoices
from services.gptsovits.routes import health, speak

router = APIRouter(prefix="/v1")


@router.post("/audio/speech", responses=AUDIO, openapi_extra=body_schema(OpenAISpeechRequest, files={}))
async def openai_speech(request: Request, speech: SpeechDep, voices: VoicesDep) -> Response:
    """OpenAI's request; `voice` is the name of a clip in the audio folder. The gateway offers all of it."""
    body, _ = await read_body(request, OpenAISpeechRequest)
    return await speak(request, speech, await asyncio.to_thread(_understood, body, voices))


@router.get("/health_check", responses={503: {"model": InferenceHealth}})
async def health_check(speech: SpeechDep) -> Response:
    """OPEA's name for `/health`."""
    return await health(speech)


def _understood(body: OpenAISpeechRequest, voices: DoorVoices) -> SpeechRequest:
    if body.stream_format == "sse":
        raise InvalidOption("stream_format 'sse' is offered by the gateway alone")
    fields = body.to_gateway().model_dump(exclude={"voice", "respond_async"})
    if body.reference_audio is None:
        fields |= (voices.default() if body.voice == "default" else voices.find(body.voice)).fields
    return SpeechRequest.model_validate(fields)
