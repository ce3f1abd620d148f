"""The routes of the GPT-SoVITS service: parse, ask, wrap."""

import asyncio
import base64

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from comps.constants import SPEAKER_ID_HEADER
from comps.cores.errors import SpeakerUnknown
from comps.cores.proto.health import InferenceHealth, ModelHealth, ModelList
from comps.cores.proto.speakers import ProcessReply, SpeakerView
from comps.cores.proto.speech import ProcessRequest, SpeechFields, SpeechRequest
from comps.cores.web.bodies import Uploads, body_schema, read_body, read_query
from services.gptsovits.catalogue import models_found
from services.gptsovits.deps import API_V2_ERRORS, AUDIO, ERRORS, ModelsDep, SpeechDep
from services.gptsovits.doors.errors import is_api_v2, note_api_v2
from services.gptsovits.replies import audio_of
from services.gptsovits.speakers import Speaker
from services.gptsovits.speech import Speech

router = APIRouter()

FILES = {
    "reference_audio": "the reference clip (WAV, FLAC, MP3, Ogg), 0.5 to 60 seconds",
    "aux_reference_audio": "more clips of the same speaker; may be repeated",
}
PROCESS_FILES = {
    "audio": "the reference clip",
    "aux_audio": "more clips of the same speaker; may be repeated",
}
CLIP_NAMES = ("audio", "reference_audio")
AUX_NAMES = ("aux_audio", "aux_reference_audio")


@router.get("/health", responses={503: {"model": InferenceHealth}})
async def health(speech: SpeechDep) -> Response:
    """Which model is loaded and how busy it is; 503 with the missing file's name while there is none."""
    state = speech.inference.health(n_speakers=len(speech.speakers))
    return JSONResponse(state.model_dump(exclude_none=True), 200 if state.status == "ok" else 503)


@router.get("/models")
async def models(speech: SpeechDep) -> ModelList:
    """The models found beside the configured one, and why one of them cannot be loaded."""
    return await asyncio.to_thread(models_found, speech.inference)


@router.post(
    "/process",
    response_model=ProcessReply,
    responses={**AUDIO, **ERRORS},
    openapi_extra=body_schema(ProcessRequest, files=PROCESS_FILES),
)
async def process(request: Request, speech: SpeechDep) -> Response:
    """A speaker profile of a clip; with `text`, the audio at once."""
    body, uploads = await read_body(request, ProcessRequest)
    model = await speech.model_for(body)
    speaker, cached = await _speaker(speech, body, model, uploads)
    if body.text is not None:
        return await _spoken(request, speech, body.text, body, speaker, model)
    voice = speaker.voice
    reply = ProcessReply(
        speaker_id=voice.id,
        model=voice.model_id,
        fingerprint=voice.fingerprint,
        seconds=round(voice.seconds, 3),
        prompt_text=voice.prompt_text or None,
        prompt_language=voice.prompt_language or None,
        warnings=list(speaker.warnings),
        cached=cached,
        profile=base64.b64encode(voice.to_bytes()).decode() if body.include_profile else None,
    )
    return JSONResponse(reply.model_dump(), headers={SPEAKER_ID_HEADER: voice.id})


@router.post(
    "/tts",
    responses={**AUDIO, **ERRORS, **API_V2_ERRORS},
    openapi_extra=body_schema(SpeechRequest, files=FILES),
)
async def tts(request: Request, speech: SpeechDep, models: ModelsDep) -> Response:
    """The text, spoken by the speaker or in the voice of the clip."""
    body, uploads = await read_body(request, SpeechRequest, note=note_api_v2)
    return await speak(request, speech, models.given(body) if is_api_v2(request) else body, uploads)


@router.get("/tts", responses={**AUDIO, **ERRORS, **API_V2_ERRORS})
async def tts_by_query(request: Request, speech: SpeechDep, models: ModelsDep) -> Response:
    """The same with the fields in the query, as the reference project's clients ask."""
    body = read_query(request, SpeechRequest, note=note_api_v2)
    return await speak(request, speech, models.given(body) if is_api_v2(request) else body)


@router.get("/speakers/{speaker_id}", responses=ERRORS)
async def get_speaker(speaker_id: str, speech: SpeechDep) -> SpeakerView:
    return _view(speech.speakers.get(speaker_id))


@router.put("/speakers/{speaker_id}", responses=ERRORS)
async def put_speaker(speaker_id: str, request: Request, speech: SpeechDep) -> SpeakerView:
    """Take in a profile that was made earlier (`application/octet-stream`)."""
    return _view(await speech.hydrate(speaker_id, await request.body()))


@router.delete("/speakers/{speaker_id}", status_code=204, responses=ERRORS)
async def delete_speaker(speaker_id: str, speech: SpeechDep) -> None:
    if not speech.speakers.forget(speaker_id):
        raise SpeakerUnknown(f"no speaker {speaker_id[:80]!r} is loaded")


async def speak(
    request: Request, speech: Speech, body: SpeechRequest, uploads: Uploads | None = None
) -> Response:
    """The reply to a speech request, by whichever door it came."""
    model = await speech.model_for(body)
    speaker, _ = await _speaker(speech, body, model, uploads or Uploads())
    return await _spoken(request, speech, body.text, body, speaker, model)


async def _speaker(
    speech: Speech, body: SpeechFields, model: ModelHealth, uploads: Uploads
) -> tuple[Speaker, bool]:
    uploads.expect_only(*CLIP_NAMES, *AUX_NAMES)
    clip, aux = uploads.one(*CLIP_NAMES), uploads.many(*AUX_NAMES)
    return await speech.speaker_for(body, model, clip=clip, aux=aux)


async def _spoken(
    request: Request, speech: Speech, text: str, body: SpeechFields, speaker: Speaker, model: ModelHealth
) -> Response:
    return await audio_of(
        request, body, speaker, model, submit=lambda: speech.submit(text, body, speaker, model)
    )


def _view(speaker: Speaker) -> SpeakerView:
    voice = speaker.voice
    return SpeakerView(
        speaker_id=voice.id,
        model=voice.model_id,
        fingerprint=voice.fingerprint,
        seconds=round(voice.seconds, 3),
        prompt_text=voice.prompt_text or None,
        prompt_language=voice.prompt_language or None,
        bytes=speaker.n_bytes,
    )
