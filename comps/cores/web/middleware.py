"""Around every request: its id, its span, its line in the access log, bounds on its body, and a reply."""

import logging
import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from comps.constants import REQUEST_ID_HEADER
from comps.cores import exchange, logs
from comps.cores.exchange import Exchange, server_timing
from comps.cores.web.headers import harden
from comps.cores.web.metrics import HttpMetrics
from comps.cores.web.problems import error_response
from comps.cores.web.tracing import Tracing
from comps.cores.web.uploading import BodyLimits

logger = logging.getLogger("access")

WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
QUIET_PATHS = frozenset({"/health", "/metrics"})


class RequestMiddleware:
    """Pure ASGI, so that a stream passes through it untouched and a disconnect reaches whoever makes it."""

    def __init__(self, app: ASGIApp, *, limits: BodyLimits, metrics: HttpMetrics, tracing: Tracing) -> None:
        self.app = app
        self.limits = limits
        self.metrics = metrics
        self.tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        offered = headers.get(REQUEST_ID_HEADER, "")
        request_id = offered if WELL_FORMED_ID.fullmatch(offered) else uuid4().hex
        served = _Served(self, scope, send, request_id)
        id_token = logs.request_id.set(request_id)
        exchange_token = exchange.current.set(served.exchange)
        try:
            if scope["type"] == "websocket":
                await self.app(scope, receive, served.send)
                return
            self.limits.check_length(headers.get("content-length"))
            with self.limits.bounded(receive) as bounded:
                await self.app(scope, bounded, served.send)
        except Exception as error:
            if served.status or scope["type"] == "websocket":
                # Something is out already: all that can be done is to break the connection, visibly.
                logger.error("the reply broke off", exc_info=error)
                raise
            await error_response(error, path=scope["path"])(scope, receive, served.send)
        finally:
            served.end()
            exchange.current.reset(exchange_token)
            logs.request_id.reset(id_token)


class _Served:
    """One request while it is being served: what its reply carries, and what is recorded of it."""

    def __init__(self, house: RequestMiddleware, scope: Scope, send: Send, request_id: str) -> None:
        self._house, self._scope, self._send, self._request_id = house, scope, send, request_id
        method = scope.get("method", "WEBSOCKET")
        # Any word may be sent as a method, and each would be a row of figures for ever.
        self._method = method if method in METHODS else "OTHER"
        self._span = house.tracing.begin(self._method, Headers(scope=scope))
        self.exchange = Exchange(self._span.trace, on_stage=self._span.stage)
        self.status = 0
        self._began = time.perf_counter()
        self._first_ms = 0.0
        house.metrics.running.inc()

    async def send(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                self.status = message["status"]
                self._first_ms = self._elapsed_ms()
                self._complete(MutableHeaders(scope=message))
            case "websocket.accept":
                self.status = 101
                self._first_ms = self._elapsed_ms()
                message.setdefault("headers", [])
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = self._request_id
            case "websocket.close" if not self.status:
                self.status = 403
        await self._send(message)

    def _complete(self, headers: MutableHeaders) -> None:
        headers[REQUEST_ID_HEADER] = self._request_id
        # A streamed reply has done no more than this by now; of a whole one it is all.
        headers["Server-Timing"] = server_timing({**self.exchange.stages, "total": self._first_ms})
        harden(headers, self._scope["path"])

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000

    def end(self) -> None:
        seconds = self._elapsed_ms() / 1000
        # The route, not the path or the query: those can hold a user's text.
        route = getattr(self._scope.get("route"), "path", "unmatched")
        here = self.exchange
        self._span.end(route=route, status=self.status, problem=here.problem)
        metrics = self._house.metrics
        metrics.running.dec()
        metrics.observe(self._method, route, self.status, seconds, here)
        level = logging.DEBUG if self._scope["path"] in QUIET_PATHS else logging.INFO
        if logger.isEnabledFor(level):
            fields = {
                "method": self._method,
                "route": route,
                "status": self.status,
                "ms": round(seconds * 1000, 1),
                "first_byte_ms": round(self._first_ms, 1),
            }
            if here.stages:
                fields["stages_ms"] = {name: round(ms, 1) for name, ms in here.stages.items()}
            if here.problem:
                fields["problem"] = here.problem
            logger.log(level, "request", extra=fields)
