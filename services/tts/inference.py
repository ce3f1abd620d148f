"""The inference service, as the gateway sees it: a few calls, and typed errors for all that can go wrong."""

import base64
import binascii
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from comps.constants import REQUEST_ID_HEADER, SAMPLE_RATE_HEADER, SEED_HEADER, SEGMENTS_HEADER
from comps.cores import exchange, logs
from comps.cores.audio.digest import source_digest
from comps.cores.errors import DeadlineExceeded, UpstreamNonsense, UpstreamRefused, UpstreamUnavailable
from comps.cores.proto import frames
from comps.cores.proto.frames import FrameWithAudio, read_frames
from comps.cores.proto.health import InferenceHealth, ModelHealth
from comps.cores.proto.phonemes import PhonemizeReply, PhonemizeRequest
from comps.cores.proto.problems import Problem
from comps.cores.proto.speakers import ProcessReply

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
HEALTH_SECONDS = 3.0
# How long the loaded model is believed to stay the same; a profile of other weights is refused anyway.
MODEL_BELIEVED_SECONDS = 10.0


@dataclass(frozen=True)
class Profile:
    """A speaker profile: its id, and the bytes that make the inference service know the speaker."""

    speaker_id: str
    data: bytes
    warnings: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()  # digests of the clips it was made of


@dataclass(frozen=True)
class SpeechAnswer:
    """Audio on its way: what the headers say of it, and its frames."""

    sample_rate: int
    seed: int
    segments_total: int
    frames: AsyncIterator[FrameWithAudio]


class InferenceClient:
    def __init__(self, client: httpx.AsyncClient, *, deadline_seconds: float) -> None:
        self._client = client
        self._timeout = httpx.Timeout(deadline_seconds, connect=CONNECT_SECONDS)
        self._model: ModelHealth | None = None
        self._model_seen = 0.0

    @property
    def url(self) -> str:
        return str(self._client.base_url).rstrip("/")

    async def health(self) -> InferenceHealth:
        """How the service is; `UpstreamUnavailable` if it cannot be asked, or takes long to say."""
        try:
            reply = await self._request("GET", "/health", timeout=HEALTH_SECONDS)
        except (
            DeadlineExceeded
        ) as error:  # of this question alone: what it was asked for may still be waited for
            raise UpstreamUnavailable(
                f"the inference service did not say within {HEALTH_SECONDS:g} s how it is"
            ) from error
        try:
            health = InferenceHealth.model_validate_json(reply.content)
        except ValidationError as error:
            raise UpstreamNonsense("/health of the inference service is not readable") from error
        self._model, self._model_seen = health.model, time.monotonic()
        return health

    async def model(self) -> ModelHealth:
        """The model that is loaded there. Raises `UpstreamUnavailable` while there is none."""
        if self._model is None or time.monotonic() - self._model_seen > MODEL_BELIEVED_SECONDS:
            health = await self.health()
            if health.model is None:
                raise UpstreamUnavailable(f"the inference service is {health.status}: {health.detail or ''}")
        assert self._model is not None
        return self._model

    def forget_model(self) -> None:
        """Ask again before the next profile: another model may be loaded by now."""
        self._model = None

    async def phonemize(self, request: PhonemizeRequest) -> PhonemizeReply:
        """What will be said of a text."""
        reply = await self._request("POST", "/phonemize", json=request.model_dump())
        await self._check(reply)
        try:
            return PhonemizeReply.model_validate_json(reply.content)
        except ValidationError as error:
            raise UpstreamNonsense("/phonemize of the inference service is not readable") from error

    async def process(
        self,
        clip: bytes,
        *,
        text: str | None,
        language: str,
        aux: Sequence[bytes] = (),
        model: str | None = None,
    ) -> Profile:
        """The profile of a clip, for a model; None is the default there."""
        files = [("audio", ("clip", clip)), *(("aux_audio", ("clip", data)) for data in aux)]
        fields = {"prompt_language": language, "include_profile": "true"} | (
            {"prompt_text": text} if text else {}
        )
        fields |= {"model": model} if model else {}
        reply = await self._request("POST", "/process", data=fields, files=files)
        await self._check(reply)
        try:
            made = ProcessReply.model_validate_json(reply.content)
            data = base64.b64decode(made.profile or "", validate=True)
        except (ValidationError, binascii.Error) as error:
            raise UpstreamNonsense("/process of the inference service is not readable") from error
        if not data:
            raise UpstreamNonsense("/process of the inference service gave no profile")
        sources = frozenset(source_digest(each) for each in (clip, *aux))
        return Profile(made.speaker_id, data, tuple(made.warnings), sources)

    async def hydrate(self, profile: Profile) -> None:
        """Make the service know the speaker again."""
        path = f"/speakers/{quote(profile.speaker_id, safe='')}"
        kind = {"Content-Type": "application/octet-stream"}
        await self._check(await self._request("PUT", path, content=profile.data, headers=kind))

    async def forget(self, speaker_id: str) -> None:
        """Make the service forget the speaker; one that it does not know is forgotten already."""
        reply = await self._request("DELETE", f"/speakers/{quote(speaker_id, safe='')}")
        if reply.status_code != 404:
            await self._check(reply)

    @asynccontextmanager
    async def speak(
        self, fields: dict[str, Any], *, source: bytes | None = None
    ) -> AsyncIterator[SpeechAnswer]:
        """The audio of a speech request, or of the voice transfer of a `source`.

        Leaving the context early cancels it there.
        """
        headers = self._headers() | {"Accept": frames.MEDIA_TYPE}
        body: dict[str, Any] = {"json": fields}
        if source is not None:
            body = {"data": _as_form(fields), "files": {"source": ("source", source)}}
        request = self._client.build_request(
            "POST",
            "/tts" if source is None else "/transfer",
            headers=headers,
            timeout=self._timeout,
            **body,
        )
        with _translated():
            reply = await self._client.send(request, stream=True)
        try:
            await self._check(reply)
            yield SpeechAnswer(
                sample_rate=_number(reply, SAMPLE_RATE_HEADER),
                seed=_number(reply, SEED_HEADER),
                segments_total=_number(reply, SEGMENTS_HEADER),
                frames=_frames(reply),
            )
        finally:
            await reply.aclose()

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        options["headers"] = self._headers() | options.get("headers", {})
        options.setdefault("timeout", self._timeout)
        with _translated():
            return await self._client.request(method, path, **options)

    def _headers(self) -> dict[str, str]:
        here = exchange.current.get()
        return {REQUEST_ID_HEADER: logs.request_id.get(), **(here.trace.headers if here else {})}

    async def _check(self, reply: httpx.Response) -> None:
        if reply.status_code < 400:
            return
        with _translated():
            body = await reply.aread()
        try:
            problem = Problem.model_validate_json(body)
        except ValidationError as error:
            raise UpstreamNonsense(f"the inference service answered {reply.status_code}") from error
        if problem.status in (401, 403):  # that is about the gateway, not about who asks it
            logger.error("the inference service refuses the gateway: %s", problem.code)
            raise UpstreamNonsense("the inference service does not accept the gateway's key (GPT_SOVITS_KEY)")
        raise refusal_of(problem, retry_after=_retry_after(reply))


def _as_form(fields: dict[str, Any]) -> dict[str, str]:
    """Fields as a form carries them: what is not text as JSON, and nothing for None."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
        if value is not None
    }


def refusal_of(problem: Problem, *, retry_after: float | None = None) -> UpstreamRefused:
    return UpstreamRefused(
        problem.detail,
        status=problem.status,
        code=problem.code,
        title=problem.title,
        retry_after=retry_after,
    )


async def _frames(reply: httpx.Response) -> AsyncIterator[FrameWithAudio]:
    with _translated():
        async for found in read_frames(reply.aiter_raw()):
            if found.frame.problem:
                raise refusal_of(found.frame.problem)
            yield found


class _translated:  # noqa: N801 - a context manager, used like a function
    """httpx's errors as ours."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        match error:
            case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout():
                raise UpstreamUnavailable("the inference service cannot be reached") from error
            case httpx.TimeoutException():
                raise DeadlineExceeded("the inference service did not answer in time") from error
            case httpx.HTTPError():
                raise UpstreamNonsense("the connection to the inference service broke") from error


def _retry_after(reply: httpx.Response) -> float | None:
    try:
        return int(reply.headers["retry-after-ms"]) / 1000
    except (KeyError, ValueError):
        return None


def _number(reply: httpx.Response, header: str) -> int:
    try:
        return int(reply.headers[header])
    except (KeyError, ValueError) as error:
        raise UpstreamNonsense(f"the inference service sent no {header}") from error
