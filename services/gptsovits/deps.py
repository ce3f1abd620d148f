"""What handlers are given, and what their replies look like to a reader of `/docs`."""

from typing import Annotated, Any

from fastapi import Depends, Request

from comps.cores.proto.problems import Problem
from comps.cores.web.openapi import AUDIO_CONTENT, also_as_json
from services.gptsovits.doors.models import DoorModels
from services.gptsovits.doors.voices import DoorVoices
from services.gptsovits.speech import Speech

Responses = dict[int | str, dict[str, Any]]

ERRORS: Responses = {
    status: {"model": Problem, "content": {"application/problem+json": {}}}
    for status in (400, 404, 409, 413, 415, 422, 503, 504)
}
AUDIO: Responses = {200: {"content": AUDIO_CONTENT}}
# A request in the reference project's words is answered in them.
API_V2_ERRORS: Responses = also_as_json("message")


def _speech(request: Request) -> Speech:
    speech: Speech = request.app.state.speech
    return speech


def _voices(request: Request) -> DoorVoices:
    voices: DoorVoices = request.app.state.door_voices
    return voices


def _models(request: Request) -> DoorModels:
    models: DoorModels = request.app.state.door_models
    return models


SpeechDep = Annotated[Speech, Depends(_speech)]
VoicesDep = Annotated[DoorVoices, Depends(_voices)]
ModelsDep = Annotated[DoorModels, Depends(_models)]
