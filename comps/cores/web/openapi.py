"""The OpenAPI document, completed: every operation tells of the errors that any request may meet, and of
their form (problem+json; under `/v1/` OpenAI's)."""

from typing import Any

from fastapi import FastAPI

from comps.cores.audio.formats import AudioFormat
from comps.cores.proto.openai import OpenAIErrorReply
from comps.cores.proto.problems import Problem
from comps.cores.web.problems import PROBLEM_MEDIA_TYPE

JSON = "application/json"
# What any request may be answered, whatever the operation; the rest is declared by the routes.
ANYWHERE = {
    400: "The request is not readable",
    401: "An API key is needed",
    403: "Not with this key, or from this page",
    404: "There is nothing of this name",
    408: "The body did not arrive in time",
    413: "Body or clip too large",
    415: "Not a kind of body that is read here",
    422: "The fields, or what they name, cannot be served",
    429: "More than this key's rate or quota",
    500: "The service failed",
    502: "The inference service answered nonsense",
    503: "Busy, or not ready: see Retry-After",
    504: "Not done before the deadline",
}
TEXTS = ANYWHERE | {409: "It is in the way of something else, or not ready"}
MODELS = (Problem, OpenAIErrorReply)
# For routes to declare: audio of any format.
AUDIO_CONTENT: dict[str, Any] = {kind: {} for kind in sorted({each.media_type for each in AudioFormat})}


def complete(app: FastAPI) -> None:
    """Let `app.openapi` give the completed document."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = completed(plain())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in MODELS:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= {**schema.pop("$defs", {}), model.__name__: schema}
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own form of a 422
        schemas.pop(name, None)
    for path, operations in document["paths"].items():
        content = _content(OpenAIErrorReply, JSON) if path.startswith("/v1/") else _problem_content()
        for operation in operations.values():
            _complete(operation["responses"], content)
    return document


def _complete(responses: dict[str, Any], content: dict[str, Any]) -> None:
    for status in {*ANYWHERE, *(int(name) for name in responses if name.isdecimal() and int(name) >= 400)}:
        declared = responses.get(str(status), {}).get("content", {})
        # A route that declares more than the kind has its own to say of its errors.
        if not declared or declared.get(PROBLEM_MEDIA_TYPE) == {} or _is_fastapis(declared):
            responses[str(status)] = {"description": TEXTS.get(status, "Error"), "content": content}
    for response in responses.values():
        kinds = response.get("content", {})
        if len(kinds) > 1 and kinds.get(JSON, {}).get("schema") == {}:
            del kinds[JSON]  # FastAPI's guess for a route that answers audio


def also_as_json(field: str) -> dict[int | str, dict[str, Any]]:
    """Errors of a route whose older clients read plain JSON, and in it this `field` beside ours."""
    schema = {"type": "object", "required": [field], "properties": {field: {"type": "string"}}}
    content = _problem_content() | {JSON: {"schema": schema}}
    return {status: {"description": text, "content": content} for status, text in ANYWHERE.items()}


def _is_fastapis(content: dict[str, Any]) -> bool:
    return content.get(JSON, {}).get("schema", {}).get("$ref", "").endswith("/HTTPValidationError")


def _problem_content() -> dict[str, Any]:
    return _content(Problem, PROBLEM_MEDIA_TYPE)


def _content(model: type, kind: str) -> dict[str, Any]:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
