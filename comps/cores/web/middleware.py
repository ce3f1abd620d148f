"""Around every request: its id, its line in the access log, a bound on its body, a reply whatever happens."""

import logging
import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from comps.constants import REQUEST_ID_HEADER
from comps.cores import logs
from comps.cores.errors import BodyTooLarge
from comps.cores.web.metrics import HttpMetrics
from comps.cores.web.problems import error_response

logger = logging.getLogger("access")

WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET_PATHS = frozenset({"/health", "/metrics"})


class RequestMiddleware:
    """Pure ASGI, so that a stream passes through it untouched and a disconnect reaches whoever makes it."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, metrics: HttpMetrics | None = None) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        offered = headers.get(REQUEST_ID_HEADER, "")
        request_id = offered if WELL_FORMED_ID.fullmatch(offered) else uuid4().hex
        token = logs.request_id.set(request_id)
        started = time.perf_counter()
        status = 0

        async def tagged_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        try:
            if int(headers.get("content-length", "0") or 0) > self.max_body_bytes:
                raise self._too_large()
            await self.app(scope, self._bounded(receive), tagged_send)
        except Exception as error:
            if status:  # headers are out: all that can be done is to break the connection, visibly
                logger.error("the reply broke off", exc_info=error)
                raise
            await error_response(error, path=scope["path"])(scope, receive, tagged_send)
        finally:
            self._record(scope, status, time.perf_counter() - started)
            logs.request_id.reset(token)

    def _bounded(self, receive: Receive) -> Receive:
        n_bytes = 0

        async def counted() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > self.max_body_bytes:
                raise self._too_large()
            return message

        return counted

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the request body is larger than {self.max_body_bytes} bytes")

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        if self.metrics:
            self.metrics.observe(scope["method"], route, status, seconds)
        level = logging.DEBUG if scope["path"] in QUIET_PATHS else logging.INFO
        # The route, not the path or the query: those can hold a user's text.
        fields = {"method": scope["method"], "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        logger.log(level, "request", extra=fields)
