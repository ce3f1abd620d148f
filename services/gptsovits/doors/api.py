"""The reference project's older API at `/`, and the clients that were written for servers like it.

`POST /` is asked in three ways, told apart by their fields: the old API's own (`refer_wav_path`,
`text_language`, `cut_punc`), SillyTavern's (api_v2's fields with a path made of the voice's name) and that of
SillyTavern's adapter (`target_voice`).
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from comps.cores.errors import InvalidOption
from comps.cores.proto.speech import SpeechRequest
from comps.cores.web.bodies import json_object, query_fields
from services.gptsovits.deps import ModelsDep, SpeechDep, VoicesDep
from services.gptsovits.doors.errors import as_api_v2, as_old_api
from services.gptsovits.doors.voices import DoorVoice, DoorVoices
from services.gptsovits.routes import speak

# The old API's names of languages; its codes are ours.
LANGUAGES = {
    "中文": "all_zh",
    "粤语": "all_yue",
    "英文": "en",
    "日文": "all_ja",
    "韩文": "all_ko",
    "中英混合": "zh",
    "粤英混合": "yue",
    "日英混合": "ja",
    "韩英混合": "ko",
    "多语种混合": "auto",
    "多语种混合(粤语)": "auto_yue",
}
CUT_MARKS = frozenset(",.;?!、，。？！；：…")
SAME_NAMES = ("top_k", "top_p", "temperature", "speed", "sample_steps")
ADAPTER_MARKS = frozenset({"target_voice", "use_st_adapter", "card_name"})
CHANGE_FIELDS = ("refer_wav_path", "prompt_text", "prompt_language")


def _old_api_errors(request: Request) -> None:
    request.state.error_form = as_old_api


router = APIRouter(dependencies=[Depends(_old_api_errors)], include_in_schema=False)


@router.get("/speakers")
async def speakers(voices: VoicesDep) -> list[dict[str, str]]:
    """The clips of the audio folder, as SillyTavern lists voices."""
    return [{"name": name, "voice_id": name} for name in await asyncio.to_thread(voices.names)]


@router.post("/")
async def speak_body(request: Request, speech: SpeechDep, voices: VoicesDep, models: ModelsDep) -> Response:
    fields = await json_object(request)
    if "target_voice" in fields or "ref_audio_path" in fields:
        request.state.error_form = as_api_v2
    body = await asyncio.to_thread(understood, fields, voices)
    return await speak(request, speech, models.given(body))


@router.get("/")
async def speak_query(request: Request, speech: SpeechDep, voices: VoicesDep, models: ModelsDep) -> Response:
    body = await asyncio.to_thread(understood, query_fields(request), voices)
    return await speak(request, speech, models.given(body))


@router.post("/change_refer")
async def change_by_body(request: Request, voices: VoicesDep) -> dict[str, Any]:
    """Who speaks for requests that name nobody, from now on."""
    return await asyncio.to_thread(_change, await json_object(request), voices)


@router.get("/change_refer")
async def change_by_query(request: Request, voices: VoicesDep) -> dict[str, Any]:
    return await asyncio.to_thread(_change, query_fields(request), voices)


@router.get("/set_refer_audio")
async def set_refer_audio(request: Request, voices: VoicesDep, refer_audio_path: str = "") -> dict[str, str]:
    """api_v2's name for the same, without a transcript."""
    request.state.error_form = as_api_v2
    await asyncio.to_thread(_change, {"refer_wav_path": refer_audio_path}, voices)
    return {"message": "success"}


def understood(fields: Mapping[str, Any], voices: DoorVoices) -> SpeechRequest:
    """The request in our own words. Reads files: not in the event loop. Raises what is wrong with it."""
    if ADAPTER_MARKS & fields.keys():
        theirs = {name: value for name, value in fields.items() if name not in ADAPTER_MARKS}
        name = fields.get("target_voice")
        voice = voices.find(str(name)) if name else voices.default()
        if str(theirs.get("media_type", "auto")).lower() == "auto":
            theirs["media_type"] = "wav"
        return SpeechRequest.model_validate({**theirs, **voice.fields})
    if "ref_audio_path" in fields:
        theirs = dict(fields)
        text, language = theirs.pop("prompt_text", None), theirs.pop("prompt_lang", None)
        voice = voices.find(str(theirs.pop("ref_audio_path")), text=text, language=language)
        return SpeechRequest.model_validate({**theirs, **voice.fields})
    return _old_api(fields, voices)


def _old_api(fields: Mapping[str, Any], voices: DoorVoices) -> SpeechRequest:
    ours = {name: fields[name] for name in SAME_NAMES if fields.get(name) not in (None, "")}
    ours["text"] = fields.get("text") or ""
    if not ours["text"]:
        raise InvalidOption("text is required; what this service offers is at /docs")
    ours["language"] = _language(fields.get("text_language"))
    ours["aux_reference_audio"] = fields.get("inp_refs")
    ours["stream"] = False
    punctuation = fields.get("cut_punc")
    if punctuation is not None:
        ours["text"], ours["split"] = cut_at(str(ours["text"]), str(punctuation)), "cut0"
    return SpeechRequest.model_validate(ours | _old_voice(fields, voices).fields)


def _old_voice(fields: Mapping[str, Any], voices: DoorVoices) -> DoorVoice:
    path = fields.get("refer_wav_path")
    if not path:
        return voices.default()
    return voices.find(
        str(path), text=fields.get("prompt_text"), language=_language(fields.get("prompt_language"))
    )


def _change(fields: Mapping[str, Any], voices: DoorVoices) -> dict[str, Any]:
    path, text, language = (fields.get(name) or None for name in CHANGE_FIELDS)
    if path is None and text is None and language is None:
        raise InvalidOption(f"give one of {', '.join(CHANGE_FIELDS)}")
    before = voices.default() if path is None else voices.find(str(path))
    voices.set_default(
        DoorVoice(
            before.path,
            before.text if text is None else str(text),
            before.language if language is None else _language(language),
        )
    )
    return {"code": 0, "message": "Success"}


def _language(name: object) -> str:
    word = str(name or "auto").strip()
    return LANGUAGES.get(word, word)


def cut_at(text: str, punctuation: str) -> str:
    """A line for each piece between the marks that the old API lets one cut at."""
    marks = "".join(sorted(CUT_MARKS & set(punctuation)))
    if not marks:
        return text
    pieces = re.findall(f"[^{re.escape(marks)}]*[{re.escape(marks)}]|[^{re.escape(marks)}]+$", text)
    return "\n".join(piece.strip("\n") for piece in pieces if piece.strip())
