"""Request bodies that may be JSON or a form with uploads: either way one model and the uploaded bytes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from comps.cores.errors import InvalidOption

MAX_FIELDS = 64
MAX_FILES = 20
# In memory, a list of empty lists is thirty times what it is as text. The longest text has fewer commas.
MAX_JSON_PARTS = 100_000
MAX_FIELD_BYTES = 48 * 1024 * 1024  # a data: URI may be a form field; the body's own limit is below this

AnyModel = TypeVar("AnyModel", bound=BaseModel)
Note = Callable[[Request, dict[str, Any]], None]


@dataclass
class Uploads:
    """Uploaded files by the name of their form field, as bytes."""

    files: dict[str, list[bytes]] = field(default_factory=dict)

    def one(self, *names: str) -> bytes | None:
        """The upload under any of `names`; `InvalidOption` if there are several."""
        found = self.many(*names)
        if len(found) > 1:
            raise InvalidOption(f"one file is expected as {names[0]!r}, not {len(found)}")
        return found[0] if found else None

    def many(self, *names: str) -> list[bytes]:
        return [data for name in names for data in self.files.get(name, [])]

    def expect_only(self, *names: str) -> None:
        if unknown := sorted(self.files.keys() - set(names)):
            raise InvalidOption(f"no file is expected as {unknown[0]!r}; expected: {', '.join(names)}")


async def read_body(
    request: Request, model: type[AnyModel], *, note: Note | None = None
) -> tuple[AnyModel, Uploads]:
    """The validated body and its uploads. 400 for what is not readable, 415 for another kind of body.

    `note` is shown the fields before they are validated.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        fields, uploads = await json_object(request), Uploads()
    elif kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        fields, uploads = await _read_form(request)
    else:
        raise HTTPException(
            415, f"a body of {kind!r} is not read here: send application/json or multipart/form-data"
        )
    if note is not None:
        note(request, fields)
    return model.model_validate(fields), uploads


async def json_object(request: Request) -> dict[str, Any]:
    """The body's fields. 400 for what is not a JSON object."""
    raw = await request.body()
    if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > MAX_JSON_PARTS:
        raise HTTPException(400, f"the body has more than {MAX_JSON_PARTS} parts")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not valid JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return body


async def _read_form(request: Request) -> tuple[dict[str, Any], Uploads]:
    fields: dict[str, Any] = {}
    uploads = Uploads()
    form = request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    async with form as parts:
        for name, part in parts.multi_items():
            if isinstance(part, UploadFile):
                uploads.files.setdefault(name, []).append(await part.read())
            elif name in fields:
                earlier = fields[name]
                fields[name] = [*earlier, part] if isinstance(earlier, list) else [earlier, part]
            else:
                fields[name] = part
    return fields, uploads


def read_query(request: Request, model: type[AnyModel], *, note: Note | None = None) -> AnyModel:
    """The query string as `model`."""
    fields = query_fields(request)
    if note is not None:
        note(request, fields)
    return model.model_validate(fields)


def query_fields(request: Request) -> dict[str, Any]:
    """The query string's fields; a name given twice is a list."""
    found = {name: request.query_params.getlist(name) for name in request.query_params}
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def body_schema(model: type[BaseModel], *, files: dict[str, str] | None = None) -> dict[str, Any]:
    """What OpenAPI says of a body that `read_body` reads: the model as JSON, or as a form with `files`."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema = _inlined(schema, schema.pop("$defs", {}))
    form = json.loads(json.dumps(schema))
    for name, description in (files or {}).items():
        form["properties"][name] = {"type": "string", "format": "binary", "description": description}
    form.pop("additionalProperties", None)
    content = {"application/json": {"schema": schema}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if reference := node.get("$ref"):
            return _inlined(definitions[reference.rsplit("/", 1)[-1]], definitions)
        return {key: _inlined(value, definitions) for key, value in node.items()}
    if isinstance(node, list):
        return [_inlined(value, definitions) for value in node]
    return node
