"""`POST /phonemize`: what the loaded model will be given to say."""

import asyncio
from dataclasses import asdict

from fastapi import APIRouter, Request

from comps.cores.proto.phonemes import PhonemizeReply, PhonemizeRequest, SpanView
from comps.cores.web.bodies import body_schema, read_body
from comps.gptsovits.text.pipeline import phonemize
from comps.gptsovits.versions import FACTS, Version
from services.gptsovits.deps import ERRORS, SpeechDep
from services.gptsovits.languages import check_language, check_spoken

router = APIRouter()


@router.post("/phonemize", responses=ERRORS, openapi_extra=body_schema(PhonemizeRequest, files={}))
async def show_phonemes(request: Request, speech: SpeechDep) -> PhonemizeReply:
    """The text normalised, by language, as phones and their ids; what cannot be spoken is in `warnings`."""
    body, uploads = await read_body(request, PhonemizeRequest)
    uploads.expect_only()
    model = speech.inference.loaded.health
    check_language(body.language, model)
    said = await asyncio.to_thread(
        phonemize,
        body.text,
        body.language,
        inventory=FACTS[Version(model.version)].symbols,
        pronunciations=body.pronunciations,
    )
    for span in said.spans:
        check_spoken(span.language, model)
    return PhonemizeReply(
        norm_text=said.norm_text,
        phones=list(said.phones),
        phone_ids=list(said.phone_ids),
        spans=[SpanView(**asdict(span)) for span in said.spans],
        warnings=list(said.warnings),
    )
