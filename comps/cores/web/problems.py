"""Exceptions → replies: the one table of status codes, and the two forms of an error (RFC 9457; OpenAI's)."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from comps.cores import errors, exchange, logs
from comps.cores.proto.openai import OpenAIError, OpenAIErrorReply
from comps.cores.proto.problems import FieldError, Problem
from comps.cores.web.uploading import drain

logger = logging.getLogger(__name__)

ErrorForm = Callable[[Problem], tuple[int, dict[str, Any]]]

PROBLEM_MEDIA_TYPE = "application/problem+json"
CLIENT_CLOSED_REQUEST = 499  # recorded, never sent

# The nearest ancestor that is listed decides.
STATUS: dict[type[errors.SovitsError], int] = {
    errors.SovitsError: 500,
    errors.InputError: 422,
    errors.AudioTooLong: 413,
    errors.BodyTooLarge: 413,
    errors.BodyTooSlow: 408,
    errors.FileMissing: 404,
    errors.AccessError: 403,
    errors.KeyMissing: 401,
    errors.KeyWrong: 401,
    errors.LimitExceeded: 429,
    errors.Overloaded: 503,
    errors.ModelError: 500,
    errors.ModelNotFound: 404,
    errors.ModelNotReady: 503,
    errors.NotSupportedByModel: 422,
    errors.SpeakerUnknown: 404,
    errors.VoiceUnknown: 404,
    errors.VoiceExists: 409,
    errors.ProfileMismatch: 409,
    errors.CorruptProfile: 422,
    errors.EngineError: 500,
    errors.EngineBusy: 503,
    errors.EngineStopped: 503,
    errors.DeadlineExceeded: 504,
    errors.Cancelled: CLIENT_CLOSED_REQUEST,
    errors.JobUnknown: 404,
    errors.JobNotFinished: 409,
    errors.IdempotencyKeyReused: 422,
    errors.JobStoreUnavailable: 503,
    errors.UpstreamError: 502,
    errors.UpstreamUnavailable: 503,
}

# Errors that come while a body is still being sent.
UNREAD = (errors.BodyTooLarge, errors.BodyTooSlow, errors.Overloaded, errors.AccessError)

# What OpenAI's clients expect to read instead of our own names: type and code.
OPENAI_NAMES = {
    "key_missing": ("authentication_error", "invalid_api_key"),
    "key_wrong": ("authentication_error", "invalid_api_key"),
    "scope_missing": ("permission_error", "insufficient_permissions"),
    "rate_exceeded": ("rate_limit_error", "rate_limit_exceeded"),
    "quota_exceeded": ("insufficient_quota", "insufficient_quota"),
}

TITLES = {400: "The request is not readable", 404: "There is nothing here", 405: "Not this method"}


def status_of(error: errors.SovitsError) -> int:
    if isinstance(error, errors.UpstreamRefused):
        return error.status
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_of(error: Exception) -> Problem:
    """What may be told of any exception; of an unexpected one only that it happened."""
    match error:
        case errors.UpstreamRefused():
            return _problem(error.status, error.refusal_code, error.refusal_title, str(error))
        case errors.SovitsError():
            problem = _problem(status_of(error), error.code, error.title, str(error))
            problem.supported = (
                list(error.supported) if isinstance(error, errors.UnsupportedLanguage) else None
            )
            problem.missing = error.missing if isinstance(error, errors.ModelNotReady) else None
            return problem
        case RequestValidationError() | ValidationError():
            found = [_field_error(entry) for entry in error.errors()]
            detail = "; ".join(f"{entry.field}: {entry.message}" for entry in found[:5])
            problem = _problem(422, "invalid_fields", "Some fields are not valid", detail)
            problem.errors = found
            return problem
        case HTTPException():
            title = TITLES.get(error.status_code, "The request cannot be served")
            return _problem(error.status_code, _code_of_status(error.status_code), title, str(error.detail))
    return _problem(
        500, "internal_error", "Internal error", "The service failed; its log has the request id."
    )


def retry_after_of(error: Exception) -> float | None:
    """Seconds after which trying again makes sense, for errors that pass by themselves."""
    seconds = getattr(error, "retry_after", None)
    if seconds is None and isinstance(error, errors.SovitsError) and status_of(error) == 503:
        return 2.0
    return seconds


def error_response(error: Exception, *, path: str, form: ErrorForm | None = None) -> JSONResponse:
    """The reply for `error`, in the form that clients of `path` read, or in one of their own."""
    problem = problem_of(error)
    problem.instance = path
    problem.request_id = logs.request_id.get()
    if (here := exchange.current.get()) is not None:
        here.problem = problem.code
    if problem.status >= 500 and not isinstance(error, errors.SovitsError):
        logger.error("unexpected error", exc_info=error)
    headers = dict(getattr(error, "headers", None) or {})
    if (seconds := retry_after_of(error)) is not None:
        headers |= {
            "Retry-After": str(max(1, math.ceil(seconds))),
            "retry-after-ms": str(int(seconds * 1000)),
        }
    is_unread = isinstance(error, UNREAD)
    if is_unread:
        headers["Connection"] = "close"  # the rest of the body is not wanted
    reply = EarlyResponse if is_unread and not isinstance(error, errors.BodyTooSlow) else JSONResponse
    if form is not None:
        status, told = form(problem)
        return reply(told, status, headers)
    if path.startswith("/v1/"):
        return reply(_openai(problem).model_dump(), problem.status, headers)
    body = problem.model_dump(exclude_none=True)
    return reply(body, problem.status, headers, media_type=PROBLEM_MEDIA_TYPE)


class EarlyResponse(JSONResponse):
    """A refusal while the client still sends. To hang up at once would lose it: so the rest is read first."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Who expects to be asked to continue has not sent anything yet.
        if scope["type"] == "http" and "expect" not in Headers(scope=scope):
            await drain(receive)
        await super().__call__(scope, receive, send)


def install(app: FastAPI) -> None:
    """Answer every error of `app` by the table above."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        form = getattr(request.state, "error_form", None)  # set by the doors of other projects
        return error_response(_cause(error), path=request.scope["path"], form=form)

    for kind in (errors.SovitsError, RequestValidationError, ValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


def _cause(error: Exception) -> Exception:
    """FastAPI wraps what goes wrong while a body is read; our own errors (too large) know better."""
    if isinstance(error, HTTPException) and isinstance(error.__cause__, errors.SovitsError):
        return error.__cause__
    return error


def _problem(status: int, code: str, title: str, detail: str) -> Problem:
    return Problem(type=f"urn:sovits-serve:{code}", title=title, status=status, detail=detail, code=code)


def _field_error(entry: Any) -> FieldError:
    location: Sequence[object] = entry.get("loc", ())
    names = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    return FieldError(field=".".join(names) or "body", message=entry["msg"], code=entry["type"])


def _code_of_status(status: int) -> str:
    return {
        400: "unreadable_body",
        404: "not_found",
        405: "method_not_allowed",
        415: "unsupported_media_type",
    }.get(status, "refused")


def _openai(problem: Problem) -> OpenAIErrorReply:
    usual = ("server_error" if problem.status >= 500 else "invalid_request_error", problem.code)
    kind, code = OPENAI_NAMES.get(problem.code, usual)
    param = problem.errors[0].field if problem.errors else None
    return OpenAIErrorReply(error=OpenAIError(message=problem.detail, type=kind, param=param, code=code))
