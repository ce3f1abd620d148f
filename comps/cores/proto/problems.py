"""Problem details for HTTP APIs (RFC 9457): the one form of every error reply outside `/v1`."""

from comps.cores.proto.base import Reply


class FieldError(Reply):
    field: str
    message: str
    code: str


class Problem(Reply):
    """`code` is the stable name of the error; `supported` lists what would have been possible."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    request_id: str | None = None
    errors: list[FieldError] | None = None
    supported: list[str] | None = None
    missing: str | None = None
