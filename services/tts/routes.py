"""Speaking: `/tts`, `/transfer`, `/phonemize` and `/health`."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from comps.constants import (
    JOB_ID_HEADER,
    REPLAYED_HEADER,
    SAMPLE_RATE_HEADER,
    SEED_HEADER,
    SEGMENTS_HEADER,
    SPEAKER_CACHE_HEADER,
    SPEAKER_ID_HEADER,
)
from comps.cores.audio.encoding import apply_rewrites
from comps.cores.errors import SovitsError
from comps.cores.proto.health import CacheHealth, GatewayHealth, JobsHealth, UpstreamHealth
from comps.cores.proto.jobs import JobState, JobView
from comps.cores.proto.phonemes import PhonemizeReply, PhonemizeRequest
from comps.cores.proto.speech import GatewayFields, GatewaySpeechRequest
from comps.cores.proto.transfer import GatewayTransferRequest
from comps.cores.web.bodies import body_schema, read_body
from comps.cores.web.streaming import AudioStream, primed, unless_gone
from services.tts.deps import ERRORS, GatewayDep, Responses
from services.tts.gateway import Gateway
from services.tts.jobs.follow import FollowedJob
from services.tts.jobs.keys import KeyHeader, key_of
from services.tts.jobs.run import JobRun
from services.tts.views import view_of

router = APIRouter()

FILES = {
    "reference_audio": "the reference clip (WAV, FLAC, MP3, Ogg), 0.5 to 60 seconds",
    "aux_reference_audio": "more clips of the same speaker; may be repeated",
}
CLIP_PARTS = ("reference_audio", "audio", "aux_reference_audio", "aux_audio")
TRANSFER_FILES = {
    "source": "the recording to speak again (WAV, FLAC, MP3, Ogg), 0.5 to 60 seconds",
    "reference": "a clip of the voice to speak it in; the default voice if none is named",
    "aux_reference_audio": "more clips of that speaker; may be repeated",
}
TRANSFER_PARTS = (
    "source",
    "source_audio",
    "reference",
    "reference_audio",
    "aux_reference_audio",
    "aux_audio",
)
AUDIO: Responses = {
    200: {"content": {"audio/wav": {}, "audio/mpeg": {}, "audio/flac": {}, "audio/ogg": {}, "audio/pcm": {}}},
    202: {"model": JobView},
}


@router.get("/health", responses={503: {"model": GatewayHealth}})
async def health(gateway: GatewayDep) -> Response:
    """How the gateway and the inference service behind it are; 503 when the latter is not ready."""
    try:
        upstream = UpstreamHealth(
            url=gateway.inference.url, **(await gateway.inference.health()).model_dump()
        )
    except SovitsError as error:
        upstream = UpstreamHealth(url=gateway.inference.url, status="unreachable", detail=str(error))
    counts = await gateway.store.counts()
    profiles = gateway.profiles
    state = GatewayHealth(
        status="ok" if upstream.status == "ok" else "unavailable",
        gptsovits=upstream,
        jobs=JobsHealth(queued=counts[JobState.QUEUED], running=counts[JobState.RUNNING]),
        cache=CacheHealth(
            entries=len(profiles), bytes=profiles.n_bytes, hits=profiles.hits, misses=profiles.misses
        ),
    )
    return JSONResponse(state.model_dump(exclude_none=True), 200 if state.status == "ok" else 503)


@router.post(
    "/tts", responses={**AUDIO, **ERRORS}, openapi_extra=body_schema(GatewaySpeechRequest, files=FILES)
)
async def tts(request: Request, gateway: GatewayDep, idempotency_key: KeyHeader = None) -> Response:
    """The text, spoken: as audio while it is being made, or as a job to ask for later."""
    body, uploaded = await read_body(request, GatewaySpeechRequest)
    uploaded.expect_only(*CLIP_PARTS)
    prefer_async(request, body)
    key = key_of(idempotency_key, body, uploaded, route="/tts")
    run = await gateway.start_job(body, uploaded, key=key)
    return await reply_of(run, body, request, gateway)


@router.post(
    "/transfer",
    responses={**AUDIO, **ERRORS},
    openapi_extra=body_schema(GatewayTransferRequest, files=TRANSFER_FILES),
)
async def transfer(request: Request, gateway: GatewayDep, idempotency_key: KeyHeader = None) -> Response:
    """A recording in another voice, with its own timing and intonation; the reply is that of `/tts`."""
    body, uploaded = await read_body(request, GatewayTransferRequest)
    uploaded.expect_only(*TRANSFER_PARTS)
    prefer_async(request, body)
    key = key_of(idempotency_key, body, uploaded, route="/transfer")
    run = await gateway.start_transfer(body, uploaded, key=key)
    return await reply_of(run, body, request, gateway)


@router.post("/phonemize", responses=ERRORS, openapi_extra=body_schema(PhonemizeRequest, files={}))
async def show_phonemes(request: Request, gateway: GatewayDep) -> PhonemizeReply:
    """The text normalised, by language, as phones and their ids, as the inference service would say it."""
    body, uploaded = await read_body(request, PhonemizeRequest)
    uploaded.expect_only()
    return await gateway.inference.phonemize(body)


def prefer_async(request: Request, body: GatewayFields) -> None:
    """Note what the header `Prefer` asks for."""
    if "respond-async" in request.headers.get("prefer", "").replace(" ", "").split(","):
        body.respond_async = True


async def reply_of(
    run: JobRun | FollowedJob, body: GatewayFields, request: Request, gateway: Gateway
) -> Response:
    """The job as it stands, its audio as it is made, or the finished file: as the body asks."""
    if body.respond_async:
        view = await view_of(run.record, gateway.store)
        headers = {"Location": f"/status/{run.record.id}", **headers_of(run)}
        return JSONResponse(view.model_dump(mode="json", exclude_none=True), 202, headers)
    if body.stream:
        return await streamed(run, request)
    return await whole(run, request)


async def streamed(run: JobRun | FollowedJob, request: Request) -> Response:
    """The audio as it is made; the status is chosen when its first bytes are there."""
    chunks = await primed(run.listen(), request)
    return AudioStream(chunks, media_type=str(run.record.media_type), headers=headers_of(run))


async def whole(run: JobRun | FollowedJob, request: Request) -> Response:
    """The finished audio, with its length and with every length in its header right."""

    async def gather() -> bytearray:
        data = bytearray()
        async for chunk in run.listen():
            data += chunk
        return data

    data = await unless_gone(gather(), request)
    apply_rewrites(data, run.rewrites)
    return Response(bytes(data), media_type=run.record.media_type, headers=headers_of(run))


def headers_of(run: JobRun | FollowedJob) -> dict[str, str]:
    headers = {JOB_ID_HEADER: run.record.id}
    if run.is_replay:
        headers[REPLAYED_HEADER] = "true"
    if run.started is not None:
        headers |= {
            SPEAKER_ID_HEADER: run.started.speaker_id,
            SPEAKER_CACHE_HEADER: run.started.cache,
            SAMPLE_RATE_HEADER: str(run.output_rate),
            SEED_HEADER: str(run.started.seed),
            SEGMENTS_HEADER: str(run.started.segments_total),
        }
    return headers
