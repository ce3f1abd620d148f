"""What handlers are given."""

from typing import Annotated, Any

from fastapi import Depends, Request

from comps.cores.proto.problems import Problem
from services.tts.gateway import Gateway

Responses = dict[int | str, dict[str, Any]]

ERRORS: Responses = {
    status: {"model": Problem, "content": {"application/problem+json": {}}}
    for status in (400, 404, 409, 413, 415, 422, 502, 503, 504)
}


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


GatewayDep = Annotated[Gateway, Depends(_gateway)]
