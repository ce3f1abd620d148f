"""What handlers are given, and what their replies look like to a reader of `/docs`."""

from typing import Annotated, Any

from fastapi import Depends, Request

from comps.cores.proto.problems import Problem
from services.gptsovits.doors.voices import DoorVoices
from services.gptsovits.speech import Speech

Responses = dict[int | str, dict[str, Any]]

ERRORS: Responses = {
    status: {"model": Problem, "content": {"application/problem+json": {}}}
    for status in (400, 404, 409, 413, 415, 422, 503, 504)
}
AUDIO: Responses = {
    200: {"content": {"audio/wav": {}, "audio/mpeg": {}, "audio/flac": {}, "audio/ogg": {}, "audio/pcm": {}}}
}


def _speech(request: Request) -> Speech:
    speech: Speech = request.app.state.speech
    return speech


def _voices(request: Request) -> DoorVoices:
    voices: DoorVoices = request.app.state.door_voices
    return voices


SpeechDep = Annotated[Speech, Depends(_speech)]
VoicesDep = Annotated[DoorVoices, Depends(_voices)]
