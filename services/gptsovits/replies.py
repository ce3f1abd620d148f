"""Audio as a reply: a whole file, a stream, or frames for the gateway."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from fastapi import Request, Response

from comps.constants import (
    SAMPLE_RATE_HEADER,
    SEED_HEADER,
    SEGMENTS_HEADER,
    SPEAKER_ID_HEADER,
    WARNINGS_HEADER,
)
from comps.cores.audio.encoding import encoder_for, levelled
from comps.cores.audio.formats import AudioFormat
from comps.cores.proto import frames
from comps.cores.proto.health import ModelHealth
from comps.cores.proto.speech import VoiceFields
from comps.cores.web.streaming import AudioStream, primed, unless_gone
from services.gptsovits.doors.errors import is_api_v2
from services.gptsovits.ports import SpeechHandle
from services.gptsovits.speakers import Speaker
from services.gptsovits.speech import encoded, framed, whole


async def audio_of(
    request: Request,
    body: VoiceFields,
    speaker: Speaker,
    model: ModelHealth,
    *,
    submit: Callable[[], Awaitable[SpeechHandle]],
) -> Response:
    """What `submit` gives, in the form that the body and the `Accept` header ask for."""
    wants_frames = frames.MEDIA_TYPE in request.headers.get("accept", "")
    # The encoder first: an impossible format must be refused before anything is synthesised.
    encoder = encoder_for(body.response_format, model.sample_rate)
    handle = await submit()
    headers = {
        SPEAKER_ID_HEADER: speaker.voice.id,
        SEED_HEADER: str(handle.seed),
        SAMPLE_RATE_HEADER: str(handle.sample_rate if wants_frames else encoder.rate),
        SEGMENTS_HEADER: str(handle.segments_total),
    }
    if wants_frames:
        stream = await primed(framed(handle), request)
        return AudioStream(stream, media_type=frames.MEDIA_TYPE, headers=headers)
    media_type = _media_type(request, body)
    if body.stream:
        encoder = levelled(handle.sample_rate, encoder, body.loudness, streams=True)
        stream = await primed(encoded(handle, encoder), request)
        headers |= _warned((*speaker.warnings, *handle.warnings))
        return AudioStream(stream, media_type=media_type, headers=headers)
    audio = await unless_gone(whole(handle, body.response_format, lufs=body.loudness), request)
    headers |= _warned((*speaker.warnings, *handle.warnings))
    return Response(audio, media_type=media_type, headers=headers)


def _media_type(request: Request, body: VoiceFields) -> str:
    if body.response_format is AudioFormat.PCM and is_api_v2(request):
        return "audio/raw"  # its own name, which its clients look for
    return body.response_format.media_type


def _warned(warnings: tuple[str, ...]) -> dict[str, str]:
    """Headers are ASCII: the warnings percent-encoded, separated by semicolons."""
    return {WARNINGS_HEADER: "; ".join(quote(text, safe=" ,.:'()-") for text in warnings)} if warnings else {}
