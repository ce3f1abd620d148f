"""Errors as the clients of the reference project's two APIs read them, with our own fields beside theirs."""

from typing import Any

from fastapi import Request

from comps.cores.proto.problems import Problem
from comps.cores.proto.speech import REFERENCE_MARKS, REFERENCE_NAMES

KEPT = frozenset({401, 403, 429})  # of whoever guards the door
THEIR_NAMES = {ours: theirs for theirs, ours in reversed(REFERENCE_NAMES.items())}


def as_api_v2(problem: Problem) -> tuple[int, dict[str, Any]]:
    """400 for whatever is wrong with a request: the one status that its clients look for."""
    status = _status(problem)
    told = {"message": _message(problem)}
    if status >= 500:
        told = {"message": "tts failed", "Exception": problem.detail}
    return status, {**problem.model_dump(exclude_none=True), "status": status, **told}


def as_old_api(problem: Problem) -> tuple[int, dict[str, Any]]:
    status = _status(problem)
    told = {"status": status, "code": status, "message": _message(problem)}
    return status, problem.model_dump(exclude_none=True) | told


def note_api_v2(request: Request, fields: dict[str, Any]) -> None:
    """A request that uses the reference project's words is answered in them."""
    if REFERENCE_MARKS & fields.keys() or (request.method == "GET" and not fields):
        request.state.error_form = as_api_v2
        request.state.is_api_v2 = True


def is_api_v2(request: Request) -> bool:
    return getattr(request.state, "is_api_v2", False)


def _status(problem: Problem) -> int:
    return problem.status if problem.status >= 500 or problem.status in KEPT else 400


def _message(problem: Problem) -> str:
    missing = next((error for error in problem.errors or () if error.code == "missing"), None)
    if missing is None:
        return problem.detail
    return f"{THEIR_NAMES.get(missing.field, missing.field)} is required"
