"""Named voices."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from pydantic import Field

from comps.cores.errors import VoiceUnknown
from comps.cores.proto.base import Wire
from comps.cores.proto.speech import Language, OptionalText, Pronunciations
from comps.cores.proto.voices import VoiceList, VoiceView
from comps.cores.web.bodies import body_schema, read_body
from services.tts.deps import ERRORS, GatewayDep

router = APIRouter(prefix="/voices", responses=ERRORS)


MAX_CLIPS = 1_000


class NewVoice(Wire):
    """A voice to keep: its name, and what its clip says in which language."""

    name: str = Field(min_length=1, max_length=64)
    text: OptionalText = Field(default=None, max_length=2_000)
    language: Language = "auto"
    pronunciations: Pronunciations = Field(default_factory=dict)
    model: OptionalText = Field(
        default=None, max_length=256, description="a model trained to sound like this voice"
    )
    audio: OptionalText = Field(default=None, description="path inside the audio folder, or a data: URI")


@router.get("", response_model_exclude_none=True)
async def voices(gateway: GatewayDep) -> VoiceList:
    found = await asyncio.to_thread(gateway.voices.all)
    default = (await asyncio.to_thread(gateway.voices.default)).name if found else None
    return VoiceList(voices=[voice.view for voice in found], default=default)


@router.post(
    "",
    status_code=201,
    response_model_exclude_none=True,
    openapi_extra=body_schema(NewVoice, files={"audio": "the reference clip; may be repeated"}),
)
async def add(request: Request, gateway: GatewayDep) -> VoiceView:
    """Keep a clip under a name; more clips of the same speaker may follow the first."""
    body, uploaded = await read_body(request, NewVoice)
    uploaded.expect_only("audio")
    clips = uploaded.many("audio")
    if body.audio is not None:
        clips = [await asyncio.to_thread(gateway.references.read, body.audio), *clips]
    voice = await asyncio.to_thread(
        gateway.voices.add,
        body.name,
        clips,
        text=body.text,
        language=body.language,
        pronunciations=body.pronunciations,
        model=body.model,
    )
    return voice.view


@router.get("/{name}", response_model_exclude_none=True)
async def voice(name: str, gateway: GatewayDep) -> VoiceView:
    return (await asyncio.to_thread(gateway.voices.get, name)).view


@router.get("/{name}/audio", response_class=FileResponse)
async def sample(
    name: str, gateway: GatewayDep, clip: Annotated[int, Query(ge=0, le=MAX_CLIPS)] = 0
) -> FileResponse:
    """The voice's own clip, or another of them."""
    found = await asyncio.to_thread(gateway.voices.get, name)
    if clip >= len(found.clips):
        raise VoiceUnknown(f"voice {found.name!r} has {len(found.clips)} clips, counted from 0")
    path = found.clips[clip]
    return FileResponse(path, media_type=await asyncio.to_thread(gateway.voices.media_type, path))


@router.delete("/{name}", status_code=204)
async def delete(name: str, gateway: GatewayDep) -> None:
    """Forget the voice: its clips, and the speaker profiles that were made of them."""
    clips = await asyncio.to_thread(gateway.voices.delete, name)
    await gateway.forget_profiles(clips)
