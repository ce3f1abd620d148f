"""`POST /transfer`: a recording spoken again in another voice."""

from fastapi import APIRouter, Request, Response

from comps.cores.proto.transfer import TransferRequest
from comps.cores.web.bodies import body_schema, read_body
from services.gptsovits.deps import AUDIO, ERRORS, SpeechDep
from services.gptsovits.replies import audio_of

router = APIRouter()

SOURCE_NAMES = ("source", "source_audio")
CLIP_NAMES = ("reference", "reference_audio")
AUX_NAMES = ("aux_reference_audio", "aux_audio")
FILES = {
    "source": "the recording to speak again (WAV, FLAC, MP3, Ogg), 0.5 to 60 seconds",
    "reference": "a clip of the voice to speak it in",
    "aux_reference_audio": "more clips of that speaker; may be repeated",
}


@router.post(
    "/transfer", responses={**AUDIO, **ERRORS}, openapi_extra=body_schema(TransferRequest, files=FILES)
)
async def transfer(request: Request, speech: SpeechDep) -> Response:
    """The recording in another voice: its own timing and intonation, as long as it is to the next 0.04 s."""
    body, uploads = await read_body(request, TransferRequest)
    uploads.expect_only(*SOURCE_NAMES, *CLIP_NAMES, *AUX_NAMES)
    model = await speech.model_for(body)
    source = await speech.source_for(body, uploads.one(*SOURCE_NAMES))
    clip, aux = uploads.one(*CLIP_NAMES), uploads.many(*AUX_NAMES)
    speaker, _ = await speech.speaker_for(body, model, clip=clip, aux=aux)
    return await audio_of(
        request, body, speaker, model, submit=lambda: speech.transfer(source, body, speaker, model)
    )
